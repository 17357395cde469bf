#include <set>

#include "tests/actors/shadow_index/index_actors.hpp"

namespace vsf::shadow_index {
namespace {

TEST_F(index_actors, what_the_library_has_is_published_within_seconds) {
  const auto p = start_publisher();
  run_for(1s);
  EXPECT_TRUE(script->puts.empty());
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  files.push_back(make_file(2));
  ASSERT_TRUE(library.put(files));
  tell(p, {1, 2});
  run_for(3s);
  ASSERT_EQ(script->puts.size(), 3u);
  EXPECT_EQ(script->sweeps.size(), 1u);
  EXPECT_EQ(held(recording_key(song(1))).publisher, me->signing_key.identity);
  EXPECT_EQ(held(release_key(album)).leaf->tracks()->size(), 2u);
  const auto report = report_of(p);
  EXPECT_EQ(report.path, "shadow_index/publisher");
  EXPECT_EQ(tests::gauge_of(report, "keys"), 3);
  EXPECT_EQ(tests::gauge_of(report, "keys_alive"), 3);
  EXPECT_EQ(tests::gauge_of(report, "keys_pending"), 0);
  EXPECT_EQ(tests::counter_of(report, "sweeps"), 1u);
  EXPECT_EQ(tests::counter_of(report, "puts"), 3u);
  EXPECT_EQ(tests::counter_of(report, "datagrams_written"), 24u);
  EXPECT_EQ(tests::counter_of(report, "puts_ended", "outcome=\"taken\""), 3u);
  EXPECT_EQ(tests::counter_of(report, "renewals_ended", "outcome=\"taken\""), 0u);
  ASSERT_EQ(log->events.size(), 1u);
  EXPECT_EQ(log->events[0].kind, fb::EventKind::published);
}

TEST_F(index_actors, nothing_that_names_files_or_people_leaves_the_node) {
  for (std::uint8_t i = 1; i <= 30; ++i) ASSERT_TRUE(library.put(make_file(i)));
  start_publisher();
  run_for(1min);
  ASSERT_EQ(script->puts.size(), 31u);
  for (const auto& put : script->puts) {
    const std::string_view text(reinterpret_cast<const char*>(put.value.data()), put.value.size());
    for (const auto* word : {"marie", "srv", "Björk", "Homogenic", "Jóga", ".flac", "127.0.0.1"})
      EXPECT_EQ(text.find(word), std::string_view::npos) << word;
  }
}

TEST_F(index_actors, leaves_stay_alive_and_signatures_are_renewed_for_days) {
  ASSERT_TRUE(library.put(make_file(1)));
  const auto p = start_publisher();
  run_for(5s);
  const auto first = held(recording_key(song(1)));
  for (int hour = 1; hour <= 30; ++hour) {
    run_for(1h);
    EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 2) << "hour " << hour;
    if (hour == 11) {
      EXPECT_EQ(held(recording_key(song(1))).seq, first.seq);
    }
  }
  const auto later = held(recording_key(song(1)));
  EXPECT_GT(later.seq, first.seq);
  const auto report = report_of(p);
  EXPECT_EQ(tests::counter_of(report, "leaves_signed", "reason=\"changed\""), 2u);
  EXPECT_EQ(tests::counter_of(report, "leaves_signed", "reason=\"renewed\""), 4u);
  // Only what holders have is offered by its hash, and both keys always go together.
  std::set<bytes> known;
  for (const auto& put : script->puts) EXPECT_EQ(put.held, !known.insert(put.value).second);
  EXPECT_EQ(known.size(), 6u);
  EXPECT_EQ(script->puts.size(), 2 * script->sweeps.size());
  EXPECT_EQ(tests::counter_of(report, "renewals_ended", "outcome=\"taken\""), script->puts.size() - 6);
  EXPECT_EQ(tests::counter_of(report, "datagrams_written"), script->written);
}

TEST_F(index_actors, after_a_restart_leaves_are_renewed_by_their_hash) {
  for (std::uint8_t i = 1; i <= 30; ++i) ASSERT_TRUE(library.put(make_file(i)));
  auto p = start_publisher();
  run_for(5min);
  stop(p);
  const auto puts = script->puts.size(), sweeps = script->sweeps.size();
  p = start_publisher();
  run_for(3min);
  EXPECT_EQ(script->sweeps.size(), sweeps + 1);
  EXPECT_EQ(script->puts.size(), puts + 31);
  for (std::size_t i = puts; i < script->puts.size(); ++i) EXPECT_TRUE(script->puts[i].held);
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 31);
}

