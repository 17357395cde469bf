#pragma once

#include <map>
#include <stdexcept>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "net/crypto/random.hpp"
#include "net/network.hpp"

namespace vsf::dht::tests {

/// Datagrams between ports of one process in virtual time: a fixed delay, chance loss. An actor holds what is
/// on its way.
class small_network final : public net::network, public std::enable_shared_from_this<small_network> {
 public:
  small_network(caf::actor_system& system, std::uint64_t seed) : system_(system), random_(seed) {}

  class port final : public net::datagram_port {
   public:
    port(std::weak_ptr<small_network> owner, const endpoint& at) : owner_(std::move(owner)), at_(at) {}
    endpoint local() const override { return at_; }
    bool send(const endpoint& to, frame payload) override {
      ++counters_.sent;
      if (std::exchange(explode, false)) throw std::runtime_error("the port broke");
      if (auto owner = owner_.lock()) owner->carry(at_, to, std::move(payload));
      return true;
    }
    void consumed(std::size_t count) override { credits_given_back += count; }
    void close() override {
      if (auto owner = owner_.lock()) owner->handlers_.erase(at_);
    }
    std::size_t credits_given_back = 0;
    bool explode = false;

   private:
    std::weak_ptr<small_network> owner_;
    endpoint at_;
  };

  result<std::shared_ptr<net::datagram_port>> open_datagrams(const endpoint& at, std::size_t,
                                                             net::datagram_handler on_datagram) override {
    if (handlers_.contains(at)) return fail("in use");
    handlers_[at] = std::move(on_datagram);
    return std::make_shared<port>(weak_from_this(), at);
  }
  result<std::shared_ptr<net::stream_listener>> listen(const endpoint&,
                                                       std::function<void(std::shared_ptr<net::stream_link>)>,
                                                       net::stream_framing) override {
    return fail("no streams here");
  }
  void connect(const endpoint&, std::chrono::milliseconds,
               std::function<void(result<std::shared_ptr<net::stream_link>>)> on_done,
               net::stream_framing) override {
    on_done(fail("no streams here"));
  }
  void resolve(const std::string& host_and_port,
               std::function<void(result<std::vector<endpoint>>)> on_done) override {
    const auto found = parse_endpoint(host_and_port);
    if (!found) return on_done(fail("no such name"));
    on_done(std::vector<endpoint>{*found});
  }

  unsigned loss_per_mille = 0;
  std::uint64_t carried = 0;

 private:
  void carry(const endpoint& from, const endpoint& to, frame payload) {
    ++carried;
    if (random_.below(1000) < loss_per_mille) return;
    const auto me = weak_from_this();
    // A short-lived actor is the datagram on its way.
    system_.spawn([me, from, to, payload](caf::event_based_actor* self) {
      self->delayed_send(self, std::chrono::milliseconds(20), caf::atom("arrive"));
      return caf::behavior{[=](caf::atom_value) {
        if (const auto net = me.lock())
          if (const auto it = net->handlers_.find(to); it != net->handlers_.end()) it->second(from, payload);
        self->quit();
      }};
    });
  }

  caf::actor_system& system_;
  crypto::seeded_random random_;
  std::map<endpoint, net::datagram_handler> handlers_;
};

}  // namespace vsf::dht::tests
