#include "config/load.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/config/test_options.hpp"

namespace vsf::config {
namespace {

std::string error_of(const std::string& text) {
  const auto loaded = load_text(text, "vsf.yml", home_only());
  return loaded ? "no error" : loaded.error().message;
}

class config_file : public testing::Test {
 protected:
  config_file() { ::mkdtemp(folder_.data()); }
  ~config_file() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& text, mode_t mode = 0600) {
    const auto path = folder_ + "/vsf.yml";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string folder_ = "/tmp/vsf-config-XXXXXX";
};

TEST(load, nothing_gives_the_defaults_of_the_design) {
  for (const auto* text : {"", "\n# only a comment\n", "---\n", "{}", "mesh:\nnode:\n"}) {
    const auto loaded = load_text(text, "vsf.yml", home_only());
    ASSERT_TRUE(loaded) << loaded.error().message;
    const auto& x = *loaded;
    EXPECT_EQ(x, *defaults(home_only()));
    EXPECT_TRUE(x.mesh.enabled);
    EXPECT_TRUE(x.mesh.capture.enabled && x.mesh.capture.anonymize_usernames);
    EXPECT_EQ(x.mesh.capture.retention_days, 30u);
    EXPECT_TRUE(x.mesh.shadow_index.enabled);
    EXPECT_EQ(x.mesh.shadow_index.publish_interval_minutes, 15u);
    EXPECT_EQ(x.mesh.shadow_index.shard_ttl_hours, 1u);
    EXPECT_EQ(x.mesh.shadow_index.max_shards_per_publish, 100u);
    EXPECT_TRUE(x.mesh.scenes.enabled && !x.mesh.scenes.enable_chat);
    EXPECT_EQ(x.mesh.scenes.max_joined_scenes, 20u);
    EXPECT_TRUE(x.mesh.disaster_mode.automatic && !x.mesh.disaster_mode.force);
    EXPECT_EQ(x.mesh.disaster_mode.unavailable_threshold_minutes, 10u);
    EXPECT_TRUE(x.mesh.privacy.anonymize_usernames && x.mesh.privacy.never_publish_paths);
    EXPECT_EQ(x.mesh.privacy.dht_rate_limit_per_minute, 100u);
    EXPECT_EQ(x.node.data_dir, "/home/ann/.local/share/vsf");
    EXPECT_EQ(to_string(x.node.listen), "0.0.0.0:50315");
    EXPECT_TRUE(x.node.bootstrap.empty());
    EXPECT_EQ(x.node.network, "vsf-1");
    EXPECT_EQ(to_string(x.gateway.listen), "127.0.0.1:5030");
    EXPECT_EQ(to_string(x.soulseek.listen), "0.0.0.0:50300");
    EXPECT_EQ(x.transfers.download_dir, "/home/ann/.local/share/vsf/downloads");
    EXPECT_EQ(x.transfers.incomplete_dir, "/home/ann/.local/share/vsf/incomplete");
    EXPECT_EQ(x.transfers.upload_limit_kib, 0u);
    EXPECT_EQ(x.transfers.download_limit_kib, 0u);
  }
}

TEST(load, the_mesh_block_reads_as_the_design_has_it) {
  const auto loaded = load_text(R"(
mesh:
  enabled: false
  capture: {enabled: false, anonymize_usernames: false, retention_days: 7}
  shadow_index: {enabled: false, publish_interval_minutes: 5, shard_ttl_hours: 2, max_shards_per_publish: 50}
  scenes: {enabled: false, max_joined_scenes: 3, enable_chat: true}
  disaster_mode: {auto: false, force: true, unavailable_threshold_minutes: 4}
  privacy: {anonymize_usernames: false, never_publish_paths: false, dht_rate_limit_per_minute: 10}
)",
                                "vsf.yml", home_only());
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto& mesh = loaded->mesh;
  EXPECT_FALSE(mesh.enabled || mesh.capture.enabled || mesh.capture.anonymize_usernames ||
               mesh.shadow_index.enabled || mesh.scenes.enabled || mesh.disaster_mode.automatic ||
               mesh.privacy.anonymize_usernames || mesh.privacy.never_publish_paths);
  EXPECT_TRUE(mesh.scenes.enable_chat && mesh.disaster_mode.force);
  EXPECT_EQ(mesh.capture.retention_days, 7u);
  EXPECT_EQ(mesh.shadow_index.publish_interval_minutes, 5u);
  EXPECT_EQ(mesh.shadow_index.shard_ttl_hours, 2u);
  EXPECT_EQ(mesh.shadow_index.max_shards_per_publish, 50u);
  EXPECT_EQ(mesh.scenes.max_joined_scenes, 3u);
  EXPECT_EQ(mesh.disaster_mode.unavailable_threshold_minutes, 4u);
  EXPECT_EQ(mesh.privacy.dht_rate_limit_per_minute, 10u);
}

TEST(load, an_unknown_key_names_place_and_nearest_key) {
  EXPECT_EQ(error_of("node:\n  listn: 0.0.0.0:1\n"),
            "vsf.yml:2:3: unknown key node.listn: did you mean node.listen?");
  EXPECT_EQ(error_of("mesh:\n  captur:\n    enabled: true\n"),
            "vsf.yml:2:3: unknown key mesh.captur: did you mean mesh.capture?");
  EXPECT_EQ(error_of("mehs:\n  enabled: true\n"), "vsf.yml:1:1: unknown key mehs: did you mean mesh?");
  EXPECT_EQ(error_of("retention_days: 3\n"),
            "vsf.yml:1:1: unknown key retention_days: did you mean mesh.capture.retention_days?");
  EXPECT_EQ(error_of("mesh:\n  privacy:\n    enable_chat: true\n"),
            "vsf.yml:3:5: unknown key mesh.privacy.enable_chat: did you mean mesh.scenes.enable_chat?");
  EXPECT_EQ(error_of("log:\n  colour_of_the_sky: blue\n"),
            "vsf.yml:2:3: unknown key log.colour_of_the_sky: the keys of log are level, file, json");
  EXPECT_EQ(
      error_of("qqqqqqqq: 1"),
      "vsf.yml:1:1: unknown key qqqqqqqq: the sections are node, network, mesh, library, transfers, gateway, "
      "log, soulseek, "
      "musicbrainz");
}

TEST(load, all_errors_come_together_and_in_order) {
  EXPECT_EQ(
      error_of("gateway:\n"
               "  listen: 0.0.0.0:5030\n"
               "log:\n"
               "  json: yes\n"
               "  levle: info\n"
               "node:\n"
               "  network: Vsf 1\n"),
      "vsf.yml:2:3: gateway.listen 0.0.0.0:5030 can be reached by others: set gateway.api_key, or listen on "
      "127.0.0.1\n"
      "vsf.yml:4:9: log.json takes true or false, not \"yes\"\n"
      "vsf.yml:5:3: unknown key log.levle: did you mean log.level?\n"
      "vsf.yml:7:12: node.network takes 1 to 64 of a-z, 0-9, '.', '_' and '-', or such a name with /BITS, "
      "not \"Vsf 1\"");
}

TEST(load, a_key_given_twice_is_an_error) {
  EXPECT_EQ(error_of("log:\n  json: true\n  json: false\n"),
            "vsf.yml:3:3: log.json is given twice, first in line 2: keep one of them");
  EXPECT_EQ(error_of("log:\n  json: true\nlog:\n  level: info\n"),
            "vsf.yml:3:1: log is given twice, first in line 1: keep one of them");
}

TEST(load, sections_and_values_are_not_mixed_up) {
  EXPECT_EQ(error_of("mesh: true\n"), "vsf.yml:1:7: mesh is a section: put its keys beneath it, indented");
  EXPECT_EQ(error_of("log:\n  level:\n    info: 1\n"),
            "vsf.yml:3:5: log.level takes one of debug, info, warning, error, not a section");
  EXPECT_EQ(error_of("log:\n  level:\n"),
            "vsf.yml:2:3: log.level has no value: it takes one of debug, info, warning, error; leave the key "
            "out for the "
            "default");
  EXPECT_EQ(
      error_of("- a\n"),
      "vsf.yml:1:1: a configuration consists of sections (node:, mesh:, library: ...), and this has none");
}

TEST(load, keys_need_each_other) {
  EXPECT_EQ(error_of("gateway: {listen: '[::1]:80', api_key: short}"),
            "vsf.yml:1:31: gateway.api_key is too easy to guess: take at least 8 characters");
  EXPECT_EQ(error_of("gateway: {listen: '[::]:80', api_key: long enough}"), "no error");
  EXPECT_EQ(error_of("gateway: {tls_cert: /a}"),
            "vsf.yml:1:11: gateway.tls_cert and gateway.tls_key need each other: set both or none");
  EXPECT_EQ(error_of("gateway: {tls_cert: /a, tls_key: /b}"), "no error");
  EXPECT_EQ(
      error_of("transfers: {download_dir: /x, incomplete_dir: /x/y/..}"),
      "vsf.yml:1:31: transfers.download_dir and transfers.incomplete_dir are the same folder: take two");
  EXPECT_EQ(error_of("soulseek: {enabled: true, username: ann}"),
            "vsf.yml:1:12: soulseek.enabled needs soulseek.username and soulseek.password");
  EXPECT_EQ(error_of("soulseek: {enabled: true, username: ann, password: x}"), "no error");
}

TEST(load, secrets_are_never_shown) {
  const auto message = error_of("soulseek: {password: \"hunter2\\u0001\"}\ngateway: {api_key: [hunter2]}");
  EXPECT_NE(message, "no error");
  EXPECT_EQ(message.find("hunter2"), std::string::npos) << message;
}

TEST(load, the_data_folder_moves_what_is_in_it) {
  auto options = home_only();
  options.data_dir = "/srv/vsf/";
  auto loaded = load_text("node:\n  data_dir: /elsewhere\n", "vsf.yml", options);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->node.data_dir, "/srv/vsf");
  EXPECT_EQ(loaded->transfers.download_dir, "/srv/vsf/downloads");
  loaded =
      load_text("node:\n  data_dir: ~/x\ntransfers:\n  incomplete_dir: /tmp/i\n", "vsf.yml", home_only());
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->transfers.download_dir, "/home/ann/x/downloads");
  EXPECT_EQ(loaded->transfers.incomplete_dir, "/tmp/i");
  options.data_dir = "relative";
  EXPECT_EQ(load_text("", "vsf.yml", options)->node.data_dir,
            (std::filesystem::current_path() / "relative").lexically_normal().string());
  options.data_dir = "";
  EXPECT_FALSE(load_text("", "vsf.yml", options));
}

