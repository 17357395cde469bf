#include "config/schema.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/config/test_options.hpp"

namespace vsf::config {
namespace {

std::string file(const std::string& path) {
  std::ifstream in(std::string(VSF_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// `key: value` beneath its sections.
std::string document(std::string_view key, const std::string& value) {
  std::string out;
  std::string indent;
  for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
    out += indent + std::string(key.substr(0, dot)) + ":\n";
    indent += "  ";
    key.remove_prefix(dot + 1);
  }
  return out + indent + std::string(key) + ": " + value + "\n";
}

/// A valid value that is not the default.
std::string other_value(const key_spec& spec) {
  switch (spec.type) {
    case value_type::boolean:
      return spec.default_text == "true" ? "false" : "true";
    case value_type::number:
      return std::to_string(spec.max - 1);
    case value_type::text:
    case value_type::secret:
    case value_type::network:
      return "something-else";
    case value_type::choice:
      return std::string(spec.choices.back());
    case value_type::listen:
      return "127.0.0.1:4321";
    case value_type::address:
      return "example.org:4321";
    case value_type::addresses:
      return "[example.org:4321]";
    case value_type::path:
      return "/somewhere/else";
    case value_type::paths:
      return "[/somewhere/else]";
    case value_type::texts:
      return "[somebody else]";
    case value_type::url:
      return "http://example.org";
  }
  return {};
}

TEST(schema, every_key_sets_one_field_of_its_own) {
  const auto untouched = *defaults(home_only());
  std::set<const void*> fields;
  settings where;
  for (const auto& spec : schema()) {
    const auto report = check_text(document(spec.key, other_value(spec)), "t", home_only());
    EXPECT_FALSE(report.values == untouched) << spec.key << " changes nothing";
    EXPECT_TRUE(fields.insert(std::visit([](auto* p) -> const void* { return p; }, spec.field(where))).second)
        << spec.key << " shares its field";
    EXPECT_EQ(report.warnings.empty(), spec.waits_for.empty()) << spec.key;
  }
}

TEST(schema, the_default_of_every_key_is_the_default_of_its_field) {
  const auto untouched = *defaults(home_only());
  for (const auto& spec : schema()) {
    const auto loaded = load_text(document(spec.key, std::string(spec.default_text)), "t", home_only());
    ASSERT_TRUE(loaded) << spec.key << ": " << loaded.error().message;
    EXPECT_TRUE(*loaded == untouched) << spec.key;
  }
}

TEST(schema, keys_are_unique_and_lie_in_sections) {
  std::set<std::string_view> keys;
  for (const auto& section : sections()) EXPECT_TRUE(keys.insert(section.key).second) << section.key;
  for (const auto& spec : schema()) {
    EXPECT_TRUE(keys.insert(spec.key).second) << spec.key;
    EXPECT_TRUE(is_section(spec.key.substr(0, spec.key.rfind('.')))) << spec.key;
    EXPECT_FALSE(spec.description.empty()) << spec.key;
    EXPECT_EQ(find_key(spec.key), &spec);
    EXPECT_EQ(nearest_key(spec.key), spec.key);
  }
  EXPECT_EQ(find_key("mesh"), nullptr);
  EXPECT_FALSE(is_section("mesh.enabled"));
}

TEST(schema, has_exactly_the_mesh_block_of_the_design) {
  std::set<std::string> found;
  for (const auto& spec : schema())
    if (spec.key.starts_with("mesh.")) found.emplace(spec.key.substr(5));
  EXPECT_EQ(found,
            (std::set<std::string>{
                "enabled", "capture.enabled", "capture.anonymize_usernames", "capture.retention_days",
                "shadow_index.enabled", "shadow_index.publish_interval_minutes",
                "shadow_index.shard_ttl_hours", "shadow_index.max_shards_per_publish", "scenes.enabled",
                "scenes.max_joined_scenes", "scenes.enable_chat", "disaster_mode.auto", "disaster_mode.force",
                "disaster_mode.unavailable_threshold_minutes", "privacy.anonymize_usernames",
                "privacy.never_publish_paths", "privacy.dht_rate_limit_per_minute"}));
}

TEST(schema, edit_distance_counts_edits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("listen", "listen"), 0u);
  EXPECT_EQ(edit_distance("listn", "listen"), 1u);
  EXPECT_EQ(edit_distance("lisetn", "listen"), 1u);  // a swap
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("abc", "xyz"), 3u);
}

TEST(sample, the_committed_one_is_the_generated_one) {
  EXPECT_EQ(file("config/vsf.sample.yml"), sample())
      << "run: build/dev/bin/config_generate sample > config/vsf.sample.yml";
  EXPECT_EQ(file("config/reference.md"), reference())
      << "run: build/dev/bin/config_generate reference > config/reference.md";
}

TEST(sample, loads_to_the_defaults_without_a_warning) {
  const auto report = check_text(sample(), "vsf.sample.yml", home_only());
  for (const auto& e : report.errors) ADD_FAILURE() << to_string(e);
  for (const auto& w : report.warnings) ADD_FAILURE() << to_string(w);
  EXPECT_TRUE(report.values == *defaults(home_only()));
}

/// The sample with lines such as "  # json: false" as "  json: false".
std::string with_all_keys(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto mark = line.find_first_not_of(' ');
    if (mark != 0 && mark != std::string::npos && line.compare(mark, 2, "# ") == 0) {
      const auto end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", mark + 2);
      if (end != std::string::npos && end > mark + 2 && line.compare(end, 2, ": ") == 0) line.erase(mark, 2);
    }
    out += line + '\n';
  }
  return out;
}

TEST(sample, has_every_key_and_loads_with_all_of_them) {
  const auto all = with_all_keys(sample());
  const auto report = check_text(all, "vsf.sample.yml", home_only());
  for (const auto& e : report.errors) ADD_FAILURE() << to_string(e);
  std::size_t waiting = 0;
  for (const auto& spec : schema()) {
    waiting += spec.waits_for.empty() ? 0u : 1u;
    EXPECT_NE(reference().find("| `" + std::string(spec.key) + "` |"), std::string::npos) << spec.key;
  }
  EXPECT_EQ(report.warnings.size(), waiting);
  EXPECT_TRUE(report.values == *defaults(home_only()));
}

}  // namespace
}  // namespace vsf::config
