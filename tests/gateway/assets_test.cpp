#include "gateway/assets.hpp"

#include <algorithm>
#include <map>
#include <regex>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

using namespace vsf::gateway;

std::string header(const response& answer, const std::string& name) {
  for (const auto& [key, value] : answer.headers)
    if (key == name) return value;
  return "";
}

/// What index.html refers to on this node.
std::vector<std::string> references() {
  const auto* page = find_asset("/");
  std::vector<std::string> out;
  const std::string html(page->data);
  static const std::regex reference(R"re((?:src|href)="([^"]*)")re");
  for (std::sregex_iterator it(html.begin(), html.end(), reference), end; it != end; ++it)
    out.push_back((*it)[1]);
  return out;
}

TEST(assets, the_page_is_there_under_both_names) {
  ASSERT_NE(find_asset("/"), nullptr);
  EXPECT_EQ(find_asset("/"), find_asset("/index.html"));
  EXPECT_EQ(find_asset("/")->content_type, "text/html; charset=utf-8");
  EXPECT_NE(find_asset("/")->data.find("<div id=\"app\">"), std::string_view::npos);
}

TEST(assets, everything_the_page_refers_to_is_compiled_in) {
  const auto all = references();
  EXPECT_GE(all.size(), 3u);
  for (const auto& path : all) EXPECT_NE(find_asset(path), nullptr) << path;
}

TEST(assets, have_the_right_types) {
  const std::map<std::string, std::string> types{{".js", "text/javascript; charset=utf-8"},
                                                 {".css", "text/css; charset=utf-8"},
                                                 {".svg", "image/svg+xml"}};
  for (const auto& path : references())
    EXPECT_EQ(find_asset(path)->content_type, types.at(path.substr(path.rfind('.')))) << path;
}

TEST(assets, nothing_in_the_page_breaks_its_own_policy) {
  const std::string html(find_asset("/")->data);
  static const std::regex inline_script(R"(<script(?![^>]*\bsrc=)|\son[a-z]+=|javascript:)");
  EXPECT_FALSE(std::regex_search(html, inline_script));
  for (const auto& path : references()) EXPECT_TRUE(path.starts_with("/")) << path << " is elsewhere";
}

TEST(assets, are_served_with_a_strict_policy) {
  const auto answer = asset_response(*find_asset("/"));
  const auto policy = header(answer, "Content-Security-Policy");
  for (const auto* part : {"default-src 'none'", "script-src 'self'", "connect-src 'self'",
                           "img-src 'self' data:", "frame-ancestors 'none'", "base-uri 'none'"})
    EXPECT_NE(policy.find(part), std::string::npos) << part;
  EXPECT_EQ(policy.find("unsafe-eval"), std::string::npos);
  EXPECT_EQ(policy.find("script-src 'self' 'unsafe"), std::string::npos);
  EXPECT_EQ(header(answer, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(header(answer, "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(answer.body, find_asset("/")->data);
}

TEST(assets, only_what_is_named_by_its_hash_is_kept_for_good) {
  EXPECT_EQ(header(asset_response(*find_asset("/")), "Cache-Control"), "no-cache");
  for (const auto& path : references()) {
    if (!path.starts_with("/assets/")) continue;
    EXPECT_TRUE(std::regex_match(path, std::regex(R"(/assets/[a-z_]+-[-_A-Za-z0-9]{8}\.[a-z]+)"))) << path;
    EXPECT_NE(header(asset_response(*find_asset(path)), "Cache-Control").find("immutable"),
              std::string::npos);
  }
}

TEST(assets, there_is_nothing_else) {
  for (const auto* path :
       {"", "index.html", "/index.html/", "/openapi.json", "/assets/", "/../gateway/openapi.json"})
    EXPECT_EQ(find_asset(path), nullptr) << path;
}

TEST(assets, the_description_is_json) { EXPECT_TRUE(nlohmann::json::accept(openapi_json())); }

}  // namespace
