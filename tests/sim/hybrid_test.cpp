#include <gtest/gtest.h>

#include "sim/metrics.hpp"
#include "sim/workload.hpp"

namespace vsf::sim {
namespace {

using namespace std::chrono_literals;

class hybrid : public ::testing::Test {
 protected:
  void run(std::size_t nodes, std::uint64_t seed) {
    crypto::memoise(true);
    auto plan = find_scenario("hybrid").value();
    plan.nodes = nodes;
    log_ = std::make_unique<operation_log>(operation_log::open({}).value());
    world_ = std::make_unique<world>(plan, seed);
    workload users(*world_, *log_);
    users.schedule();
    world_->run_until(390s);
    before_ = world_->soulseek_server()->online().size();
    world_->run_until(410s);
    during_ = world_->soulseek_server()->online().size();
    world_->run_until(users.end());
    users.close();
    metrics_ = metrics_of(log_->operations());
  }

  std::unique_ptr<operation_log> log_;
  std::unique_ptr<world> world_;
  std::size_t before_ = 0, during_ = 0;
  std::map<std::string, double> metrics_;
};

TEST_F(hybrid, a_server_dies_and_all_its_users_come_back) {
  run(20, 5);
  EXPECT_EQ(before_, 20u);
  EXPECT_EQ(during_, 0u);
  EXPECT_EQ(world_->soulseek_server()->online().size(), 20u);
  EXPECT_GE(metrics_.at("soulseek_downloads"), 50);
  EXPECT_GE(metrics_.at("soulseek_download_success"), 0.7);
  EXPECT_EQ(metrics_.at("wrong_bytes"), 0);
  EXPECT_EQ(world_->actor_restarts(), 0u);
  // Whoever searched when there was a server got the file, also from behind a NAT.
  for (const auto& op : log_->operations()) {
    const bool server_was_there = op.started_us < 360'000'000 || op.started_us > 830'000'000;
    if (op.what != operation::kind::soulseek_download || !server_was_there || op.holders_alive.empty())
      continue;
    EXPECT_EQ(op.end, operation::outcome::ok) << op.reason << ", begun at " << op.started_us << " us";
  }
}

}  // namespace
}  // namespace vsf::sim
