#include <functional>

#include "tests/net/port_mapping/fake_router.hpp"

namespace vsf::net::tests {
namespace {

using words = std::vector<std::uint8_t>;

void put16(words& out, std::uint32_t x) {
  out.push_back(static_cast<std::uint8_t>(x >> 8));
  out.push_back(static_cast<std::uint8_t>(x));
}
void put32(words& out, std::uint32_t x) {
  put16(out, x >> 16);
  put16(out, x);
}

/// Answers NAT-PMP (RFC 6886) on loopback. `change` may spoil each answer, or empty it: none is sent.
class fake_nat_pmp {
 public:
  explicit fake_nat_pmp(std::function<void(words&)> change = {}) : change_(std::move(change)) {
    fd_ = bound_socket(SOCK_DGRAM, at_);
    thread_.begin([this] { serve(); });
  }
  ~fake_nat_pmp() {
    thread_.end();
    ::close(fd_);
  }
  mapping_options options() const {
    mapping_options out;
    out.router = to_string(at_);
    out.search_time = out.answer_time = std::chrono::milliseconds(1500);
    return out;
  }
  /// Lease in seconds of each mapping.
  std::map<std::uint16_t, std::uint32_t> leases() const {
    const std::lock_guard lock(mutex_);
    return leases_;
  }

 private:
  void serve() {
    while (thread_.readable(fd_)) {
      std::array<std::uint8_t, 64> in{};
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const auto got = ::recvfrom(fd_, in.data(), in.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      words out{0, static_cast<std::uint8_t>(128 + in[1])};
      put16(out, 0);
      put32(out, 77);
      if (got == 2 && in[1] == 0) {
        put32(out, 0xCB007109);
      } else if (got == 12 && (in[1] == 1 || in[1] == 2)) {
        const auto at = [&](std::size_t i) { return std::uint32_t{in[i]} << 8 | in[i + 1]; };
        const auto lease_s = at(8) << 16 | at(10);
        const std::lock_guard lock(mutex_);
        if (lease_s == 0)
          leases_.erase(static_cast<std::uint16_t>(at(4)));
        else
          leases_[static_cast<std::uint16_t>(at(4))] = lease_s;
        put16(out, at(4));
        put16(out, at(6));
        put32(out, lease_s);
      } else {
        continue;
      }
      if (change_) change_(out);
      if (!out.empty()) ::sendto(fd_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  std::function<void(words&)> change_;
  endpoint at_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::map<std::uint16_t, std::uint32_t> leases_;
  server_thread thread_;
};

TEST(nat_pmp, ports_are_mapped_and_taken_back) {
  const fake_nat_pmp router;
  const auto mapper = make_router_mapper(router.options());
  const auto report = map_now(*mapper, {tcp_port(50300), udp_port_of(50315)});
  EXPECT_EQ(report.method, "NAT-PMP");
  EXPECT_EQ(report.outside, endpoint::v4(0xCB007109, 0));
  EXPECT_EQ(report.problem, "");
  ASSERT_EQ(report.ports.size(), 2u);
  EXPECT_EQ(report.ports[0].external, 50300);
  EXPECT_EQ(report.ports[1].lease_s, 3600u);
  EXPECT_EQ(router.leases(), (std::map<std::uint16_t, std::uint32_t>{{50300, 3600}, {50315, 3600}}));
  map_now(*mapper, {tcp_port(50300)});
  EXPECT_EQ(router.leases().size(), 1u);
  mapper->clear();
  EXPECT_EQ(router.leases().size(), 0u);
}

TEST(nat_pmp, a_lost_answer_is_asked_for_again) {
  int lost = 1;
  const fake_nat_pmp router([&](words& out) {
    if (lost-- > 0) out.clear();
  });
  const auto report = map_now(*make_router_mapper(router.options()), {tcp_port(50300)});
  EXPECT_EQ(report.ports.at(0).external, 50300);
}

TEST(nat_pmp, another_port_is_taken_as_given) {
  const fake_nat_pmp router([](words& out) {
    if (out.size() == 16) out[10] = 0x30, out[11] = 0x39;
  });
  const auto report = map_now(*make_router_mapper(router.options()), {tcp_port(50300)});
  EXPECT_EQ(report.ports.at(0).external, 12345);
}

TEST(nat_pmp, bad_answers_are_told) {
  const auto problem = [](std::function<void(words&)> change) {
    const fake_nat_pmp router(std::move(change));
    const auto report = map_now(*make_router_mapper(router.options()), {tcp_port(50300)});
    EXPECT_TRUE(report.ports.empty() || report.ports[0].external == 0);
    return report.ports.empty() ? report.problem : report.ports[0].problem;
  };
  const auto of_mapping = [](auto change) {
    return [change](words& out) {
      if (out.size() == 16) change(out);
    };
  };
  EXPECT_NE(problem(of_mapping([](words& out) { out[3] = 2; })).find("doesn't allow it"), std::string::npos);
  EXPECT_NE(problem(of_mapping([](words& out) { out[3] = 4; })).find("no room"), std::string::npos);
  EXPECT_NE(problem(of_mapping([](words& out) {
              out[12] = out[13] = out[14] = out[15] = 0;
            })).find("agreed to nothing (port 50300 for 0 s)"),
            std::string::npos);
  EXPECT_NE(problem(of_mapping([](words& out) { out[10] = out[11] = 0; })).find("agreed to nothing (port 0"),
            std::string::npos);
  EXPECT_NE(problem(of_mapping([](words& out) { out[9] ^= 1; })).find("wasn't asked"), std::string::npos);
  EXPECT_NE(problem([](words& out) { out.clear(); }).find("no answer in time"), std::string::npos);
}

TEST(nat_pmp, where_nobody_listens_is_told_at_once) {
  endpoint closed;
  ::close(bound_socket(SOCK_DGRAM, closed));
  mapping_options options;
  options.router = to_string(closed);
  const auto report = map_now(*make_router_mapper(options), {tcp_port(50300)});
  EXPECT_NE(report.problem.find("nobody answers there"), std::string::npos) << report.problem;
  EXPECT_NE(report.problem.find("Forward them by hand"), std::string::npos);
}

TEST(nat_pmp, nonsense_as_the_routers_address_is_told) {
  mapping_options options;
  options.router = "the box in the hall";
  const auto report = map_now(*make_router_mapper(options), {tcp_port(50300)});
  EXPECT_NE(report.problem.find("network.router is no IPv4 address"), std::string::npos) << report.problem;
}

}  // namespace
}  // namespace vsf::net::tests
