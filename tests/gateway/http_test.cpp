#include "gateway/http.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <nlohmann/json.hpp>

namespace {

using namespace vsf;
using namespace vsf::gateway;

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += "%" + to_hex(byte_view(&byte, 1));
  }
  return out;
}

std::string without_zeros(std::string text) {
  std::erase(text, '\0');
  return text;
}

TEST(parse_target, splits_and_decodes) {
  const auto target = parse_target("/a%20b+c?x=1+2&y&x=3%26&&z=%C3%A9");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->first, "/a b+c");
  const std::map<std::string, std::string> query{{"x", "3&"}, {"y", ""}, {"z", "\xC3\xA9"}};
  EXPECT_EQ(target->second, query);
}

TEST(parse_target, a_slash_within_a_segment_makes_no_other_one) {
  const auto target = parse_target("/a%2fb/c%252F?x=%2F%25");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->first, "/a%2Fb/c%252F");
  EXPECT_EQ(target->second.at("x"), "/%");
  EXPECT_EQ(decode_segment("a%2Fb"), "a/b");
  EXPECT_EQ(decode_segment("c%252F"), "c%2F");
  EXPECT_EQ(decode_segment("100%"), "100%");
}

TEST(parse_target, refuses_what_is_malformed) {
  for (const auto* text : {"", "x", "http://h/", "/%", "/%4", "/%zz", "/%00", "/?a=%00", "/?a=%1", "*"})
    EXPECT_FALSE(parse_target(text)) << text;
  EXPECT_TRUE(parse_target("/" + std::string(2047, 'a')));
  EXPECT_FALSE(parse_target("/" + std::string(2048, 'a')));
}

TEST(parse_target, any_bytes_are_answered_and_never_grow) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const auto target = parse_target("/" + text);
    if (!target) return;
    RC_ASSERT(target->first.size() <= text.size() + 1);
    RC_ASSERT(target->first.front() == '/');
    RC_ASSERT(target->first.find('\0') == std::string::npos || text.find('\0') != std::string::npos);
  }));
}

TEST(parse_target, what_was_escaped_comes_back) {
  EXPECT_TRUE(rc::check([](const std::string& raw_path, const std::map<std::string, std::string>& raw_query) {
    const auto path = without_zeros(raw_path);
    std::map<std::string, std::string> query;
    std::string target = "/" + escaped(path) + "?";
    for (const auto& [key, value] : raw_query) {
      // A key is "k" and some bytes, so that none is empty.
      const auto name = "k" + without_zeros(key);
      query[name] = without_zeros(value);
    }
    for (const auto& [key, value] : query) target += escaped(key) + "=" + escaped(value) + "&";
    RC_PRE(target.size() <= 2048u);
    const auto parsed = parse_target(target);
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(decode_segment(parsed->first) == "/" + path);
    RC_ASSERT(parsed->second == query);
  }));
}

TEST(problem_response, carries_any_text_as_json) {
  EXPECT_TRUE(rc::check([](const std::string& message) {
    const auto out = problem(400, "code", message);
    const auto parsed = nlohmann::json::parse(out.body, nullptr, false);
    RC_ASSERT(!parsed.is_discarded());
    RC_ASSERT(parsed["error"]["code"] == "code");
    RC_ASSERT(parsed["error"]["message"].is_string());
  }));
}

TEST(secrets, are_equal_only_when_equal) {
  EXPECT_TRUE(equal_secret("", ""));
  EXPECT_TRUE(rc::check([](const std::string& a, const std::string& b) {
    RC_ASSERT(equal_secret(a, a));
    RC_ASSERT(equal_secret(a, b) == (a == b));
    RC_ASSERT(!equal_secret(a, a + '\0'));
  }));
}

}  // namespace
