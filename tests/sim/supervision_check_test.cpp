// The check of supervision itself: it must see a supervisor that does not bring its child back, and the like.

#include <gtest/gtest.h>
#include <caf/stateful_actor.hpp>

#include "tests/sim/supervision_check.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::sim {
namespace {

using namespace std::chrono_literals;
using change = supervisor::live_child::change;

struct owner_state {
  static inline const char* name = "owner";
  std::optional<supervisor::child_set> children;
};

caf::behavior idle(caf::event_based_actor*) {
  return {[](const alarm&) {}};
}

/// An owner of two children. `forgetful`: the planted fault, a supervisor that lets a restart be.
caf::behavior owner(caf::stateful_actor<owner_state>* self, environment_ptr env, bool forgetful) {
  supervisor::prepare(self);
  self->state.children.emplace(self, std::move(env), "owner");
  for (const auto* name : {"first", "second"}) {
    supervisor::child_spec spec;
    spec.name = name;
    spec.kind = "child";
    spec.spawn = [self] { return self->system().spawn(idle); };
    self->state.children->add(std::move(spec));
  }
  return {[=](const restart_child& message) {
    if (!forgetful) self->state.children->on_restart(message);
  }};
}

class supervision_check : public vsf::tests::virtual_time {
 protected:
  std::vector<std::string> kill_first_child(bool forgetful) {
    auto env = std::make_shared<environment>();
    env->random = std::make_shared<crypto::seeded_random>(1);
    env->log = [](log_level, std::string_view, std::string_view) {};
    env->on_child = [this](const supervisor::live_child& child) { tree.note(child); };
    keep(caf::actor(system().spawn(owner, environment_ptr(env), forgetful)));
    settle();
    const auto before = tree.past();
    const auto victim = *tree.find("owner/first");
    EXPECT_TRUE(tree.kill("owner/first"));
    run_for(5s);
    return breaches(before, tree, &victim);
  }
  supervisor::live_child news(change what, const std::string& path, const std::string& kind,
                              supervisor::restart_mode mode = supervisor::restart_mode::permanent) {
    return {what, path, kind, mode, keep(caf::actor(system().spawn(idle))).address()};
  }

  live_tree tree;
};

TEST_F(supervision_check, has_no_complaint_about_a_child_that_is_brought_back) {
  EXPECT_EQ(kill_first_child(false), std::vector<std::string>{});
  EXPECT_EQ(tree.actors().size(), 2u);
}

TEST_F(supervision_check, sees_a_child_that_is_not_brought_back) {
  const auto found = kill_first_child(true);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], "it was brought back 0 times instead of 1 time");
  EXPECT_EQ(tree.actors().size(), 1u);
}

TEST_F(supervision_check, sees_an_end_that_nobody_noticed) {
  tree.note(news(change::started, "dht", "dht"));
  const auto victim = *tree.find("dht");
  EXPECT_EQ(breaches(tree.past(), tree, &victim), std::vector<std::string>{"nobody noticed its end"});
}

TEST_F(supervision_check, sees_what_was_brought_back_twice_or_beside_it) {
  tree.note(news(change::started, "dht", "dht"));
  tree.note(news(change::started, "overlay", "overlay"));
  const auto victim = *tree.find("dht");
  const auto before = tree.past();
  auto end = news(change::crashed, "dht", "dht");
  end.who = victim.who;
  tree.note(end);
  tree.note(news(change::restarted, "dht", "dht"));
  EXPECT_TRUE(breaches(before, tree, &victim).empty());
  tree.note(news(change::restarted, "dht", "dht"));
  tree.note(news(change::crashed, "overlay", "overlay"));
  EXPECT_EQ(breaches(before, tree, &victim).size(), 2u);
  EXPECT_EQ(breaches(before, tree, nullptr).size(), 2u) << "without a kill nothing may crash";
}

TEST_F(supervision_check, lets_die_with_an_actor_what_the_table_says_and_nothing_else) {
  const auto after_a_kill_of = [&](const char* kind) {
    live_tree fresh;
    std::swap(tree, fresh);
    tree.note(news(change::started, "victim", kind));
    const auto victim = *tree.find("victim");
    tree.note(news(change::crashed, "victim", kind));
    tree.note(news(change::restarted, "victim", kind));
    tree.note(news(change::crashed, "swarm/transfer-1", "transfer"));
    tree.note(news(change::restarted, "swarm/transfer-1", "transfer"));
    return breaches({}, tree, &victim).size();
  };
  EXPECT_EQ(after_a_kill_of("disk_worker"), 0u);
  EXPECT_EQ(after_a_kill_of("file_worker"), 1u);
  EXPECT_EQ(after_a_kill_of("library"), 1u);
}

TEST_F(supervision_check, does_not_expect_a_session_back) {
  const auto temporary = supervisor::restart_mode::temporary;
  tree.note(news(change::started, "overlay/peer-1", "overlay_peer", temporary));
  const auto victim = *tree.find("overlay/peer-1");
  tree.note(news(change::crashed, "overlay/peer-1", "overlay_peer", temporary));
  EXPECT_EQ(breaches({}, tree, &victim), std::vector<std::string>{"it is listed though it is dead"})
      << "the end was of another actor of this path";
  auto end = news(change::crashed, "overlay/peer-1", "overlay_peer", temporary);
  live_tree second;
  second.note({change::started, victim.path, victim.kind, temporary, victim.who});
  end.who = victim.who;
  second.note(end);
  EXPECT_TRUE(breaches({}, second, &victim).empty());
}

}  // namespace
}  // namespace vsf::sim
