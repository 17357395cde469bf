#include "actors/library/scan_plan.hpp"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vsf::library {
namespace {

TEST(audio_name, goes_by_extension_in_either_case) {
  for (const auto* name :
       {"a.flac", "A.FLAC", "x.y.Mp3", "a.ogg", "a.opus", "a.m4a", "/m/b c/a.wv", "a.aiff", "a.oga"})
    EXPECT_TRUE(is_audio_name(name)) << name;
  for (const auto* name :
       {"", "flac", ".flac", "a.", "a.jpg", "a.flac.part", "a.flacc", "a.m3u", "a.cue", "a.mp33"})
    EXPECT_FALSE(is_audio_name(name)) << name;
}

TEST(is_beneath, compares_whole_names) {
  EXPECT_TRUE(is_beneath("/music/a.flac", "/music"));
  EXPECT_TRUE(is_beneath("/music/a.flac", "/music/"));
  EXPECT_TRUE(is_beneath("/music", "/music"));
  EXPECT_TRUE(is_beneath("/a", "/"));
  EXPECT_FALSE(is_beneath("/music2/a.flac", "/music"));
  EXPECT_FALSE(is_beneath("/mus", "/music"));
}

TEST(scan_plan, tells_new_changed_unchanged_and_gone) {
  scan_plan plan({"/m"}, 100);
  const known_file known{10, 5};
  EXPECT_EQ(plan.see("/m/new", 1, 1, nullptr), scan_plan::verdict::added);
  EXPECT_EQ(plan.see("/m/same", 10, 5, &known), scan_plan::verdict::unchanged);
  EXPECT_EQ(plan.see("/m/longer", 11, 5, &known), scan_plan::verdict::changed);
  EXPECT_EQ(plan.see("/m/touched", 10, 6, &known), scan_plan::verdict::changed);
  plan.finish(true, {});
  EXPECT_FALSE(plan.is_gone("/m/same"));
  EXPECT_FALSE(plan.is_gone("/m/longer"));
  EXPECT_TRUE(plan.is_gone("/m/deleted"));
  EXPECT_EQ(plan.counted().added, 1u);
  EXPECT_EQ(plan.counted().changed, 2u);
  EXPECT_EQ(plan.counted().unchanged, 1u);
}

TEST(scan_plan, what_could_not_be_read_is_not_gone) {
  scan_plan plan({"/m", "/usb"}, 100);
  plan.finish(true, {"/usb", "/m/locked"});
  EXPECT_FALSE(plan.is_gone("/usb/a.flac"));
  EXPECT_FALSE(plan.is_gone("/m/locked/deep/a.flac"));
  EXPECT_TRUE(plan.is_gone("/m/locked2/a.flac"));
}

TEST(scan_plan, a_cut_listing_loses_nothing_but_dropped_folders) {
  scan_plan plan({"/m"}, 100);
  plan.finish(false, {});
  EXPECT_FALSE(plan.is_gone("/m/a.flac"));
  EXPECT_TRUE(plan.is_gone("/no-longer-configured/a.flac"));
}

TEST(scan_plan, beyond_its_limit_nothing_is_gone) {
  scan_plan plan({"/m"}, 2);
  for (const auto* path : {"/m/1", "/m/2", "/m/3"}) plan.see(path, 1, 1, nullptr);
  plan.finish(true, {});
  EXPECT_EQ(plan.counted().added, 2u);
  EXPECT_EQ(plan.counted().over_limit, 1u);
  EXPECT_FALSE(plan.is_gone("/m/3"));
  EXPECT_FALSE(plan.is_gone("/m/4"));
}

RC_GTEST_PROP(scan_plan_property, an_index_that_follows_the_plan_equals_the_folder, ()) {
  using folder = std::map<std::string, std::pair<std::uint64_t, std::int64_t>>;
  const auto any_folder = [] {
    folder out;
    for (int n = *rc::gen::inRange(0, 40); n > 0; --n)
      out["/m/" + std::to_string(*rc::gen::inRange(0, 50))] = {*rc::gen::inRange<std::uint64_t>(0, 3),
                                                               *rc::gen::inRange<std::int64_t>(0, 3)};
    return out;
  };
  auto index = any_folder();
  const auto disk = any_folder();
  scan_plan plan({"/m"}, 1000);
  folder writes;
  for (const auto& [path, stat] : disk) {
    const auto found = index.find(path);
    known_file known;
    if (found != index.end()) known = {found->second.first, found->second.second};
    if (plan.see(path, stat.first, stat.second, found == index.end() ? nullptr : &known) !=
        scan_plan::verdict::unchanged)
      writes[path] = stat;
  }
  plan.finish(true, {});
  std::erase_if(index, [&](const auto& entry) { return plan.is_gone(entry.first); });
  for (const auto& [path, stat] : writes) index[path] = stat;
  RC_ASSERT(index == disk);
}

}  // namespace
}  // namespace vsf::library
