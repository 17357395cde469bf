// What each type of value takes and refuses.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "config/host_port.hpp"
#include "config/paths.hpp"
#include "config/read_value.hpp"
#include "tests/config/test_options.hpp"

namespace vsf::config {
namespace {

/// Loads `key: value` (dotted key) as a flow mapping.
result<settings> load_one(const std::string& key, const std::string& value) {
  std::string head, tail;
  for (const char c : key) {
    if (c == '.') {
      head += ": {";
      tail += '}';
    } else {
      head += c;
    }
  }
  return load_text(head + ": " + value + tail, "t", home_only());
}
bool takes(const std::string& key, const std::string& value) { return load_one(key, value).has_value(); }

TEST(values, booleans_are_true_or_false) {
  EXPECT_TRUE(load_one("log.json", "true")->log.json);
  EXPECT_FALSE(load_one("log.json", "false")->log.json);
  for (const auto* bad :
       {"yes", "no", "on", "True", "1", "0", "\"true\"", "~", "[true]", "{a: true}", "truee"})
    EXPECT_FALSE(takes("log.json", bad)) << bad;
}

TEST(values, numbers_are_whole_and_within_their_range) {
  EXPECT_EQ(load_one("mesh.capture.retention_days", "1")->mesh.capture.retention_days, 1u);
  EXPECT_EQ(load_one("mesh.capture.retention_days", "3650")->mesh.capture.retention_days, 3650u);
  for (const auto* bad : {"0", "3651", "-1", "+1", "1.5", "1e2", "0x10", "010", "1_000", "yes", "\"7\"", "''",
                          "٣", "99999999999999999999", "7 days", "[7]"})
    EXPECT_FALSE(takes("mesh.capture.retention_days", bad)) << bad;
  EXPECT_EQ(load_one("transfers.upload_limit_kib", "0")->transfers.upload_limit_kib, 0u);
  EXPECT_EQ(load_one("mesh.capture.retention_days", "4000").error().message,
            "t:1:34: mesh.capture.retention_days takes a whole number from 1 to 3650, not \"4000\"");
  EXPECT_EQ(load_one("mesh.capture.retention_days", "\"7\"").error().message,
            "t:1:34: mesh.capture.retention_days takes a whole number from 1 to 3650, not \"7\" in quotes");
}

TEST(values, addresses_to_listen_on_are_numbers) {
  EXPECT_EQ(to_string(load_one("node.listen", "127.0.0.1:0")->node.listen), "127.0.0.1:0");
  EXPECT_EQ(to_string(load_one("node.listen", "\"[::]:50315\"")->node.listen), "[::]:50315");
  for (const auto* bad : {"50315", "localhost:50315", "0.0.0.0", "0.0.0.0:", "0.0.0.0:65536", "0.0.0.0:-1",
                          "1.2.3:4", "\"::1:80\"", "\":80\""})
    EXPECT_FALSE(takes("node.listen", bad)) << bad;
}

TEST(values, addresses_to_dial_may_be_names) {
  const auto loaded = load_one("node.bootstrap", "[example.org:50315, '10.0.0.1:1', '[2001:db8::1]:65535']");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->node.bootstrap,
            (std::vector<host_port>{{"example.org", 50315}, {"10.0.0.1", 1}, {"2001:db8::1", 65535}}));
  for (const auto* bad :
       {"[example.org]", "[example.org:0]", "[-a.org:1]", "[a-.org:1]", "[a..org:1]", "[.a:1]", "['a.:1']",
        "['300.1.1.1:5']", "['a b:1']", "[':1']", "example.org:50315", "[[a:1]]", "[~]", "['ä:1']"})
    EXPECT_FALSE(takes("node.bootstrap", bad)) << bad;
  std::string many = "[";
  for (int i = 0; i < 101; ++i) many += "a:1,";
  EXPECT_FALSE(takes("node.bootstrap", many + "]"));
  EXPECT_TRUE(load_one("node.bootstrap", "[]")->node.bootstrap.empty());
  EXPECT_EQ(load_one("node.bootstrap", "[a:1, 'b']").error().message,
            "t:1:25: node.bootstrap takes a list of at most 100 hosts with ports, as [example.org:50315], "
            "not \"b\" in "
            "quotes");
}

TEST(values, host_and_port_come_back_from_their_text) {
  for (const auto* text : {"example.org:50315", "10.0.0.1:1", "[2001:db8::1]:65535", "a-1.b:7"}) {
    const auto parsed = parse_host_port(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(to_string(*parsed), text);
  }
  EXPECT_TRUE(rc::check("any text is taken or refused", [](const std::string& text) {
    if (const auto parsed = parse_host_port(text)) RC_ASSERT(parse_host_port(to_string(*parsed)) == parsed);
  }));
}

TEST(values, choices_names_urls_and_texts) {
  EXPECT_EQ(load_one("log.level", "warning")->log.level, "warning");
  EXPECT_EQ(load_one("log.level", "warn").error().message,
            "t:1:14: log.level takes one of debug, info, warning, error, not \"warn\"");
  for (const auto* good : {"test-net_1.x", "demo/18", "x/0", "x/40"})
    EXPECT_TRUE(takes("node.network", good)) << good;
  for (const auto* bad : {"''", "UPPER", "with space", "\"a/b\"", "a/41", "a/", "/8", "a/08", "a/8/8"})
    EXPECT_FALSE(takes("node.network", bad)) << bad;
  EXPECT_FALSE(takes("node.network", std::string(65, 'a')));
  EXPECT_TRUE(takes("musicbrainz.url", "http://localhost:5000/ws"));
  for (const auto* bad : {"localhost", "ftp://a", "http://", "'http:// a'", "'https:///x'"})
    EXPECT_FALSE(takes("musicbrainz.url", bad)) << bad;
  EXPECT_EQ(load_one("soulseek.password", "12345")->soulseek.password,
            "12345");  // text, whatever it looks like
  EXPECT_EQ(load_one("soulseek.description", "\"J'\\u00e4ime\"")->soulseek.description, "J'äime");
  EXPECT_FALSE(takes("soulseek.description", "\"a\\u0000b\""));
  EXPECT_FALSE(takes("soulseek.username", std::string(31, 'a')));
}

TEST(paths, are_expanded) {
  const auto plain = home_only().environment;
  const auto full =
      options_with({{"HOME", "/home/ann"}, {"XDG_DATA_HOME", "/data"}, {"XDG_CONFIG_HOME", "not/absolute"}})
          .environment;
  EXPECT_EQ(*expand_path("/a//b/./c/../d/", plain), "/a/b/d");
  EXPECT_EQ(*expand_path("/", plain), "/");
  EXPECT_EQ(*expand_path("~", plain), "/home/ann");
  EXPECT_EQ(*expand_path("~/Music", plain), "/home/ann/Music");
  EXPECT_EQ(*expand_path("$HOME/Music", plain), "/home/ann/Music");
  EXPECT_EQ(*expand_path("$XDG_DATA_HOME/vsf", plain), "/home/ann/.local/share/vsf");
  EXPECT_EQ(*expand_path("$XDG_DATA_HOME/vsf", full), "/data/vsf");
  EXPECT_EQ(*expand_path("$XDG_CONFIG_HOME/vsf", full), "/home/ann/.config/vsf");
  EXPECT_EQ(*expand_path("$XDG_CACHE_HOME", plain), "/home/ann/.cache");
  EXPECT_EQ(*expand_path("$XDG_STATE_HOME/", plain), "/home/ann/.local/state");
  EXPECT_EQ(*expand_path("/odd $HOME ~", plain), "/odd $HOME ~");
}

TEST(paths, that_are_none_are_refused) {
  const auto plain = home_only().environment;
  for (const std::string bad : {"", "music", "./music", "../x", "~bob/x", "$USER/x", "$", "$HOMER"})
    EXPECT_FALSE(expand_path(bad, plain)) << bad;
  EXPECT_FALSE(expand_path(std::string("/a\0b", 4), plain));
  EXPECT_FALSE(expand_path("/" + std::string(4096, 'a'), plain));
  EXPECT_FALSE(expand_path("~/x", options_with({}).environment));
  EXPECT_EQ(
      load_one("library.paths", "[/music, music]").error().message,
      "t:1:27: library.paths takes a list of at most 100 paths, each absolute or beginning with ~, $HOME or "
      "$XDG_..., not \"music\": it is not absolute");
}

TEST(paths, in_lists_and_optional_ones) {
  EXPECT_EQ(load_one("library.paths", "[/a, ~/b]")->library.paths,
            (std::vector<std::string>{"/a", "/home/ann/b"}));
  EXPECT_EQ(load_one("log.file", "''")->log.file, "");
  EXPECT_FALSE(takes("node.data_dir", "''"));
}

TEST(process_environment, finds_a_home_without_the_variable) {
  const auto environment = process_environment();
  const auto home = environment.variable("HOME");
  ASSERT_TRUE(home);
  EXPECT_EQ(home->front(), '/');
  EXPECT_EQ(environment.variable("VSF_NEVER_SET"), std::nullopt);
}

TEST(shown, keeps_messages_printable_and_short) {
  EXPECT_EQ(shown("a\n\x1b[31mb\xff"), "a??[31mb?");
  EXPECT_EQ(shown(std::string(61, 'x')), std::string(60, 'x') + "...");
}

}  // namespace
}  // namespace vsf::config
