#include <algorithm>
#include <set>

#include "actors/shadow_index/keys.hpp"
#include "actors/shadow_index/publisher_actor.hpp"
#include "actors/shadow_index/resolver_actor.hpp"
#include "tests/actors/shadow_index/fake_dht.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::shadow_index {
namespace {

using namespace std::chrono_literals;
using tests::filled;
using tests::make_publisher;
using tests::test_network;
using tests::test_now_s;

mbid song(std::uint8_t i) { return filled<mbid>(1, i); }
const mbid album = filled<mbid>(2, 2);

fb::FileEntryT make_file(std::uint8_t i) {
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

TEST_F(index_actors, what_the_library_has_is_published_within_seconds) {
  const auto p = start_publisher();
  run_for(1s);
  EXPECT_TRUE(script->puts.empty());
  std::vector<fb::FileEntryT> files;
  files.push_back(make_file(1));
  files.push_back(make_file(2));
  ASSERT_TRUE(library.put(files));
  tell(p, {1, 2});
  run_for(2s);
  ASSERT_EQ(script->puts.size(), 3u);
  EXPECT_EQ(held(recording_key(song(1))).publisher, me->signing_key.identity);
  EXPECT_EQ(held(release_key(album)).leaf->tracks()->size(), 2u);
  const auto report = report_of(p);
  EXPECT_EQ(report.path, "shadow_index/publisher");
  EXPECT_EQ(tests::gauge_of(report, "keys"), 3);
  EXPECT_EQ(tests::gauge_of(report, "keys_alive"), 3);
  EXPECT_EQ(tests::gauge_of(report, "keys_pending"), 0);
  EXPECT_EQ(tests::counter_of(report, "puts_ended", "outcome=\"taken\""), 3u);
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
  EXPECT_EQ(script->puts.size(), puts) << "the lease still runs and nothing changed";
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
  EXPECT_LE(script->puts.size(), 25u);
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_pending"), 21);
  script->holders = script->asked = 16;
  run_for(1min);
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 21);
}

TEST_F(index_actors, a_dht_that_is_restarted_gets_what_it_had_not_answered) {
  ASSERT_TRUE(library.put(make_file(1)));
  script->silent = true;
  const auto p = start_publisher();
  run_for(1s);
  EXPECT_EQ(script->puts.size(), 2u);
  script->silent = false;
  links.dht = keep(system().spawn(tests::fake_dht, script));
  caf::anon_send(p, links);
  run_for(2s);
  EXPECT_EQ(tests::gauge_of(report_of(p), "keys_alive"), 2);
}

TEST_F(index_actors, a_large_library_is_published_in_rounds_and_says_so) {
  env->settings.mesh.shadow_index.max_shards_per_publish = 50;
  for (int i = 0; i < 120; ++i) {
    auto file = make_file(static_cast<std::uint8_t>(i));
    file.release.reset();
    ASSERT_TRUE(library.put(file));
  }
  const auto p = start_publisher();
  run_for(5min);
  auto report = report_of(p);
  EXPECT_EQ(tests::gauge_of(report, "keys"), 120);
  EXPECT_EQ(tests::gauge_of(report, "keys_pending"), 70);
  EXPECT_EQ(tests::gauge_of(report, "full_publish_s"), 30 * 60);
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("70 of 120"), std::string::npos) << report.notes[0];
  run_for(40min);
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

// ---- Resolver

struct client_log {
  std::vector<std::pair<std::chrono::nanoseconds, fb::ResolveResultT>> answers;
};
resolve_client_actor::behavior_type fake_client(resolve_client_actor::pointer self,
                                                std::shared_ptr<client_log> log) {
  return {[=](const record<fb::ResolveResult>& answer) {
    log->answers.emplace_back(supervisor::now(self), answer.unpack());
  }};
}

struct resolver_actors : index_actors {
  std::shared_ptr<client_log> answers = std::make_shared<client_log>();
  resolver_actor whom;
  resolve_client_actor client;

