#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "net/soulseek/frame_splitter.hpp"
#include "sim/soulseek_server/server_core.hpp"

namespace vsf::soulseek::test_server {

using namespace std::chrono_literals;

/// The core, clients that are nothing but bytes, and a clock.
class memory_clients : public testing::Test {
 protected:
  struct client {
    frame_splitter splitter{server_frame_limit, wide_code};
    std::vector<from_server::message> got;
    bool closed = false;
  };

  void use(server_options options) { core_ = std::make_unique<server_core>(std::move(options)); }
  connection_id open(std::uint32_t ip = 0x01020304) {
    const auto id = next_++;
    clients_[id];
    core_->opened(id, ip, now_);
    pump();
    return id;
  }
  void send(connection_id from, byte_view raw) {
    core_->received(from, raw, now_);
    pump();
  }
  template <class M>
  void say(connection_id from, const M& message) {
    send(from, encode(message));
  }
  void pump() {
    for (const auto& e : core_->take_effects()) {
      auto& c = clients_[e.connection];
      EXPECT_FALSE(c.closed) << "an effect for a connection that was closed";
      c.splitter.feed(e.data);
      while (const auto frame = c.splitter.next()) {
        const auto message = decode_from_server(*frame);
        ASSERT_TRUE(message);
        c.got.push_back(*message);
      }
      c.closed = e.close;
    }
    for (auto& e : core_->take_events()) events_.push_back(std::move(e));
  }
  void wait(time_ms time) {
    now_ += time;
    core_->tick(now_);
    pump();
  }
  /// Logged in, listening on the port, what the server says to that taken.
  connection_id join(const std::string& name, std::uint32_t port = 2234, std::uint32_t ip = 0x01020304) {
    const auto id = open(ip);
    say(id, make_login(name, "pass-" + name, 177, 1));
    const auto answer = take<from_server::login>(id);
    EXPECT_TRUE(answer && std::holds_alternative<from_server::login_success>(answer->outcome)) << name;
    say(id, to_server::set_wait_port{port, {}});
    forget(id);
    return id;
  }
  void forget(connection_id id) { clients_[id].got.clear(); }
  void forget_all() {
    for (auto& [id, c] : clients_) c.got.clear();
  }
  /// The first message of that kind, which is taken out.
  template <class M>
  std::optional<M> take(connection_id id) {
    auto& got = clients_[id].got;
    for (auto it = got.begin(); it != got.end(); ++it)
      if (const auto* m = std::get_if<M>(&*it)) {
        auto out = *m;
        got.erase(it);
        return out;
      }
    return std::nullopt;
  }
  template <class M>
  std::size_t count(connection_id id) {
    std::size_t out = 0;
    for (const auto& m : clients_[id].got) out += std::holds_alternative<M>(m);
    return out;
  }
  /// Whether a client was told nothing and not closed.
  bool heard_nothing(connection_id id) { return clients_[id].got.empty() && !clients_[id].closed; }
  bool closed(connection_id id) { return clients_[id].closed; }
  std::size_t happened(const std::string& what) const {
    std::size_t out = 0;
    for (const auto& e : events_) out += e.what == what;
    return out;
  }

  std::unique_ptr<server_core> core_ = std::make_unique<server_core>();
  time_ms now_{1'700'000'000'000};
  connection_id next_ = 1;
  std::map<connection_id, client> clients_;
  std::vector<event> events_;
};

}  // namespace vsf::soulseek::test_server
