// Workers whose disk takes its time, in virtual time; actors of the swarm that crash.

#include "actors/swarm/disk_worker_actor.hpp"
#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

using namespace swarm;

struct answered {
  std::chrono::nanoseconds at{0};
  std::uint32_t epoch = 0;
};

class disk_latency : public virtual_time {
 protected:
  void SetUp() override {
    env->files = std::make_shared<storage::memory_files>();
    env->store = storage::make_memory_store();
    transfer_disk::places where{env->files, env->store, "/downloads", 0};
    disk = std::make_shared<transfer_disk>(where, "t", bytes{});
    began = now();
  }
  /// Hears the answers in the place of a transfer.
  transfer_actor listener() {
    return keep(system().spawn([this](transfer_actor::pointer self) -> transfer_actor::behavior_type {
      return {[](const record<fb::FetchControl>&) { return record<fb::TransferStatus>{}; },
              [](const record<fb::ResolveResult>&) {},
              [](const source_report&) {},
              [this, self](const disk_answer& answer) {
                got.push_back({supervisor::now(self) - began, answer.epoch});
              },
              [](const file_analyzed&) {},
              [](const rate_share&) {},
              [](const component_links&) {},
              [](const alarm&) {},
              [](const restart_child&) {}};
    }));
  }
  disk_worker_actor worker() { return keep(system().spawn(disk_worker, environment_ptr(env))); }
  /// A job that fails with its number as epoch: there is no such file.
  void give(const disk_worker_actor& to, const transfer_actor& from, std::uint32_t number) {
    caf::anon_send(to, disk_job{disk, transfer_logic::hash_file{number, "/nowhere"}, from});
  }
  std::vector<std::uint32_t> epochs() const {
    std::vector<std::uint32_t> out;
    for (const auto& a : got) out.push_back(a.epoch);
    return out;
  }

  std::shared_ptr<environment> env = std::make_shared<environment>();
  std::shared_ptr<transfer_disk> disk;
  std::vector<answered> got;
  std::chrono::nanoseconds began{0};
};

TEST_F(disk_latency, WithoutTheHookAnswersComeAtOnce) {
  const auto to = worker();
  const auto from = listener();
  give(to, from, 1);
  settle();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].at, 0ns);
}

TEST_F(disk_latency, JobsWaitForThoseBeforeThem) {
  env->disk_latency = [] { return 10ms; };
  const auto to = worker();
  const auto from = listener();
  give(to, from, 1);
  give(to, from, 2);
  settle();
  EXPECT_TRUE(got.empty());
  run_for(15ms);
  give(to, from, 3);
  run_for(100ms);
  give(to, from, 4);
  run_for(100ms);
  EXPECT_EQ(epochs(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
  ASSERT_EQ(got.size(), 4U);
  EXPECT_EQ(got[0].at, 10ms);
  EXPECT_EQ(got[1].at, 20ms);
  EXPECT_EQ(got[2].at, 30ms);
  EXPECT_EQ(got[3].at, 125ms);
}

TEST_F(disk_latency, AFastJobDoesNotOvertakeASlowOne) {
  auto takes = std::make_shared<std::chrono::nanoseconds>(50ms);
  env->disk_latency = [takes] { return *takes; };
  const auto to = worker();
  const auto from = listener();
  give(to, from, 1);
  settle();
  *takes = 0ms;
  give(to, from, 2);
  settle();
  EXPECT_TRUE(got.empty());
  run_for(50ms);
  EXPECT_EQ(epochs(), (std::vector<std::uint32_t>{1, 2}));
  give(to, from, 3);
  settle();
  EXPECT_EQ(epochs(), (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST_F(disk_latency, JobsDieWithTheirWorker) {
  env->disk_latency = [] { return 10ms; };
  const auto to = worker();
  const auto from = listener();
  give(to, from, 1);
  settle();
  caf::anon_send_exit(to, caf::exit_reason::kill);
  run_for(1s);
  EXPECT_TRUE(got.empty());
}

class swarm_crash : public swarm_test {
 protected:
  void watch(const char* kind) {
    node(0).on_child = [this, kind](const supervisor::live_child& child) {
      if (child.kind == kind) seen.push_back(child);
    };
  }
  std::vector<supervisor::live_child> seen;
};

TEST_F(swarm_crash, ATransferThatWasRestartedAfterACommandCanStillEnd) {
  using change = supervisor::live_child::change;
  watch("transfer");
  node(0).index.silent = true;
  node(0).start(system());
  settle();
  fb::FetchControlT control;
  control.transfer = fetch(mbid_of(1)).transfer;
  control.verb = fb::FetchVerb::prioritize;
  control.priority = fb::Priority::high;
  ask<record<fb::TransferStatus>>(node(0).links.swarm, record<fb::FetchControl>::pack(control));
  ASSERT_EQ(seen.size(), 1U);
  caf::anon_send_exit(caf::actor_cast<caf::actor>(seen[0].who), caf::exit_reason::kill);
  run_for(2s);
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[1].what, change::crashed);
  EXPECT_EQ(seen[2].what, change::restarted);
  run_for(10s);
  EXPECT_EQ(status(control.transfer).state, fb::TransferState::failed) << "nobody answers";
  ASSERT_EQ(seen.size(), 4U) << "its turn is free for another";
  EXPECT_EQ(seen[3].what, change::ended);
}

}  // namespace

}  // namespace vsf::tests
