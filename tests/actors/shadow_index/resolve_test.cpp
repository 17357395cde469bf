#include "actors/shadow_index/resolve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "actors/shadow_index/keys.hpp"
#include "tests/actors/shadow_index/leaf_support.hpp"

namespace vsf::shadow_index {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using tests::make_publisher;
using tests::make_variant;
using tests::test_network;
using tests::test_now_s;

const mbid song = tests::filled<mbid>(1, 1);
const identity::identity me = make_publisher(100);

mbid song_number(std::size_t i) {
  mbid out = tests::filled<mbid>(2);
  std::memcpy(out.data(), &i, sizeof i);
  return out;
}

contact contact_of(const node_id& id) { return {id, static_key{}, endpoint::v4(0x0A000001, 4000)}; }

fb::Hint hint_of(const node_id& id) {
  std::array<std::uint8_t, 8> raw{};
  std::copy_n(id.begin(), 8, raw.begin());
  return fb::Hint(flatbuffers::span<const std::uint8_t, 8>(raw));
}

struct resolver : ::testing::Test {
  resolve_settings settings;
  resolve_logic logic{settings, test_network, me.node_id};
  nanoseconds now{1h};
  std::vector<send_get> gets;
  std::vector<send_find> finds;
  std::vector<give_answer> answers;

  void carry_out(std::vector<resolve_effect> effects) {
    for (auto& e : effects) {
      if (auto* get = std::get_if<send_get>(&e)) gets.push_back(*get);
      if (auto* find = std::get_if<send_find>(&e)) finds.push_back(*find);
      if (auto* answer = std::get_if<give_answer>(&e)) answers.push_back(std::move(*answer));
    }
  }
  void ask(std::uint64_t asker, const mbid& what = song, bool fresh = false,
           fb::LeafKind kind = fb::LeafKind::recording) {
    carry_out(logic.ask({asker, what, kind, fresh}, now, test_now_s));
  }
  void answer_get(const send_get& get, const std::vector<frame>& leaves,
                  const std::vector<fb::Hint>& hints = {}, std::uint32_t asked = 10) {
    fb::DhtGetResultT native;
    native.id = get.id;
    native.key = box(get.key);
    for (const auto& leaf : leaves) {
      native.leaves.push_back(std::make_unique<fb::BlobT>());
      native.leaves.back()->data = to_bytes(leaf.view());
    }
    native.hints = hints;
    native.asked = asked;
    native.replicas = leaves.empty() ? 0 : 3;
    carry_out(logic.on_leaves(*record<fb::DhtGetResult>::pack(native), now, test_now_s));
  }
  void answer_find(const send_find& find, const std::vector<contact>& contacts) {
    fb::DhtFindResultT native;
    native.id = find.id;
    for (const auto& c : contacts) native.contacts.push_back(to_fb(c));
    carry_out(logic.on_contacts(*record<fb::DhtFindResult>::pack(native), now));
  }
  static frame leaf_by(const identity::identity& who, std::vector<fb::Variant> variants,
                       const mbid& what = song) {
    return *sign_leaf(tests::recording_leaf(what, std::move(variants)), who);
  }
};

TEST_F(resolver, leaves_then_contacts_then_an_answer) {
  const auto alice = make_publisher(1), bob = make_publisher(2);
  ask(7);
  ASSERT_EQ(gets.size(), 1u);
  EXPECT_EQ(gets[0].key, recording_key(song));
  answer_get(gets[0], {leaf_by(alice, {make_variant(1)}), leaf_by(bob, {make_variant(1), make_variant(2)})});
  ASSERT_EQ(finds.size(), 2u);
  EXPECT_TRUE(answers.empty());
  now += 100ms;
  for (const auto& f : finds) answer_find(f, {contact_of(f.target), contact_of(tests::filled<node_id>(3))});
  ASSERT_EQ(answers.size(), 1u);
  const auto& a = answers[0].answer;
  EXPECT_EQ(answers[0].askers, std::vector<std::uint64_t>{7});
  ASSERT_EQ(a.candidates.size(), 3u);
  EXPECT_EQ(a.publishers, 2u);
  EXPECT_EQ(a.replicas, 3u);
  EXPECT_FALSE(a.cached);
  EXPECT_EQ(a.elapsed_us, 100'000u);
  for (const auto& c : a.candidates) {
    ASSERT_TRUE(c->contact);
    EXPECT_EQ(from_fb(*c->contact).id, from_fb<node_id>(*c->node));
  }
  // The root of two publishers first.
  EXPECT_EQ(a.candidates[0]->variant->root().bytes()->Get(0), 1);
  EXPECT_EQ(a.candidates[2]->variant->root().bytes()->Get(0), 2);
  EXPECT_EQ(logic.running(), 0u);
}

TEST_F(resolver, a_miss_is_answered_as_soon_as_the_dht_says_so) {
  ask(1);
  now += 300ms;
  answer_get(gets[0], {});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].answer.candidates.empty());
  EXPECT_EQ(answers[0].answer.asked, 10u);
}

