#include "config/yaml_tree.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/config/test_options.hpp"

namespace vsf::config {
namespace {

std::string refusal(const std::string& text) {
  const auto parsed = parse_yaml(text);
  if (parsed) return "none";
  return std::to_string(parsed.error().place.line) + ':' + std::to_string(parsed.error().place.column) + ' ' +
         parsed.error().message;
}

TEST(yaml_tree, keeps_places_and_quotes) {
  const auto root = parse_yaml("a: 1\nb:\n  - 'x'\n  - y\n");
  ASSERT_TRUE(root);
  ASSERT_EQ((*root)->members.size(), 2u);
  const auto& b = (*root)->members[1];
  EXPECT_EQ(b.key, "b");
  EXPECT_EQ(b.place.line, 2u);
  ASSERT_EQ(b.value->items.size(), 2u);
  EXPECT_EQ(b.value->items[0]->text, "x");
  EXPECT_TRUE(b.value->items[0]->quoted);
  EXPECT_FALSE(b.value->items[1]->quoted);
  EXPECT_EQ(b.value->items[1]->place.line, 4u);
  EXPECT_EQ(b.value->items[1]->place.column, 5u);
}

TEST(yaml_tree, refuses_what_a_configuration_has_no_use_for) {
  EXPECT_EQ(refusal("a: !!int 3"), "1:4 tags such as tag:yaml.org,2002:int mean nothing here: leave it out");
  EXPECT_EQ(refusal("? [a]\n: b"), "1:3 a key must be a plain word");
  EXPECT_EQ(refusal("a: 1\n---\nb: 2"), "3:1 a second document begins here: a configuration is one document");
  EXPECT_EQ(refusal("a: &x [*x]"), "1:8 an alias names what it stands in: write the value out");
  EXPECT_EQ(refusal("a: &x {b: *x}"), "1:11 an alias names what it stands in: write the value out");
  EXPECT_TRUE(refusal("a: [1, 2").find("this is no YAML: ") != std::string::npos) << refusal("a: [1, 2");
  EXPECT_TRUE(refusal("a: *unknown").find("this is no YAML: ") != std::string::npos);
  EXPECT_TRUE(refusal("\ta: 1").find("this is no YAML: ") != std::string::npos);
  EXPECT_EQ(refusal(std::string(max_yaml_bytes + 1, ' ')), "1:1 more than 1 MiB: this is no configuration");
}

TEST(yaml_tree, aliases_share) {
  const auto root = parse_yaml("a: &x [1]\nb: *x\n");
  ASSERT_TRUE(root);
  EXPECT_EQ((*root)->members[0].value, (*root)->members[1].value);
  const auto loaded = load_text("library: {paths: [&p /music]}\nlog: {file: *p}", "t", home_only());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->log.file, "/music");
}

TEST(yaml_tree, a_bomb_of_aliases_stays_small) {
  // Ten billion items, were they unfolded.
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i <= 10; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += "*a" + std::to_string(i - 1) + ", ";
    text += "]\n";
  }
  const auto root = parse_yaml(text);
  ASSERT_TRUE(root);
  EXPECT_EQ((*root)->members.size(), 11u);
  const auto report =
      check_text(text + "node: {bootstrap: *a10}\nlibrary: {paths: *a10}\n", "t", home_only());
  EXPECT_EQ(report.errors.size(), 13u);
}

TEST(yaml_tree, the_number_of_values_is_bounded) {
  std::string text = "[";
  for (std::size_t i = 0; i < max_yaml_nodes; ++i) text += "a,";
  EXPECT_TRUE(refusal(text + "]").find("more than 10000 values") != std::string::npos);
  std::string aliases = "[&x a,";
  for (std::size_t i = 0; i < max_yaml_nodes; ++i) aliases += "*x,";
  EXPECT_TRUE(refusal(aliases + "]").find("more than 10000 values") != std::string::npos);
}

TEST(yaml_tree, depth_is_bounded) {
  for (const auto* bracket : {"[", "{a: ", "- ", "? "}) {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += bracket;
    EXPECT_NE(refusal(text), "none") << bracket;
  }
}

TEST(yaml_tree, any_bytes_are_taken_or_refused) {
  EXPECT_TRUE(rc::check("any bytes", [](const std::string& text) {
    const auto report = check_text(text, "t", home_only());
    for (const auto& e : report.errors) RC_ASSERT(!e.message.empty());
  }));
  EXPECT_TRUE(rc::check("any yaml-like text", [] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("node", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a",
                                      "!!str ", "\"", "'", "|\n", ">\n", "#", "?", "mesh", "listen", "1",
                                      "true", "%YAML 1.2\n", "---\n", "...\n", "\t", "\\x", "~", "<<"));
    std::string text;
    for (const auto& piece : pieces) text += piece;
    const auto report = check_text(text, "t", home_only());
    for (const auto& e : report.errors) RC_ASSERT(!e.message.empty());
  }));
}

}  // namespace
}  // namespace vsf::config