  void SetUp() override {
    index_actors::SetUp();
    whom = keep(system().spawn(resolver, environment_ptr(env), me));
    client = keep(system().spawn(fake_client, answers));
    caf::anon_send(whom, links);
    settle();
  }
  void TearDown() override {
    whom = resolver_actor();
    client = resolve_client_actor();
    index_actors::TearDown();
  }
  void ask(std::uint64_t id, const mbid& what) {
    fb::ResolveT question;
    question.id = id;
    question.mbid = box(what);
    caf::anon_send(whom, record<fb::Resolve>::pack(question), client);
  }
  void publish(std::uint64_t who, const mbid& what, std::uint8_t root) {
    const auto p = make_publisher(who);
    script->held[recording_key(what)].push_back(
        to_bytes(sign_leaf(tests::recording_leaf(what, {tests::make_variant(root)}), p)->view()));
    script->contacts[p.node_id] = {
        p.node_id, {}, endpoint::v4(0x7F000001, static_cast<std::uint16_t>(4000 + who))};
  }
};

TEST_F(resolver_actors, finds_who_has_a_recording_and_where) {
  publish(1, song(1), 1);
  publish(2, song(1), 1);
  const auto start = now();
  ask(77, song(1));
  run_for(3s);
  ASSERT_EQ(answers->answers.size(), 1u);
  const auto& [at, answer] = answers->answers[0];
  EXPECT_EQ(at - start, 400ms);
  EXPECT_EQ(answer.id, 77u);
  ASSERT_EQ(answer.candidates.size(), 2u);
  EXPECT_TRUE(answer.candidates[0]->contact);
  EXPECT_TRUE(answer.candidates[1]->contact);
}

TEST_F(resolver_actors, two_askers_share_a_lookup_and_get_their_own_ids) {
  publish(1, song(1), 1);
  ask(1, song(1));
  ask(2, song(1));
  run_for(3s);
  ASSERT_EQ(answers->answers.size(), 2u);
  EXPECT_EQ(script->gets, 1u);
  EXPECT_EQ(answers->answers[0].second.id, 1u);
  EXPECT_EQ(answers->answers[1].second.id, 2u);
  ask(3, song(1));
  run_for(1s);
  EXPECT_EQ(script->gets, 1u);
  EXPECT_TRUE(answers->answers[2].second.cached);
}

TEST_F(resolver_actors, a_miss_comes_as_soon_as_the_dht_has_it) {
  const auto start = now();
  ask(1, song(1));
  run_for(3s);
  ASSERT_EQ(answers->answers.size(), 1u);
  EXPECT_EQ(answers->answers[0].first - start, 200ms);
}

TEST_F(resolver_actors, a_silent_dht_is_answered_within_five_seconds) {
  script->silent = true;
  const auto start = now();
  ask(1, song(1));
  run_for(10s);
  ASSERT_EQ(answers->answers.size(), 1u);
  EXPECT_LT(answers->answers[0].first - start, 5s);
}

TEST_F(resolver_actors, slow_contacts_do_not_hold_up_the_answer) {
  publish(1, song(1), 1);
  script->delay = 1900ms;
  const auto start = now();
  ask(1, song(1));
  run_for(10s);
  ASSERT_EQ(answers->answers.size(), 1u);
  EXPECT_EQ(answers->answers[0].first - start, 1900ms + 1500ms);
  EXPECT_EQ(answers->answers[0].second.candidates.size(), 1u);
}

TEST_F(resolver_actors, a_question_outlives_a_restart_of_the_dht) {
  publish(1, song(1), 1);
  script->silent = true;
  ask(1, song(1));
  run_for(1s);
  script->silent = false;
  links.dht = keep(system().spawn(tests::fake_dht, script));
  caf::anon_send(whom, links);
  run_for(2s);
  ASSERT_EQ(answers->answers.size(), 1u);
  EXPECT_EQ(answers->answers[0].second.candidates.size(), 1u);
}

TEST_F(resolver_actors, a_question_without_an_mbid_is_answered_with_nothing) {
  caf::anon_send(whom, record<fb::Resolve>::pack({}), client);
  run_for(1s);
  EXPECT_EQ(answers->answers.size(), 1u);
  EXPECT_EQ(tests::counter_of(report_of(whom), "questions_refused"), 1u);
}

TEST_F(resolver_actors, what_one_node_publishes_another_resolves) {
  ASSERT_TRUE(library.put(make_file(1)));
  start_publisher();
  run_for(5s);
  const auto bob = std::make_shared<const identity::identity>(make_publisher(101));
  const auto other = keep(system().spawn(resolver, environment_ptr(env), bob));
  caf::anon_send(other, links);
  script->contacts[me->node_id] = {me->node_id, {}, endpoint::v4(0x7F000001, 4000)};
  fb::ResolveT question;
  question.id = 5;
  question.mbid = box(song(1));
  caf::anon_send(other, record<fb::Resolve>::pack(question), client);
  run_for(2s);
  ASSERT_EQ(answers->answers.size(), 1u);
  ASSERT_EQ(answers->answers[0].second.candidates.size(), 1u);
  const auto& found = *answers->answers[0].second.candidates[0];
  EXPECT_EQ(from_fb<node_id>(*found.node), me->node_id);
  EXPECT_EQ(from_fb<digest>(found.variant->root()), filled<digest>(1, 1));
  // A node doesn't find itself.
  ask(1, song(1));
  run_for(2s);
  EXPECT_TRUE(answers->answers[1].second.candidates.empty());
}

}  // namespace
}  // namespace vsf::shadow_index