TEST_F(resolver, remembers_an_answer_ten_minutes_and_a_miss_thirty_seconds) {
  const auto alice = make_publisher(1);
  ask(1);
  answer_get(gets[0], {leaf_by(alice, {make_variant(1)})});
  answer_find(finds[0], {contact_of(alice.node_id)});
  ask(2, song_number(2));
  answer_get(gets[1], {});
  ASSERT_EQ(answers.size(), 2u);

  now += 29s;
  ask(3);
  ask(4, song_number(2));
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_TRUE(answers[2].answer.cached);
  EXPECT_EQ(answers[2].answer.candidates.size(), 1u);
  EXPECT_TRUE(answers[3].answer.cached);
  EXPECT_TRUE(answers[3].answer.candidates.empty());
  EXPECT_EQ(gets.size(), 2u);

  now += 2s;
  ask(5, song_number(2));
  EXPECT_EQ(gets.size(), 3u);
  now += 9min;
  ask(6);
  EXPECT_EQ(gets.size(), 3u);
  now += 1min;
  ask(7);
  EXPECT_EQ(gets.size(), 4u);
  EXPECT_EQ(logic.counters().cache_hits, 2u);
  EXPECT_EQ(logic.counters().negative_hits, 1u);
}

TEST_F(resolver, a_fresh_question_goes_past_the_cache) {
  ask(1);
  answer_get(gets[0], {});
  ask(2, song, true);
  EXPECT_EQ(gets.size(), 2u);
}

TEST_F(resolver, nothing_is_remembered_when_nobody_answered) {
  ask(1);
  answer_get(gets[0], {}, {}, 0);
  EXPECT_EQ(answers.size(), 1u);
  ask(2);
  EXPECT_EQ(gets.size(), 2u);
}

TEST_F(resolver, equal_questions_become_one) {
  for (std::uint64_t i = 1; i <= 5; ++i) ask(i, song, i == 5);
  EXPECT_EQ(gets.size(), 1u);
  answer_get(gets[0], {});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].askers.size(), 5u);
  EXPECT_EQ(logic.counters().coalesced, 4u);
}

TEST_F(resolver, answers_with_what_it_has_when_time_is_up) {
  const auto alice = make_publisher(1), bob = make_publisher(2);
  ask(1);
  answer_get(gets[0], {leaf_by(alice, {make_variant(1)}), leaf_by(bob, {make_variant(2)})});
  answer_find(finds[0], {contact_of(finds[0].target)});
  EXPECT_TRUE(answers.empty());
  ASSERT_TRUE(logic.next_deadline());
  EXPECT_EQ(*logic.next_deadline(), now + settings.contacts_within);
  now = *logic.next_deadline();
  carry_out(logic.on_deadline(now));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].answer.candidates.size(), 2u);
  EXPECT_EQ(std::ranges::count_if(answers[0].answer.candidates,
                                  [](const auto& c) { return c->contact != nullptr; }),
            1);
  answer_find(finds[1], {contact_of(finds[1].target)});
  EXPECT_EQ(answers.size(), 1u);
  EXPECT_EQ(logic.counters().late_contacts, 1u);
}

TEST_F(resolver, a_silent_dht_is_answered_within_five_seconds_and_not_remembered) {
  ask(1);
  ASSERT_TRUE(logic.next_deadline());
  EXPECT_LT(*logic.next_deadline(), now + 5s);
  now = *logic.next_deadline();
  carry_out(logic.on_deadline(now));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].answer.candidates.empty());
  answer_get(gets[0], {});
  EXPECT_EQ(logic.counters().late_leaves, 1u);
  EXPECT_EQ(answers.size(), 1u);
  ask(2);
  EXPECT_EQ(gets.size(), 2u);
}

TEST_F(resolver, takes_only_leaves_that_hold_and_never_its_own) {
  const auto alice = make_publisher(1);
  auto forged = leaf_by(alice, {make_variant(1)});
  auto bent = to_bytes(forged.view());
  bent[bent.size() - 100] ^= 1;
  const auto elsewhere = leaf_by(alice, {make_variant(1)}, song_number(9));
  ask(1);
  answer_get(gets[0],
             {frame::copy_of(bent), elsewhere, frame::copy_of(bytes(50, 1)), leaf_by(me, {make_variant(5)})});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].answer.candidates.empty());
  EXPECT_EQ(logic.counters().rejected_leaves, 3u);
  EXPECT_TRUE(finds.empty());
}

