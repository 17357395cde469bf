#include "actors/supervisor/child_set_actor.hpp"

#include <map>

#include "tests/support/virtual_time.hpp"

namespace vsf::supervisor {
namespace {

using namespace std::chrono_literals;

/// What a child is told to do.
struct fall {};
struct leave {};
/// What the owner is told to do.
struct adopt {
  child_spec spec;
};
struct drop_child {
  std::string name;
};

struct owner_state {
  static inline const char* name = "owner";
  std::unique_ptr<child_set> children;
};

}  // namespace
}  // namespace vsf::supervisor

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::supervisor::fall)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::supervisor::leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::supervisor::adopt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::supervisor::drop_child)

namespace vsf::supervisor {
namespace {

caf::behavior owner(caf::stateful_actor<owner_state>* self, environment_ptr env, telemetry_actor telemetry) {
  prepare(self);
  self->state.children = std::make_unique<child_set>(self, env, "owner");
  self->state.children->report_to(telemetry);
  return {
      [self](const adopt& m) { self->state.children->add(m.spec); },
      [self](const drop_child& m) { self->state.children->remove(m.name); },
      [self](const restart_child& m) { self->state.children->on_restart(m); },
      [self](const leave&) { self->quit(); },
      [self](const fall&) { throw std::runtime_error("the owner fell"); },
  };
}

class child_sets : public tests::virtual_time {
 protected:
  void SetUp() override {
    env = std::make_shared<environment>();
    env->random = std::make_shared<crypto::seeded_random>(3);
    env->log = [this](log_level, std::string_view, std::string_view text) { log.emplace_back(text); };
    telemetry = keep(system().spawn([this](caf::event_based_actor* self) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[this](const child_changed& c) { told.push_back(c); }};
    }));
    root = keep(
        system().spawn(owner, environment_ptr(env),
                       caf::actor_cast<telemetry_actor>(caf::actor_cast<caf::strong_actor_ptr>(telemetry))));
    settle();
    auto watch = keep(system().spawn([this](caf::event_based_actor* self) -> caf::behavior {
      self->monitor(root);
      self->set_down_handler([this](caf::down_msg& m) { root_end = system().render(m.reason); });
      return {[](const fall&) {}};
    }));
    settle();
  }
  void TearDown() override {
    root = nullptr;
    current.clear();
    tests::virtual_time::TearDown();
  }

  child_spec spec(const std::string& name, restart_mode mode, bool falls_at_birth = false) {
    child_spec out;
    out.name = name;
    out.kind = "kid";
    out.mode = mode;
    out.backoff = {.base = 100ms, .cap = 400ms, .max_restarts = 3, .window = 10s};
    out.spawn = [this, name, falls_at_birth] {
      ++births[name];
      auto child = system().spawn([falls_at_birth](caf::event_based_actor* self) -> caf::behavior {
        prepare(self);
        if (falls_at_birth) throw std::runtime_error("fell at birth");
        return {[](const fall&) { throw std::runtime_error("fell"); },
                [self](const leave&) { self->quit(); }};
      });
      current[name] = caf::actor_cast<caf::actor_addr>(child);
      return caf::actor_cast<caf::actor>(child);
    };
    out.restarted = [this, name](const caf::actor&) { ++returns[name]; };
    out.ended = [this, name](const std::string& why) { ends[name].push_back(why); };
    return out;
  }
  void add(child_spec s) {
    caf::anon_send(root, adopt{std::move(s)});
    settle();
  }
  template <class Message>
  void tell(const std::string& name, Message m) {
    if (const auto to = caf::actor_cast<caf::strong_actor_ptr>(current[name]))
      caf::anon_send(caf::actor_cast<caf::actor>(to), m);
    settle();
  }
  bool alive(const std::string& name) {
    const auto strong = caf::actor_cast<caf::strong_actor_ptr>(current[name]);
    return strong &&
           !caf::actor_cast<caf::abstract_actor*>(strong)->getf(caf::abstract_actor::is_terminated_flag);
  }

  std::shared_ptr<environment> env;
  caf::actor telemetry, root;
  std::vector<child_changed> told;
  std::vector<std::string> log;
  std::map<std::string, int> births, returns;
  std::map<std::string, std::vector<std::string>> ends;
  std::map<std::string, caf::actor_addr> current;
  std::string root_end = "alive";
};

TEST_F(child_sets, a_permanent_child_comes_back_after_its_back_off_and_is_told_of) {
  add(spec("a", restart_mode::permanent));
  tell("a", fall{});
  EXPECT_EQ(births["a"], 1);
  run_for(49ms);
  EXPECT_EQ(births["a"], 1) << "the back-off is at least half of 100 ms";
  run_for(52ms);
  EXPECT_EQ(births["a"], 2);
  EXPECT_EQ(returns["a"], 1);
  EXPECT_TRUE(ends["a"].empty());
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].path, "owner/a");
  EXPECT_TRUE(told[0].running);
  EXPECT_FALSE(told[1].running);
  EXPECT_NE(told[1].reason.find("fell"), std::string::npos) << told[1].reason;
  EXPECT_TRUE(told[2].running);
  EXPECT_EQ(told[2].restarts, 1u);
  // A normal end brings it back too.
  tell("a", leave{});
  run_for(1s);
  EXPECT_EQ(births["a"], 3);
  EXPECT_EQ(root_end, "alive");
}