TEST(load, nobody_without_a_home_is_told_what_to_do) {
  const auto refused = defaults(options_with({}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "defaults: node.data_dir has no default: the user has no home folder (HOME is not set); give an "
            "absolute "
            "path");
  EXPECT_TRUE(load_text("node:\n  data_dir: /srv/vsf\n", "vsf.yml", options_with({})));
}

TEST(load, keys_that_do_not_act_yet_are_warned_about) {
  const auto report =
      check_text("musicbrainz:\n  strictness: loose\nlog:\n  json: true\n", "vsf.yml", home_only());
  EXPECT_TRUE(report.errors.empty());
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_EQ(to_string(report.warnings[0]),
            "vsf.yml:2:3: musicbrainz.strictness is accepted, but has no effect in 0.1: looking up "
            "MusicBrainz comes later");
  EXPECT_EQ(report.values.musicbrainz.strictness, "loose");
}

TEST(load, no_number_of_errors_floods) {
  std::string text = "node:\n";
  for (int i = 0; i < 1000; ++i) text += "  bad" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(check_text(text, "vsf.yml", home_only()).errors.size(), 100u);
}

TEST_F(config_file, is_read) {
  const auto loaded = load_file(write("log:\n  level: debug\n"), home_only());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->log.level, "debug");
}