TEST_F(resolver, a_withdrawn_leaf_is_no_candidate) {
  const auto alice = make_publisher(1);
  ask(1);
  answer_get(gets[0],
             {leaf_by(alice, {make_variant(1)}),
              *sign_leaf(make_tombstone(fb::LeafKind::recording, song, 9, test_now_s), alice)},
             {hint_of(alice.node_id)});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].answer.candidates.empty());
}

TEST_F(resolver, a_publisher_known_by_hint_is_found_by_its_prefix) {
  const auto alice = make_publisher(1), carol = make_publisher(3);
  ask(1);
  answer_get(gets[0], {leaf_by(alice, {make_variant(1)})},
             {hint_of(carol.node_id), hint_of(alice.node_id), hint_of(me.node_id)});
  ASSERT_EQ(finds.size(), 2u);
  EXPECT_EQ(finds[0].target, alice.node_id);
  EXPECT_TRUE(std::equal(finds[1].target.begin(), finds[1].target.begin() + 8, carol.node_id.begin()));
  EXPECT_TRUE(std::all_of(finds[1].target.begin() + 8, finds[1].target.end(), [](auto b) { return b == 0; }));
  answer_find(finds[0], {contact_of(alice.node_id)});
  answer_find(finds[1], {contact_of(alice.node_id), contact_of(carol.node_id)});
  ASSERT_EQ(answers.size(), 1u);
  const auto& a = answers[0].answer;
  ASSERT_EQ(a.candidates.size(), 2u);
  EXPECT_EQ(a.publishers, 2u);
  EXPECT_FALSE(a.candidates[1]->variant);
  EXPECT_EQ(from_fb(*a.candidates[1]->contact).id, carol.node_id);
}

TEST_F(resolver, finds_are_bounded_side_by_side_and_altogether) {
  std::vector<frame> leaves;
  for (std::uint64_t i = 1; i <= 40; ++i) leaves.push_back(leaf_by(make_publisher(i), {make_variant(1)}));
  ask(1);
  answer_get(gets[0], leaves);
  EXPECT_EQ(finds.size(), settings.finds_per_run);
  for (std::size_t i = 0; i < finds.size(); ++i) {
    const auto f = finds[i];
    answer_find(f, {contact_of(f.target)});
    EXPECT_LE(finds.size() - i - 1, settings.finds_per_run);
  }
  EXPECT_EQ(finds.size(), settings.nodes_per_run);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].answer.candidates.size(), 40u);
}

TEST_F(resolver, a_release_gives_its_tracks) {
  const auto alice = make_publisher(1);
  fb::LeafT content = tests::recording_leaf(song, {});
  content.kind = fb::LeafKind::release;
  content.tracks.emplace_back(to_fb(song_number(1)), 1000u, static_cast<std::uint16_t>(1),
                              static_cast<std::uint16_t>(1));
  content.tracks_total = 1;
  ask(1, song, false, fb::LeafKind::release);
  EXPECT_EQ(gets[0].key, release_key(song));
  answer_get(gets[0], {*sign_leaf(std::move(content), alice)});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].answer.tracks.size(), 1u);
  EXPECT_EQ(answers[0].answer.kind, fb::LeafKind::release);
  ask(2, song, false, fb::LeafKind::release);
  EXPECT_TRUE(answers[1].answer.cached);
}

TEST_F(resolver, the_cache_is_bounded_and_forgets_the_least_used) {
  for (std::size_t i = 0; i < settings.cached; ++i) {
    ask(i, song_number(i));
    answer_get(gets.back(), {});
  }
  ask(1, song_number(0));
  ask(1, song_number(999'999));
  answer_get(gets.back(), {});
  EXPECT_EQ(logic.cached(), settings.cached);
  EXPECT_EQ(logic.counters().evicted, 1u);
  const auto before = gets.size();
  ask(1, song_number(0));
  EXPECT_EQ(gets.size(), before);
  ask(1, song_number(1));
  EXPECT_EQ(gets.size(), before + 1);
}

TEST_F(resolver, too_many_questions_are_refused_at_once) {
  for (std::size_t i = 0; i < settings.runs + 3; ++i) ask(i, song_number(i));
  EXPECT_EQ(gets.size(), settings.runs);
  EXPECT_EQ(answers.size(), 3u);
  EXPECT_EQ(logic.counters().refused, 3u);
}

TEST_F(resolver, a_restarted_dht_is_asked_again) {
  const auto alice = make_publisher(1);
  ask(1);
  ask(2, song_number(2));
  answer_get(gets[1], {leaf_by(alice, {make_variant(1)}, song_number(2))});
  gets.clear();
  finds.clear();
  carry_out(logic.ask_again());
  ASSERT_EQ(gets.size(), 1u);
  ASSERT_EQ(finds.size(), 1u);
  answer_get(gets[0], {});
  answer_find(finds[0], {contact_of(alice.node_id)});
  EXPECT_EQ(answers.size(), 2u);
}

}  // namespace
}  // namespace vsf::shadow_index