TEST_F(child_sets, one_that_fails_too_often_takes_its_owner_and_siblings_down) {
  add(spec("good", restart_mode::permanent));
  add(spec("bad", restart_mode::permanent));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(root_end, "alive");
    tell("bad", fall{});
    run_for(401ms);
  }
  EXPECT_EQ(births["bad"], 4) << "the first and three restarts";
  EXPECT_NE(root_end.find("owner/bad failed too often"), std::string::npos) << root_end;
  EXPECT_FALSE(alive("good"));
  EXPECT_EQ(births["good"], 1);
  EXPECT_FALSE(log.empty());
}

TEST_F(child_sets, failures_spread_beyond_the_window_never_escalate) {
  add(spec("a", restart_mode::permanent));
  for (int i = 0; i < 12; ++i) {
    tell("a", fall{});
    run_for(5s);
  }
  EXPECT_EQ(births["a"], 13);
  EXPECT_EQ(root_end, "alive");
}

TEST_F(child_sets, a_crash_at_birth_counts_like_any_other) {
  add(spec("a", restart_mode::permanent, true));
  run_for(10s);
  EXPECT_EQ(births["a"], 4);
  EXPECT_NE(root_end.find("fell at birth"), std::string::npos) << root_end;
}

TEST_F(child_sets, a_transient_child_is_brought_back_from_a_crash_but_not_from_its_end) {
  add(spec("a", restart_mode::transient));
  tell("a", fall{});
  run_for(1s);
  EXPECT_EQ(births["a"], 2);
  EXPECT_TRUE(ends["a"].empty());
  tell("a", leave{});
  run_for(10s);
  EXPECT_EQ(births["a"], 2);
  EXPECT_EQ(ends["a"], std::vector<std::string>{"ended"});
}

TEST_F(child_sets, a_temporary_child_never_comes_back) {
  add(spec("a", restart_mode::temporary));
  add(spec("b", restart_mode::temporary));
  tell("a", fall{});
  tell("b", leave{});
  run_for(10s);
  EXPECT_EQ(births["a"] + births["b"], 2);
  ASSERT_EQ(ends["a"].size(), 1u);
  EXPECT_NE(ends["a"][0].find("fell"), std::string::npos);
  EXPECT_EQ(ends["b"], std::vector<std::string>{"ended"});
  EXPECT_EQ(root_end, "alive");
}

TEST_F(child_sets, whatever_ends_the_owner_its_children_end_too) {
  add(spec("a", restart_mode::permanent));
  caf::anon_send(root, leave{});
  run_for(1s);
  EXPECT_FALSE(alive("a"));
  EXPECT_EQ(births["a"], 1);
}

TEST_F(child_sets, a_killed_owner_takes_its_children) {
  add(spec("a", restart_mode::permanent));
  add(spec("b", restart_mode::temporary));
  caf::anon_send_exit(root, caf::exit_reason::kill);
  run_for(1s);
  EXPECT_FALSE(alive("a") || alive("b"));
  EXPECT_EQ(births["a"], 1);
}

TEST_F(child_sets, a_crashed_owner_takes_its_children_even_one_in_back_off) {
  add(spec("a", restart_mode::permanent));
  add(spec("b", restart_mode::permanent));
  tell("b", fall{});
  caf::anon_send(root, fall{});
  run_for(1s);
  EXPECT_NE(root_end.find("the owner fell"), std::string::npos);
  EXPECT_FALSE(alive("a") || alive("b"));
  EXPECT_EQ(births["b"], 1);
}

TEST_F(child_sets, a_removed_child_is_gone_for_good_and_its_name_is_free) {
  add(spec("a", restart_mode::permanent));
  caf::anon_send(root, drop_child{"a"});
  run_for(1s);
  EXPECT_FALSE(alive("a"));
  EXPECT_EQ(births["a"], 1);
  EXPECT_TRUE(ends["a"].empty());
  // Removed while it waits for its restart, then another of that name: the old timer does not start a second
  // one.
  add(spec("a", restart_mode::permanent));
  tell("a", fall{});
  add(spec("a", restart_mode::permanent));
  EXPECT_EQ(births["a"], 3);
  run_for(1s);
  EXPECT_EQ(births["a"], 3);
  EXPECT_TRUE(alive("a"));
}

TEST_F(child_sets, a_prepared_actor_survives_what_it_does_not_understand) {
  add(spec("a", restart_mode::permanent));
  const auto child = caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(current["a"]));
  std::string answer = "none";
  // A sender whose message is not understood gets no error back, unless it asked.
  auto sender = keep(system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
    prepare(self);
    self->send(child, std::string("what?"));
    self->request(child, 5s, std::string("what?"))
        .then([&](int) { answer = "a number"; }, [&](const caf::error& e) { answer = system().render(e); });
    return {[](const fall&) {}};
  }));
  // Errors that come unasked are dropped.
  caf::anon_send(child, caf::make_error(caf::sec::runtime_error, std::string("unasked")));
  run_for(1s);
  EXPECT_NE(answer.find("unexpected_message"), std::string::npos) << answer;
  EXPECT_TRUE(alive("a"));
  EXPECT_EQ(births["a"], 1);
}

}  // namespace
}  // namespace vsf::supervisor
