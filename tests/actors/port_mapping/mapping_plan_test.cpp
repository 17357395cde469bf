#include "actors/port_mapping/mapping_plan.hpp"

#include <gtest/gtest.h>

namespace vsf::port_mapping {
namespace {

using namespace std::chrono_literals;

net::wanted_port port(std::uint16_t number) {
  return {net::port_protocol::tcp, endpoint::v4(0, number), "Soulseek"};
}
net::mapping_report mapped(std::uint16_t external, std::uint32_t lease_s) {
  return {"UPnP",
          endpoint::v4(0xC0A80101, 5000),
          endpoint::v4(0x08080808, 0),
          {{port(50300), external, lease_s, {}}},
          {}};
}
net::mapping_report nobody() { return {"", {}, {}, {}, "no router answers"}; }

class port_plan : public testing::Test {
 protected:
  void begin(nanoseconds at = 0ns) {
    it.set("soulseek", {port(50300)}, at);
    ASSERT_EQ(it.take_round(at)->size(), 1u);
  }
  mapping_plan it;
};

TEST_F(port_plan, renews_at_half_of_the_lease) {
  begin();
  EXPECT_EQ(it.next_deadline(), std::nullopt);  // one round at a time
  it.on_report(mapped(50300, 1200), 5s);
  EXPECT_EQ(it.next_deadline(), 5s + 600s);
  EXPECT_EQ(it.take_round(604s), std::nullopt);
  EXPECT_EQ(it.take_round(605s)->at(0), port(50300));
  it.on_report(mapped(50300, 0), 610s);  // without an end: looked after all the same
  EXPECT_EQ(it.next_deadline(), 610s + 30min);
  ASSERT_TRUE(it.take_round(610s + 30min));
  it.on_report(mapped(50300, 1), 1h);
  EXPECT_EQ(it.next_deadline(), 1h + 1min);
  EXPECT_NE(it.notes().back().find("leases of 1 s are too short"), std::string::npos);
}

TEST_F(port_plan, failures_back_off_to_an_hour) {
  begin();
  nanoseconds now{0};
  for (const auto pause : {1, 2, 4, 8, 16, 32, 60, 60}) {
    it.on_report(nobody(), now);
    EXPECT_EQ(it.next_deadline(), now + std::chrono::minutes(pause));
    now = *it.next_deadline();
    ASSERT_TRUE(it.take_round(now));
  }
  EXPECT_EQ(it.counters().rounds_failed, 8u);
  it.on_report(mapped(50300, 3600), now);
  ASSERT_TRUE(it.take_round(now + 30min));
  it.on_report(nobody(), now);
  EXPECT_EQ(it.next_deadline(), now + 1min);
}

TEST_F(port_plan, a_change_is_asked_for_at_once_or_after_the_round_under_way) {
  begin();
  it.set("transport", {port(50315)}, 1s);
  EXPECT_EQ(it.take_round(1s), std::nullopt);
  it.on_report(mapped(50300, 3600), 2s);
  ASSERT_EQ(it.take_round(2s)->size(), 2u);
  it.on_report(mapped(50300, 3600), 3s);
  it.set("transport", {port(50315)}, 4s);  // the same
  EXPECT_EQ(it.next_deadline(), 3s + 30min);
  it.set("transport", {}, 5s);
  EXPECT_EQ(it.take_round(5s)->size(), 1u);
}

TEST_F(port_plan, without_ports_that_can_be_mapped_nothing_is_repeated) {
  begin();
  it.on_report({}, 1s);
  EXPECT_EQ(it.next_deadline(), std::nullopt);
  EXPECT_TRUE(it.notes().empty());
}

TEST_F(port_plan, a_component_has_sixteen_ports_at_most) {
  std::vector<net::wanted_port> many(20, port(1));
  it.set("soulseek", many, 0ns);
  EXPECT_EQ(it.wanted(), 16u);
  EXPECT_EQ(it.counters().refused_ports, 4u);
}

TEST_F(port_plan, people_read_how_they_are_reached) {
  begin();
  it.on_report(mapped(50300, 3600), 0ns);
  EXPECT_EQ(it.notes(), std::vector<std::string>{"Soulseek TCP 50300 is reached at 8.8.8.8:50300 by UPnP"});
  ASSERT_TRUE(it.take_round(30min));
  it.on_report(mapped(20000, 3600), 30min);
  EXPECT_EQ(it.notes().at(0),
            "Soulseek TCP 50300 is reached at 8.8.8.8:20000 by UPnP, another port than the node's own");
  ASSERT_TRUE(it.take_round(60min));
  auto refused = mapped(0, 0);
  refused.ports[0].problem = "the router refused";
  it.on_report(refused, 60min);
  EXPECT_EQ(it.notes(), std::vector<std::string>{"Soulseek TCP 50300 isn't mapped: the router refused"});
  EXPECT_EQ(it.mapped(), 0u);
}

}  // namespace
}  // namespace vsf::port_mapping