TEST_F(index_actors, what_no_holder_took_goes_again_alone) {
  for (std::uint8_t i = 1; i <= 5; ++i) ASSERT_TRUE(library.put(make_file(i)));
  script->holders_of[recording_key(song(3))] = 0;
  const auto p = start_publisher();
  run_for(5s);
  EXPECT_EQ(script->puts.size(), 6u);
  script->holders_of.clear();
  run_for(10s);
  ASSERT_EQ(script->puts.size(), 7u);
  EXPECT_EQ(script->puts[6].key, recording_key(song(3)));
  EXPECT_FALSE(script->puts[6].held);
  const auto report = report_of(p);
  EXPECT_EQ(tests::counter_of(report, "puts_ended", "outcome=\"taken_by_nobody\""), 1u);
  EXPECT_EQ(tests::counter_of(report, "puts_ended", "outcome=\"taken\""), 6u);
}

TEST_F(index_actors, a_sweep_without_an_answer_goes_again) {
  ASSERT_TRUE(library.put(make_file(1)));
  script->silent = true;
  const auto p = start_publisher();
  run_for(3s);
  script->silent = false;
  run_for(115s);
  EXPECT_EQ(script->sweeps.size(), 1u);
  run_for(20s);
  EXPECT_EQ(script->sweeps.size(), 2u);
  const auto report = report_of(p);
  EXPECT_EQ(tests::counter_of(report, "sweep_timeouts"), 1u);
  EXPECT_EQ(tests::counter_of(report, "puts_ended", "outcome=\"no_answer\""), 2u);
  EXPECT_EQ(tests::gauge_of(report, "keys_alive"), 2);
}

// The file of a recording is found first and its sketch some seconds later.
TEST_F(index_actors, a_leaf_that_changes_while_its_sweep_is_under_way_is_put_again_whole) {
  script->delay = 10s;
  ASSERT_TRUE(library.put(make_file(1)));
  const auto p = start_publisher();
  run_for(5s);
  auto other = make_file(1);
  other.size = 4711;
  ASSERT_TRUE(library.put(other));
  tell(p, {1});
  run_for(30s);
  std::size_t puts = 0;
  for (const auto& put : script->puts)
    if (put.key == recording_key(song(1))) {
      EXPECT_FALSE(put.held);
      ++puts;
    }
  EXPECT_EQ(puts, 2u);
  EXPECT_EQ(held(recording_key(song(1))).leaf->variants()->Get(0)->size(), 4711u);
  stop(p);
  const auto before = script->puts.size();
  start_publisher();
  run_for(5min);
  EXPECT_GT(script->puts.size(), before);
  for (auto i = before; i < script->puts.size(); ++i)
    EXPECT_TRUE(script->puts[i].held) << "the store knows that it was taken";
}

TEST_F(index_actors, what_is_removed_is_withdrawn_and_then_forgotten) {
  ASSERT_TRUE(library.put(make_file(1)));
  auto p = start_publisher();
  run_for(5s);
  const auto alive_seq = held(recording_key(song(1))).seq;
  ASSERT_TRUE(library.remove({make_file(1).path}));
  tell(p, {1});
  run_for(5s);
  EXPECT_TRUE(held(recording_key(song(1))).tombstone);
  EXPECT_GT(held(recording_key(song(1))).seq, alive_seq);
  EXPECT_TRUE(held(release_key(album)).tombstone);
  const auto tombstone_seq = held(recording_key(song(1))).seq;
  EXPECT_EQ(*own_leaves.count(), 2u);
  run_for(50min);
  EXPECT_EQ(*own_leaves.count(), 2u);
  run_for(15min);
  EXPECT_EQ(*own_leaves.count(), 0u);
  const auto puts = script->puts.size();

  // It comes back after a power cut, while the clock is hours behind what the tombstone said.
  stop(p);
  store->crash();
  *shift_ms -= 3 * 3'600'000;
  p = start_publisher();
  ASSERT_TRUE(library.put(make_file(1)));
  tell(p, {1});
  run_for(5s);
  EXPECT_EQ(script->puts.size(), puts + 2);
  EXPECT_GT(held(recording_key(song(1))).seq, tombstone_seq);
}

TEST_F(index_actors, a_restart_goes_on_with_the_stored_leaves_and_higher_numbers) {
  ASSERT_TRUE(library.put(make_file(1)));
  auto p = start_publisher();
  run_for(5s);
  const auto puts = script->puts.size();
  const auto before = held(recording_key(song(1)));

  // Power cut: what was not synced is lost; the clock goes back a day; and the file has changed.
  stop(p);
  ASSERT_TRUE(library.put(make_file(1), storage::durability::synced));
  p = start_publisher();
  run_for(10min);
  for (auto i = puts; i < script->puts.size(); ++i)
    EXPECT_TRUE(script->puts[i].held) << "the lease still runs and nothing changed";
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 2);

  stop(p);
  store->crash();
  *shift_ms -= 86'400'000;
  auto other = make_file(1);
  other.size = 4711;
  ASSERT_TRUE(library.put(other, storage::durability::synced));
  p = start_publisher();
  run_for(10s);
  const auto after = *accept_leaf(script->held[recording_key(song(1))].at(0), test_network, test_now_s);
  EXPECT_GT(after.seq, before.seq);
  EXPECT_EQ(after.leaf->variants()->Get(0)->size(), 4711u);
}

