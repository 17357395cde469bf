#include "actors/swarm/torrent_export.hpp"

#include <algorithm>
#include <optional>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace vsf::swarm {
namespace {

/// What a bencoded text holds, read as BEP 3 says; throws at the first breach.
struct decoded {
  std::string text;
  std::uint64_t number = 0;
  std::vector<decoded> list;
  std::map<std::string, decoded> dictionary;
  std::string raw;  // the bytes it was read from
  char kind = 's';
};

class decoder {
 public:
  explicit decoder(std::string_view all) : rest_(all) {}
  decoded whole() {
    auto out = value();
    if (!rest_.empty()) throw std::runtime_error("something follows");
    return out;
  }

 private:
  char take() {
    if (rest_.empty()) throw std::runtime_error("it ends too early");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  std::uint64_t digits(char end) {
    std::string text;
    for (char c = take(); c != end; c = take()) text += c;
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos ||
        (text.size() > 1 && text[0] == '0'))
      throw std::runtime_error("no number: " + text);
    return std::stoull(text);
  }
  std::string string() {
    const auto size = digits(':');
    if (size > rest_.size()) throw std::runtime_error("a text that ends too early");
    std::string out(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return out;
  }
  decoded value() {
    const auto begin = rest_;
    decoded out;
    out.kind = rest_.empty() ? 0 : rest_.front();
    if (out.kind == 'i') {
      take();
      out.number = digits('e');
    } else if (out.kind == 'l') {
      for (take(); !rest_.starts_with('e');) out.list.push_back(value());
      take();
    } else if (out.kind == 'd') {
      std::optional<std::string> last;
      for (take(); !rest_.starts_with('e');) {
        auto key = string();
        if (last && !std::lexicographical_compare(
                        last->begin(), last->end(), key.begin(), key.end(), [](char a, char b) {
                          return static_cast<unsigned char>(a) < static_cast<unsigned char>(b);
                        }))
          throw std::runtime_error("keys out of order");
        last = key;
        out.dictionary[key] = value();
      }
      take();
    } else {
      out.kind = 's';
      out.text = string();
    }
    out.raw = std::string(begin.substr(0, begin.size() - rest_.size()));
    return out;
  }
  std::string_view rest_;
};

hash_tree tree_of(std::size_t size) {
  bytes content(size);
  for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<std::uint8_t>(i * 2654435761U >> 13);
  tree_builder builder(tree_builder::keep::leaves);
  builder.update(content);
  return *builder.tree();
}

std::string raw_text(const digest& x) { return {reinterpret_cast<const char*>(x.data()), x.size()}; }

TEST(bencode, is_that_of_bep_3) {
  EXPECT_EQ(bencode::text("spam"), "4:spam");
  EXPECT_EQ(bencode::text(""), "0:");
  EXPECT_EQ(bencode::number(3), "i3e");
  EXPECT_EQ(bencode::number(0), "i0e");
  EXPECT_EQ(bencode::number(~std::uint64_t{0}), "i18446744073709551615e");
  EXPECT_EQ(bencode::list({bencode::text("spam"), bencode::text("eggs")}), "l4:spam4:eggse");
  EXPECT_EQ(bencode::dictionary({{"spam", bencode::text("eggs")}, {"cow", bencode::text("moo")}}),
            "d3:cow3:moo4:spam4:eggse");
  EXPECT_EQ(bencode::dictionary({}), "de");
}

TEST(bencode, of_anything_reads_back_in_order) {
  EXPECT_TRUE(rc::check([](const std::map<std::string, std::string>& texts,
                           const std::vector<std::uint64_t>& numbers) {
    std::map<std::string, std::string> parts;
    for (const auto& [key, value] : texts) parts[key] = bencode::text(value);
    std::vector<std::string> items;
    for (const auto n : numbers) items.push_back(bencode::number(n));
    const auto out =
        decoder(bencode::list({bencode::dictionary(parts), bencode::list(items)})).whole();  // throws: fails
    RC_ASSERT(out.list.size() == 2U);
    RC_ASSERT(out.list[0].dictionary.size() == texts.size());
    for (const auto& [key, value] : texts) RC_ASSERT(out.list[0].dictionary.at(key).text == value);
    RC_ASSERT(out.list[1].list.size() == numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) RC_ASSERT(out.list[1].list[i].number == numbers[i]);
  }));
}

TEST(torrent_export, says_what_bep_52_wants) {
  const auto tree = tree_of(5 * piece_size + 7);
  const auto made = export_torrent(tree, "Bj\xC3\xB6rk - J\xC3\xB3ga.flac");
  ASSERT_TRUE(made);
  const auto all = decoder(made->file).whole().dictionary;
  EXPECT_EQ(all.size(), 2U) << "no tracker, no web seed";
  auto info = all.at("info").dictionary;
  EXPECT_EQ(info.size(), 4U);
  EXPECT_EQ(info["meta version"].number, 2U);
  EXPECT_EQ(info["piece length"].number, piece_size);
  EXPECT_EQ(info["name"].text, "Bj\xC3\xB6rk - J\xC3\xB3ga.flac");
  auto entry =
      info["file tree"].dictionary.at("Bj\xC3\xB6rk - J\xC3\xB3ga.flac").dictionary.at("").dictionary;
  EXPECT_EQ(entry["length"].number, 5 * piece_size + 7);
  EXPECT_EQ(entry["pieces root"].text, raw_text(tree.root()));
  EXPECT_EQ(made->infohash_v2, crypto::sha256(crypto::as_bytes(all.at("info").raw)));
}

TEST(torrent_export, has_a_layer_for_more_than_one_piece) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{leaf_size}, std::size_t{piece_size}}) {
    const auto made = export_torrent(tree_of(size), "a");
    ASSERT_TRUE(made);
    EXPECT_EQ(decoder(made->file).whole().dictionary.at("piece layers").raw, "de") << size;
  }
  for (const std::size_t size : {piece_size + 1, 2 * piece_size, 5 * piece_size + 7, 9 * piece_size}) {
    const auto tree = tree_of(size);
    const auto made = export_torrent(tree, "a");
    ASSERT_TRUE(made);
    const auto layers = decoder(made->file).whole().dictionary.at("piece layers").dictionary;
    ASSERT_EQ(layers.size(), 1U);
    const auto& layer = layers.at(raw_text(tree.root())).text;
    const auto pieces = piece_count(tree.size());
    ASSERT_EQ(layer.size(), pieces * 32U);
    for (std::uint32_t i = 0; i < pieces; ++i) {
      // A piece's neighbour has it as its first uncle.
      if ((i ^ 1U) >= pieces) continue;
      EXPECT_EQ(layer.substr(i * 32U, 32), raw_text(tree.prove(i ^ 1U).uncles.front())) << size << " " << i;
    }
  }
}

