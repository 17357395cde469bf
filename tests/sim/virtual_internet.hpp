#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/internet.hpp"

namespace vsf::sim {

using namespace std::chrono_literals;

/// Hosts and a clock that jumps from event to event.
class virtual_internet : public ::testing::Test {
 protected:
  /// Two hosts, a_ and b_.
  void make(const link_conditions& conditions = {}, host_options a = {}, host_options b = {}) {
    net_ = std::make_shared<internet>(
        events_, trace_, [this] { return now_; }, internet_options{});
    net_->set_conditions(conditions);
    a_ = net_->add_host(0, a);
    b_ = net_->add_host(1, b);
  }
  ~virtual_internet() override {
    while (events_.next_time()) events_.pop();  // their closures hold hosts
  }
  void run_until(virtual_time end) {
    while (events_.next_time() && *events_.next_time() <= end) {
      now_ = *events_.next_time();
      events_.pop()();
    }
    now_ = end;
  }
  void run_for(virtual_time time) { run_until(now_ + time); }
  static endpoint at(const std::shared_ptr<host>& h, std::uint16_t port) {
    auto out = h->address();
    out.port = port;
    return out;
  }
  static frame text(std::size_t size, std::uint8_t fill = 7) {
    auto out = frame::allocate(size);
    std::fill(out.mutable_view().begin(), out.mutable_view().end(), fill);
    return out;
  }
  virtual_time way() const {
    return std::chrono::microseconds(latency::base_us(latency::place_of(1, 0), latency::place_of(1, 1)));
  }

  struct arrival {
    virtual_time when{};
    endpoint from;
    frame payload;
  };
  /// An open port and what came to it.
  struct mailbox {
    std::vector<arrival> got;
    std::shared_ptr<net::datagram_port> port;
    bool send(const endpoint& to, frame what) { return port->send(to, std::move(what)); }
  };
  std::shared_ptr<mailbox> open(const std::shared_ptr<host>& h, std::uint16_t port,
                                std::size_t credits = 1'000'000) {
    auto out = std::make_shared<mailbox>();
    out->port = h->open_datagrams(at(h, port), credits,
                                  [this, box = std::weak_ptr(out)](const endpoint& from, frame f) {
                                    if (const auto b = box.lock())
                                      b->got.push_back({now_, from, std::move(f)});
                                  })
                    .value();
    return out;
  }

  /// A connection from a to b's port 9.
  void connect() {
    listener_ = b_->listen(at(b_, 9), [this](auto link) { far_ = std::move(link); }).value();
    a_->connect(at(b_, 9), 10s, [this](auto link) { near_ = link.value(); });
    run_for(5s);
    ASSERT_TRUE(near_ && far_);
  }
  /// How an attempt to connect ended; "connected" if it did.
  std::string try_connect(const std::shared_ptr<host>& from, const endpoint& to,
                          std::chrono::milliseconds timeout = 3s) {
    std::string out = "nothing";
    from->connect(to, timeout, [&](result<std::shared_ptr<net::stream_link>> link) {
      out = link ? "connected" : link.error().message.substr(link.error().message.rfind(": ") + 2);
      if (link) (*link)->close();
    });
    run_for(timeout + 1s);
    return out;
  }
  /// The two ends of an open connection hold each other: a test ends its own, while what its handlers name is
  /// there.
  void disconnect() {
    if (near_) near_->close();
    if (far_) far_->close();
    near_ = far_ = nullptr;
    listener_ = nullptr;
    run_for(60s);
  }
  /// Every datagram is somewhere.
  void expect_all_accounted_for() const {
    const auto& c = net_->counters();
    EXPECT_EQ(c.datagrams_sent + c.datagrams_duplicated,
              c.datagrams_delivered + c.datagrams_lost + c.datagrams_to_nobody + c.datagrams_no_route +
                  c.datagrams_partitioned + c.datagrams_nat_filtered + c.datagrams_nat_full +
                  c.datagrams_uplink_full + c.datagrams_downlink_full + c.datagrams_no_credit);
  }

  event_queue events_;
  trace trace_;
  virtual_time now_{0};
  std::shared_ptr<internet> net_;
  std::shared_ptr<host> a_, b_;
  std::shared_ptr<net::stream_listener> listener_;
  std::shared_ptr<net::stream_link> near_, far_;
};

}  // namespace vsf::sim