TEST_F(index_actors, changes_nobody_told_of_are_found_at_the_start) {
  ASSERT_TRUE(library.put(make_file(1)));
  stop(start_publisher());
  ASSERT_TRUE(library.remove({make_file(1).path}));
  for (std::uint8_t i = 2; i <= 4; ++i) ASSERT_TRUE(library.put(make_file(i)));
  start_publisher();
  run_for(10s);
  EXPECT_FALSE(held(recording_key(song(2))).tombstone);
  EXPECT_EQ(held(release_key(album)).leaf->tracks()->size(), 3u);
}

TEST_F(index_actors, a_removal_nobody_told_of_is_withdrawn_at_the_start) {
  ASSERT_TRUE(library.put(make_file(1)));
  const auto p = start_publisher();
  run_for(10s);
  stop(p);
  ASSERT_TRUE(library.remove({make_file(1).path}));
  start_publisher();
  run_for(10s);
  EXPECT_TRUE(held(recording_key(song(1))).tombstone);
}

TEST_F(index_actors, a_dht_that_comes_up_late_gets_everything) {
  for (std::uint8_t i = 1; i <= 20; ++i) ASSERT_TRUE(library.put(make_file(i)));
  script->holders = script->asked = 0;
  const auto p = start_publisher();
  run_for(2min);
  EXPECT_LE(script->sweeps.size(), 12u);
  auto report = report_of(p);
  EXPECT_EQ(tests::gauge_of(report, "keys_pending"), 21);
  EXPECT_EQ(tests::counter_of(report, "puts_ended", "outcome=\"nobody_to_ask\""), script->puts.size());
  EXPECT_EQ(tests::counter_of(report, "datagrams_written"), 0u);
  script->holders = script->asked = 16;
  run_for(1min);
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 21);
}

TEST_F(index_actors, a_dht_that_is_restarted_gets_what_it_had_not_answered) {
  ASSERT_TRUE(library.put(make_file(1)));
  script->silent = true;
  const auto p = start_publisher();
  run_for(3s);
  EXPECT_EQ(script->puts.size(), 2u);
  script->silent = false;
  links.dht = keep(system().spawn(tests::fake_dht, script));
  caf::anon_send(p, links);
  run_for(2s);
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 2);
}

TEST_F(index_actors, a_large_library_is_published_in_rounds_and_says_so) {
  env->settings.mesh.shadow_index.max_shards_per_publish = 1;
  for (int i = 0; i < 120; ++i) {
    auto file = make_file(static_cast<std::uint8_t>(i));
    file.release.reset();
    ASSERT_TRUE(library.put(file));
  }
  const auto p = start_publisher();
  run_for(5min);
  auto report = report_of(p);
  EXPECT_EQ(tests::gauge_of(report, "keys"), 120);
  EXPECT_EQ(tests::gauge_of(report, "keys_pending"), 120 - 32);
  EXPECT_EQ(tests::gauge_of(report, "full_publish_s"), 45 * 60);
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("88 of 120"), std::string::npos) << report.notes[0];
  run_for(50min);
  report = report_of(p);
  EXPECT_EQ(tests::gauge_of(report, "keys_alive"), 120);
  EXPECT_TRUE(report.notes.empty());
}

TEST_F(index_actors, the_lease_of_the_settings_is_asked_for_and_kept) {
  env->settings.mesh.shadow_index.shard_ttl_hours = 6;
  ASSERT_TRUE(library.put(make_file(1)));
  start_publisher();
  run_for(5s);
  EXPECT_EQ(held(recording_key(song(1))).leaf->lease_s(), 6u * 3600);
  run_for(5min);
  EXPECT_EQ(script->puts.size(), 4u);  // both keys, and once more when the network has settled
  run_for(5h);
  EXPECT_EQ(script->puts.size(), 4u);
  run_for(1h);
  EXPECT_EQ(script->puts.size(), 6u);
}

TEST_F(index_actors, switched_off_it_publishes_nothing_and_says_so) {
  env->settings.mesh.shadow_index.enabled = false;
  ASSERT_TRUE(library.put(make_file(1)));
  const auto p = start_publisher();
  tell(p, {1});
  run_for(1h);
  EXPECT_TRUE(script->puts.empty());
  const auto report = report_of(p);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("mesh.shadow_index.enabled"), std::string::npos);
}

TEST_F(index_actors, an_idle_publisher_has_no_timer) {
  start_publisher();
  run_for(1min);
  EXPECT_TRUE(scheduler().clock().schedule().empty());
}

}  // namespace
}  // namespace vsf::shadow_index