TEST(torrent_export, names_trackers_and_web_seeds) {
  const auto tree = tree_of(100);
  const auto one = decoder(export_torrent(tree, "a", {{"udp://t:1"}, {}})->file).whole().dictionary;
  EXPECT_EQ(one.at("announce").text, "udp://t:1");
  EXPECT_EQ(one.count("announce-list"), 0U);
  EXPECT_EQ(one.count("url-list"), 0U);
  const auto made = export_torrent(tree, "a", {{"udp://t:1", "http://u/a?b"}, {"https://w/a b"}});
  auto all = decoder(made->file).whole().dictionary;
  EXPECT_EQ(all["announce"].text, "udp://t:1");
  ASSERT_EQ(all["announce-list"].list.size(), 2U);
  EXPECT_EQ(all["announce-list"].list[1].list.at(0).text, "http://u/a?b");
  EXPECT_EQ(all["url-list"].list.at(0).text, "https://w/a b");
  EXPECT_TRUE(
      made->magnet.ends_with("&tr=udp%3A%2F%2Ft%3A1&tr=http%3A%2F%2Fu%2Fa%3Fb&ws=https%3A%2F%2Fw%2Fa%20b"))
      << made->magnet;
  EXPECT_EQ(made->infohash_v2, export_torrent(tree, "a")->infohash_v2) << "they are no part of what it names";
}

TEST(web_seed_folder, is_where_the_file_lies) {
  EXPECT_EQ(web_seed_folder("https://h/m/a%20b.mp3", "a b.mp3"), "https://h/m/");
  EXPECT_EQ(web_seed_folder("https://h/m/a b.mp3", "a b.mp3"), "https://h/m/");
  EXPECT_EQ(web_seed_folder("https://h/m/%c3%A9%", "\xC3\xA9%"), "https://h/m/");
  EXPECT_EQ(web_seed_folder("https://h/m/", "a b.mp3"), "https://h/m/");
  for (const auto* other :
       {"https://h/m/b.mp3", "https://h/m/a%20b.mp3?x", "https://h/m", "https://h/m/a%2b.mp3"})
    EXPECT_FALSE(web_seed_folder(other, "a b.mp3")) << other;
}

TEST(torrent_export, magnet_carries_the_hash_name_and_size) {
  const auto made = export_torrent(tree_of(100), "a & b+\xC3\xA9.mp3");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->magnet,
            "magnet:?xt=urn:btmh:1220" + to_hex(made->infohash_v2) + "&dn=a%20%26%20b%2B%C3%A9.mp3&xl=100");
}

TEST(torrent_export, refuses_what_can_be_no_torrent) {
  const auto empty = export_torrent(hash_tree{}, "a");
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message.find("empty file"), std::string::npos);
  for (const auto& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                           std::string(256, 'a'), std::string("a\0b", 3)})
    EXPECT_FALSE(export_torrent(tree_of(1), name)) << name;
  EXPECT_TRUE(export_torrent(tree_of(1), std::string(255, 'a')));
}

}  // namespace
}  // namespace vsf::swarm
