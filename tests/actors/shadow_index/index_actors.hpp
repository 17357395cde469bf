#pragma once

#include "actors/shadow_index/keys.hpp"
#include "actors/shadow_index/publisher_actor.hpp"
#include "tests/actors/shadow_index/fake_dht.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::shadow_index {

using namespace std::chrono_literals;
using tests::filled;
using tests::make_publisher;
using tests::test_network;
using tests::test_now_s;

inline mbid song(std::uint8_t i) { return filled<mbid>(1, i); }
inline const mbid album = filled<mbid>(2, 2);

inline fb::FileEntryT make_file(std::uint8_t i) {
  fb::FileEntryT out;
  out.path = "/srv/marie/Björk - Homogenic/" + std::to_string(i) + " - Jóga.flac";
  out.size = 1000u + i;
  out.codec = fb::Codec::flac;
  out.bitrate_kbps = 900;
  out.recording = box(song(i));
  out.release = box(album);
  out.artist = "Björk";
  out.title = "Jóga";
  out.disc = 1;
  out.track = i;
  out.root = box(filled<digest>(i, 1));
  out.sha256 = box(filled<digest>(i, 2));
  return out;
}

struct index_actors : tests::virtual_time {
  std::shared_ptr<storage::memory_store> store{storage::make_memory_store()};
  std::shared_ptr<std::int64_t> shift_ms = std::make_shared<std::int64_t>(0);
  std::shared_ptr<environment> env = tests::make_environment(store, shift_ms);
  std::shared_ptr<tests::dht_script> script = std::make_shared<tests::dht_script>();
  std::shared_ptr<tests::telemetry_log> log = std::make_shared<tests::telemetry_log>();
  identity_ptr me = std::make_shared<const identity::identity>(make_publisher(100));
  storage::library_store library{store};
  storage::own_leaf_store own_leaves{store};
  component_links links;

  void SetUp() override {
    links.who = me;
    links.dht = keep(system().spawn(tests::fake_dht, script));
    links.telemetry = keep(system().spawn(tests::fake_telemetry, log));
  }
  publisher_actor start_publisher() {
    auto out = keep(system().spawn(publisher, environment_ptr(env), me));
    caf::anon_send(out, links);
    settle();
    return out;
  }
  void stop(const publisher_actor& whom) {
    caf::anon_send_exit(whom, caf::exit_reason::kill);
    settle();
  }
  void tell(const publisher_actor& whom, std::initializer_list<std::uint8_t> songs) {
    fb::LibraryChangedT change;
    for (const auto i : songs) change.recordings.push_back(to_fb(song(i)));
    change.releases.push_back(to_fb(album));
    caf::anon_send(whom, record<fb::LibraryChanged>::pack(change));
  }
  template <class Handle>
  fb::ComponentReportT report_of(const Handle& whom) {
    log->reports.clear();
    caf::anon_send(whom, report_request{1});
    settle();
    EXPECT_EQ(log->reports.size(), 1u);
    return std::move(log->reports.back());
  }
  checked_leaf held(const dht_key& key) {
    EXPECT_EQ(script->held[key].size(), 1u);
    const auto unix_s = env->unix_ms(now()) / 1000;
    auto leaf = accept_leaf(script->held[key].at(0), test_network, unix_s, key);
    EXPECT_TRUE(leaf);
    return *leaf;
  }
};

}  // namespace vsf::shadow_index
