// Limits that are changed while the node runs.

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

using all_limits = std::array<std::uint32_t, 5>;
all_limits values(const fb::TransferLimitsT& of) {
  return {of.upload_limit_kib, of.download_limit_kib, of.upload_limit_per_peer_kib, of.upload_slots,
          of.active_downloads};
}

class limits_test : public swarm_test {
 protected:
  fb::TransferLimitsT limits() {
    return ask<record<fb::TransferLimits>>(node(0).links.swarm, limits_request{}).unpack();
  }
  fb::TransferLimitsT set(const fb::TransferLimitsT& wanted) {
    return ask<record<fb::TransferLimits>>(node(0).links.swarm, record<fb::TransferLimits>::pack(wanted))
        .unpack();
  }
};

TEST_F(limits_test, AreAsConfiguredAtFirst) {
  node(0).start(system(), 300, 200);
  settle();
  const auto now_hold = limits();
  EXPECT_EQ(now_hold.upload_limit_kib, 300U);
  EXPECT_EQ(now_hold.download_limit_kib, 200U);
  EXPECT_EQ(now_hold.upload_limit_per_peer_kib, 0U);
  EXPECT_EQ(now_hold.upload_slots, node(0).env->settings.transfers.upload_slots);
  EXPECT_EQ(now_hold.active_downloads, node(0).env->settings.transfers.active_downloads);
}

TEST_F(limits_test, AreKeptUntilTheNodeEnds) {
  node(0).start(system(), 300, 200);
  settle();
  auto wanted = limits();
  wanted.upload_limit_kib = 1;
  wanted.download_limit_kib = 2;
  wanted.upload_limit_per_peer_kib = 3;
  wanted.upload_slots = 4;
  wanted.active_downloads = 5;
  EXPECT_EQ(values(set(wanted)), values(wanted));
  EXPECT_EQ(values(limits()), values(wanted));
  node(0).kill();
  settle();
  node(0).start(system(), 300, 200);
  settle();
  EXPECT_EQ(limits().upload_limit_kib, 300U) << "the configuration holds again";
}

TEST_F(limits_test, OfDownloadsActAtOnceBothWays) {
  const auto content = made_up(31, std::size_t{4} << 20);
  node(0).start(system());
  node(1).share("/a", content, mbid_of(1));
  node(1).start(system());
  offer(mbid_of(1), {1}, content);
  settle();
  auto wanted = limits();
  wanted.download_limit_kib = 200;
  set(wanted);
  const auto id = fetch(mbid_of(1)).transfer;
  run_for(5s);
  const auto slow = status(id);
  EXPECT_GT(slow.bytes_verified, 0U);
  EXPECT_LT(slow.bytes_verified, 8U * 200 * 1024) << "5 s at 200 KiB/s, and what had gathered";
  wanted.download_limit_kib = 0;
  set(wanted);
  const auto lifted = now();
  ASSERT_TRUE(run_until_done(id));
  EXPECT_LT(now() - lifted, 3s) << "what is left would take another 12 s at the old limit";
}

}  // namespace

}  // namespace vsf::tests
