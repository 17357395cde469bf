#include "tests/net/port_mapping/fake_router.hpp"

namespace vsf::net::tests {
namespace {

using strings = std::vector<std::string>;

mapping_options named(const fake_igd& igd) {
  mapping_options out;
  out.router = igd.url();
  out.answer_time = std::chrono::seconds(5);
  return out;
}
/// Found by a search instead, which goes to the fake alone.
mapping_options searched(const fake_igd& igd) {
  mapping_options out;
  out.ask = mapping_options::protocols::upnp;
  out.ssdp = igd.search_at();
  return out;
}

TEST(upnp, ports_are_mapped_renewed_exchanged_and_taken_back) {
  fake_igd igd({});
  const auto mapper = make_router_mapper(named(igd));
  const auto first = map_now(*mapper, {tcp_port(50300), udp_port_of(50315)});
  EXPECT_EQ(first.method, "UPnP");
  EXPECT_EQ(first.problem, "");
  EXPECT_EQ(first.outside, endpoint::v4(0xCB007109, 0));
  ASSERT_EQ(first.ports.size(), 2u);
  EXPECT_EQ(first.ports[0].external, 50300);
  EXPECT_EQ(first.ports[0].lease_s, 3600u);
  EXPECT_EQ(igd.entries(),
            (strings{"TCP 50300 -> 127.0.0.1:50300 3600", "UDP 50315 -> 127.0.0.1:50315 3600"}));
  const auto second = map_now(*mapper, {tcp_port(50301), udp_port_of(50315)});
  EXPECT_EQ(second.ports[1].external, 50315);
  EXPECT_EQ(igd.entries(),
            (strings{"TCP 50301 -> 127.0.0.1:50301 3600", "UDP 50315 -> 127.0.0.1:50315 3600"}));
  mapper->clear();
  EXPECT_EQ(igd.entries(), strings{});
  map_now(*mapper, {tcp_port(50302)});
  EXPECT_EQ(igd.entries().size(), 1u);
}

TEST(upnp, the_end_takes_everything_back) {
  fake_igd igd({});
  {
    const auto mapper = make_router_mapper(named(igd));
    map_now(*mapper, {tcp_port(50300)});
    EXPECT_EQ(igd.entries().size(), 1u);
  }
  EXPECT_EQ(igd.entries(), strings{});
}

TEST(upnp, a_router_is_found_by_a_search) {
  fake_igd igd({});
  const auto mapper = make_router_mapper(searched(igd));
  const auto report = map_now(*mapper, {udp_port_of(50315)});
  EXPECT_EQ(report.ports.at(0).external, 50315);
  EXPECT_EQ(igd.entries(), strings{"UDP 50315 -> 127.0.0.1:50315 3600"});
}

TEST(upnp, what_listens_on_loopback_is_nobodys_to_reach) {
  fake_igd igd({});
  const auto mapper = make_router_mapper(searched(igd));
  const auto report = map_now(*mapper, {tcp_port(50300)});
  EXPECT_EQ(report.ports.size(), 0u);
  EXPECT_EQ(report.problem, "");
  EXPECT_EQ(igd.requests(), 0u);
}

TEST(upnp, a_router_without_leases_gets_permanent_ones) {
  fake_igd igd({.permanent_only = true});
  const auto mapper = make_router_mapper(named(igd));
  const auto report = map_now(*mapper, {tcp_port(50300)});
  EXPECT_EQ(report.ports.at(0).external, 50300);
  EXPECT_EQ(report.ports[0].lease_s, 0u);
  EXPECT_EQ(report.ports[0].problem, "");
}

TEST(upnp, a_taken_port_becomes_another) {
  fake_igd igd({.taken = 50300});
  const auto mapper = make_router_mapper(named(igd));
  const auto report = map_now(*mapper, {tcp_port(50300)});
  const auto port = report.ports.at(0).external;
  EXPECT_GE(port, 20000);
  EXPECT_NE(port, 50300);
  EXPECT_EQ(igd.entries(), strings{"TCP " + std::to_string(port) + " -> 127.0.0.1:50300 3600"});
}

TEST(upnp, refusals_and_empty_promises_are_told) {
  fake_igd igd({.refuses = true});
  const auto report = map_now(*make_router_mapper(named(igd)), {tcp_port(50300)});
  EXPECT_EQ(report.ports.at(0).external, 0);
  EXPECT_NE(report.ports[0].problem.find("606 Action not authorized"), std::string::npos)
      << report.ports[0].problem;
  fake_igd empty({.does_nothing = true});
  const auto promised = map_now(*make_router_mapper(named(empty)), {tcp_port(50300)});
  EXPECT_EQ(promised.ports.at(0).external, 0);
  EXPECT_NE(promised.ports[0].problem.find("sends port 50300 to 192.0.2.8:1"), std::string::npos)
      << promised.ports[0].problem;
}

TEST(upnp, no_more_than_sixteen_ports) {
  fake_igd igd({});
  std::vector<wanted_port> many;
  for (std::uint16_t i = 0; i < 20; ++i) many.push_back(tcp_port(static_cast<std::uint16_t>(50300 + i)));
  const auto report = map_now(*make_router_mapper(named(igd)), many);
  EXPECT_EQ(report.ports.size(), 20u);
  EXPECT_EQ(
      std::count_if(report.ports.begin(), report.ports.end(), [](const auto& p) { return p.external != 0; }),
      16);
}

TEST(upnp, bad_descriptions_are_told_and_bounded) {
  const auto problem = [](fake_igd::behaviour how) {
    fake_igd igd(std::move(how));
    const auto report = map_now(*make_router_mapper(named(igd)), {tcp_port(50300)});
    EXPECT_EQ(report.method, "");
    return report.problem;
  };
  EXPECT_NE(problem({.endless_bytes = std::size_t{1} << 30}).find("longer than 128 KiB"), std::string::npos);
  EXPECT_NE(
      problem({.description = "<root>" + std::string(127 * 1024, '<')}).find("no connection to the internet"),
      std::string::npos);
  EXPECT_NE(problem({.description = "not xml"}).find("no connection to the internet"), std::string::npos);
  EXPECT_NE(problem({.control_host = "192.0.2.1:80"}).find("at another address"), std::string::npos);
}

TEST(upnp, a_silent_router_ends_in_time) {
  fake_igd igd({.silent = true});
  auto options = named(igd);
  options.answer_time = std::chrono::milliseconds(300);
  const auto began = std::chrono::steady_clock::now();
  const auto report = map_now(*make_router_mapper(options), {tcp_port(50300)});
  EXPECT_NE(report.problem.find("no whole answer within"), std::string::npos) << report.problem;
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST(upnp, an_end_does_not_wait_for_a_silent_router) {
  fake_igd igd({.silent = true});
  auto options = named(igd);
  options.answer_time = options.round_time = std::chrono::minutes(10);
  const auto began = std::chrono::steady_clock::now();
  {
    const auto mapper = make_router_mapper(options);
    mapper->map({tcp_port(50300)}, [](const mapping_report&) { ADD_FAILURE() << "told after the end"; });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST(upnp, private_outside_addresses_and_held_sockets) {
  fake_igd igd({.outside = "10.1.2.3"});
  const auto report = map_now(*make_router_mapper(searched(igd)), {udp_port_of(50315)});
  EXPECT_NE(report.problem.find("10.1.2.3, which isn't reached from everywhere"), std::string::npos)
      << report.problem;
  auto held = searched(igd);
  held.bind = "127.0.0.1";
  EXPECT_NE(
      map_now(*make_router_mapper(held), {udp_port_of(50315)}).problem.find("name it in network.router"),
      std::string::npos);
  fake_igd odd({.outside = "<b>what</b>"});
  EXPECT_NE(
      map_now(*make_router_mapper(named(odd)), {tcp_port(50300)}).problem.find("tells no outside address"),
      std::string::npos);
}

}  // namespace
}  // namespace vsf::net::tests