TEST_F(config_file, missing_or_no_file_is_an_error) {
  const auto missing = load_file(folder_ + "/none.yml", home_only());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            folder_ +
                "/none.yml: can't be opened (No such file or directory): check the path and "
                "its permissions");
  const auto folder = load_file(folder_, home_only());
  ASSERT_FALSE(folder);
  EXPECT_NE(folder.error().message.find("can't be read (Is a directory)"), std::string::npos)
      << folder.error().message;
}

TEST_F(config_file, beyond_1_mib_is_an_error) {
  const auto big = load_file(write("# " + std::string(1024 * 1024, 'x')), home_only());
  ASSERT_FALSE(big);
  EXPECT_NE(big.error().message.find("more than 1 MiB"), std::string::npos) << big.error().message;
  EXPECT_TRUE(load_file(write("# " + std::string(1024 * 1024 - 3, 'x') + "\n"), home_only()));
}

TEST_F(config_file, with_secrets_that_others_can_read_is_warned_about) {
  const std::string text = "gateway:\n  api_key: correct horse\n";
  EXPECT_TRUE(check_file(write(text, 0600), home_only()).warnings.empty());
  const auto report = check_file(write(text, 0644), home_only());
  ASSERT_EQ(report.warnings.size(), 1u);
  EXPECT_EQ(report.warnings[0].message, "holds a secret and can be read by other users: chmod 600 it");
  EXPECT_TRUE(check_file(write("log:\n  json: true\n", 0644), home_only()).warnings.empty());
}

TEST(default_config_path, follows_the_xdg_specification) {
  EXPECT_EQ(*default_config_path(home_only().environment), "/home/ann/.config/vsf/vsf.yml");
  EXPECT_EQ(*default_config_path(options_with({{"XDG_CONFIG_HOME", "/etc/xdg"}}).environment),
            "/etc/xdg/vsf/vsf.yml");
}

}  // namespace
}  // namespace vsf::config
