#include "net/soulseek/frame_splitter.hpp"
#include "sim/soulseek_server/network_server.hpp"
#include "tests/sim/virtual_internet.hpp"

namespace vsf::sim {
namespace {

namespace server = soulseek::test_server;

/// The server on host b, clients on host a, in virtual time.
class virtual_server : public virtual_internet {
 protected:
  void start_server() {
    make();
    const auto now = [this] { return std::chrono::duration_cast<server::time_ms>(now_); };
    server_ = std::make_shared<server::network_server>(
        b_, server::network_server::hooks{now,
                                          [this](server::time_ms when) {
                                            events_.at(std::max(now_, virtual_time(when)), [this] {
                                              if (server_) server_->tick();
                                            });
                                          },
                                          [this](const server::event& e) { log_.push_back(e.what); }});
    ASSERT_TRUE(server_->open(at(b_, 2242)));
  }
  struct client {
    std::shared_ptr<net::stream_link> link;
    soulseek::frame_splitter splitter{soulseek::server_frame_limit, soulseek::wide_code};
    std::vector<soulseek::from_server::message> got;
    bool closed = false;
  };
  std::shared_ptr<client> dial() {
    auto c = std::make_shared<client>();
    a_->connect(
        at(b_, 2242), 10s,
        [c](result<std::shared_ptr<net::stream_link>> link) {
          if (!link) return;
          c->link = *link;
          c->link->start({.on_packet =
                              [c = c.get()](const frame& chunk) {
                                c->splitter.feed(chunk.view());
                                while (const auto f = c->splitter.next())
                                  c->got.push_back(soulseek::decode_from_server(*f).value());
                                c->link->grant(1);
                              },
                          .on_writable = {},
                          .on_closed = [c = c.get()](const std::string&) { c->closed = true; }});
          c->link->grant(4);
        },
        net::stream_framing::raw);
    run_for(2s);
    return c;
  }
  template <class M>
  void say(client& c, const M& message) {
    ASSERT_TRUE(c.link->send(frame::copy_of(soulseek::encode(message))));
    run_for(2s);
  }
  template <class M>
  static std::size_t count(const client& c) {
    std::size_t out = 0;
    for (const auto& m : c.got) out += std::holds_alternative<M>(m);
    return out;
  }
  void stop_server() {
    server_->close();
    run_for(60s);
    server_ = nullptr;
  }

  std::shared_ptr<server::network_server> server_;
  std::vector<std::string> log_;
};

TEST_F(virtual_server, clients_log_in_and_search) {
  start_server();
  const auto alice = dial(), bob = dial();
  ASSERT_TRUE(alice->link && bob->link);
  say(*alice, soulseek::make_login("alice", "x", 177, 1));
  say(*bob, soulseek::make_login("bob", "x", 177, 1));
  say(*alice, soulseek::to_server::file_search{5, "some words"});
  ASSERT_EQ(count<soulseek::from_server::file_search>(*bob), 1u);
  say(*alice, soulseek::to_server::get_peer_address{"bob"});
  const auto& address = std::get<soulseek::from_server::get_peer_address>(alice->got.back());
  EXPECT_EQ(address.ip >> 24, 1u);  // the simulated hosts' addresses
  EXPECT_EQ(std::count(log_.begin(), log_.end(), "login"), 2);
  stop_server();
  EXPECT_TRUE(alice->closed && bob->closed);
}

TEST_F(virtual_server, is_slow_dies_and_comes_back) {
  start_server();
  const auto alice = dial();
  server_->control([](auto& core, auto) { core.slow_down(30s); });
  say(*alice, soulseek::make_login("alice", "x", 177, 1));
  EXPECT_TRUE(alice->got.empty());
  run_for(30s);
  EXPECT_EQ(count<soulseek::from_server::login>(*alice), 1u);
  server_->control([](auto& core, auto now) { core.die(now); });
  run_for(2s);
  EXPECT_TRUE(alice->closed);
  EXPECT_FALSE(dial()->link);
  server_->control([](auto& core, auto) { core.come_back(); });
  const auto again = dial();
  EXPECT_TRUE(again->link);
  stop_server();
}

}  // namespace
}  // namespace vsf::sim
