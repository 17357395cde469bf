#include "actors/shadow_index/resolver_actor.hpp"

#include "tests/actors/shadow_index/index_actors.hpp"

namespace vsf::shadow_index {
namespace {

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
