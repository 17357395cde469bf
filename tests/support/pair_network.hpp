#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "net/network.hpp"

namespace vsf::tests {

/// A small network in memory: hosts joined by pipes and datagrams with a fixed delay. All callbacks come out
/// of an actor's timers, so with a test_coordinator everything happens in virtual time, in one order.
/// Lossless unless a host is silenced or a packet is changed on its way.
class pair_network {
 public:
  using address = std::array<std::uint8_t, 16>;
  /// What is delivered in place of a stream packet: nothing, the packet changed, several.
  using packet_hook =
      std::function<std::vector<frame>(const endpoint& from, const endpoint& to, frame packet)>;

  explicit pair_network(caf::actor_system& system) : core_(std::make_shared<core>()) {
    core_->system = &system;
    postman_ = system.spawn([c = core_](caf::event_based_actor*) -> caf::behavior {
      return {[c](caf::tick_atom) { c->run_due(); }};
    });
    core_->postman = postman_;
  }
  ~pair_network() {
    core_->postman = nullptr;
    core_->events.clear();
    core_->listeners.clear();
    core_->ports.clear();
    caf::anon_send_exit(postman_, caf::exit_reason::kill);
  }
  pair_network(const pair_network&) = delete;
  pair_network& operator=(const pair_network&) = delete;

  /// The network as the host with this address (its port doesn't matter) sees it.
  std::shared_ptr<net::network> host(const endpoint& at) { return std::make_shared<host_view>(core_, at.ip); }

  void set_delay(std::chrono::nanoseconds one_way) { core_->delay = one_way; }
  /// How many packets a link takes before send() says no.
  void set_queue(std::size_t packets) { core_->queue = packets; }
  /// Nothing reaches this host any more, nothing leaves it; nobody is told.
  void silence(const endpoint& at, bool on = true) {
    if (on)
      core_->silent.insert(at.ip);
    else
      core_->silent.erase(at.ip);
  }
  void on_stream_packet(packet_hook hook) { core_->hook = std::move(hook); }
  std::size_t open_links() const { return core_->links; }
  std::size_t packets() const { return core_->packets; }
  /// Packets that arrived and wait for a credit, the most at any one link so far.
  std::size_t most_waiting() const { return core_->most_waiting; }

 private:
  class pipe;
  class port;
  class listener;

  struct core {
    caf::actor_system* system = nullptr;
    caf::actor postman;
    std::chrono::nanoseconds delay = std::chrono::milliseconds(10);
    std::size_t queue = 64, links = 0, packets = 0, most_waiting = 0;
    std::uint64_t sequence = 0;
    std::uint16_t next_port = 40'000;
    std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> events;
    std::map<endpoint, listener*> listeners;
    std::map<endpoint, port*> ports;
    std::set<address> silent;
    packet_hook hook;

    std::int64_t now() const { return system->clock().now().time_since_epoch().count(); }
    void after(std::chrono::nanoseconds wait, std::function<void()> what) {
      if (!postman) return;
      events.emplace(std::pair(now() + wait.count(), sequence++), std::move(what));
      caf::delayed_anon_send(postman, wait, caf::tick_atom::value);
    }
    void run_due() {
      const auto current = now();
      while (!events.empty() && events.begin()->first.first <= current) {
        const auto what = std::move(events.extract(events.begin()).mapped());
        what();
      }
    }
    bool cut(const endpoint& a, const endpoint& b) const {
      return silent.contains(a.ip) || silent.contains(b.ip);
    }
  };
  using core_ptr = std::shared_ptr<core>;

  /// One end of a link.
  class pipe final : public net::stream_link, public std::enable_shared_from_this<pipe> {
   public:
    pipe(core_ptr c, endpoint local, endpoint remote, bool raw)
        : core_(std::move(c)), local_(local), remote_(remote), raw_(raw) {
      ++core_->links;
    }
    ~pipe() override {
      --core_->links;
      if (!closed_) tell_other("closed by the peer");
    }
    static std::pair<std::shared_ptr<pipe>, std::shared_ptr<pipe>> make(const core_ptr& c, const endpoint& a,
                                                                        const endpoint& b, bool raw) {
      auto one = std::make_shared<pipe>(c, a, b, raw), two = std::make_shared<pipe>(c, b, a, raw);
      one->other_ = two;
      two->other_ = one;
      return {one, two};
    }

    endpoint remote() const override { return remote_; }
    void start(net::stream_handlers handlers) override {
      handlers_ = std::move(handlers);
      started_ = true;
      wake();
    }
    void grant(std::size_t n) override {
      credits_ += n;
      wake();
    }
    bool send(frame packet) override {
      if (closed_) return false;
      if (under_way_ >= core_->queue) {
        was_full_ = true;
        return false;
      }
      ++core_->packets;
      std::vector<frame> sent;
      if (core_->hook)
        sent = core_->hook(local_, remote_, std::move(packet));
      else if (raw_)
        sent = cut(packet);
      else
        sent.push_back(std::move(packet));
      under_way_ += sent.size();
      for (auto& x : sent)
        core_->after(core_->delay,
                     [to = other_, c = core_, a = local_, b = remote_, x = std::move(x)]() mutable {
                       if (const auto p = to.lock(); p && !c->cut(a, b)) p->arrive(std::move(x));
                     });
      return true;
    }
    void close() override {
      if (closed_) return;
      closed_ = true;
      tell_other("closed by the peer");
      core_->after({}, [me = shared_from_this()] { me->finish("closed by this node"); });
    }

   private:
    /// Somewhere in its midst, so that nobody takes what was sent at once for one message.
    static std::vector<frame> cut(const frame& sent) {
      std::vector<frame> out;
      for (std::size_t at = 0; at < sent.size(); at += out.back().size()) {
        const auto rest = sent.size() - at;
        out.push_back(sent.slice(at, at == 0 ? (rest + 1) / 2 : std::min(rest, net::max_raw_chunk)));
        if (out.back().size() > net::max_raw_chunk) out.back() = out.back().slice(0, net::max_raw_chunk);
      }
      return out;
    }
    void tell_other(std::string why) {
      core_->after(core_->delay, [to = other_, c = core_, a = local_, b = remote_, why = std::move(why)] {
        const auto p = to.lock();
        if (!p || c->cut(a, b)) return;
        p->end_ = why;
        p->drain();
      });
    }
    void arrive(frame packet) {
      inbox_.push_back(std::move(packet));
      core_->most_waiting = std::max(core_->most_waiting, inbox_.size());
      drain();
    }
    void wake() {
      core_->after({}, [me = weak_from_this()] {
        if (const auto p = me.lock()) p->drain();
      });
    }
    void drain() {
      const auto keep = shared_from_this();
      while (started_ && !closed_ && credits_ > 0 && !inbox_.empty()) {
        --credits_;
        auto packet = std::move(inbox_.front());
        inbox_.pop_front();
        if (const auto from = other_.lock()) from->arrived();
        handlers_.on_packet(std::move(packet));
      }
      if (started_ && !closed_ && inbox_.empty() && !end_.empty()) {
        closed_ = true;
        finish(end_);
      }
    }
    void arrived() {
      if (under_way_ > 0) --under_way_;
      if (!was_full_ || under_way_ > core_->queue / 2) return;
      was_full_ = false;
      if (started_ && !closed_ && handlers_.on_writable) handlers_.on_writable();
    }
    void finish(const std::string& why) {
      const auto handlers = std::exchange(handlers_, {});
      started_ = false;
      if (handlers.on_closed) handlers.on_closed(why);
    }

    core_ptr core_;
    endpoint local_, remote_;
    bool raw_;
    std::weak_ptr<pipe> other_;
    net::stream_handlers handlers_;
    std::deque<frame> inbox_;
    std::string end_;
    std::size_t credits_ = 0, under_way_ = 0;
    bool started_ = false, closed_ = false, was_full_ = false;
  };

  class port final : public net::datagram_port {
   public:
    port(core_ptr c, endpoint at, std::size_t credits, net::datagram_handler handler)
        : core_(std::move(c)), at_(at), credits_(credits), handler_(std::move(handler)) {
      core_->ports[at_] = this;
    }
    ~port() override { port::close(); }
    endpoint local() const override { return at_; }
    bool send(const endpoint& to, frame payload) override {
      if (closed_ || payload.size() > net::max_datagram_size) return false;
      ++counters_.sent;
      counters_.sent_bytes += payload.size();
      core_->after(core_->delay, [c = core_, from = at_, to, payload = std::move(payload)] {
        const auto it = c->ports.find(to);
        if (it != c->ports.end() && !c->cut(from, to)) it->second->arrive(from, payload);
      });
      return true;
    }
    void consumed(std::size_t n) override { credits_ += n; }
    void close() override {
      if (std::exchange(closed_, true)) return;
      if (const auto it = core_->ports.find(at_); it != core_->ports.end() && it->second == this)
        core_->ports.erase(it);
    }

   private:
    void arrive(const endpoint& from, const frame& payload) {
      ++counters_.received;
      counters_.received_bytes += payload.size();
      if (credits_ == 0) {
        ++counters_.dropped_no_credit;
        return;
      }
      --credits_;
      handler_(from, payload);
    }
    core_ptr core_;
    endpoint at_;
    std::size_t credits_;
    net::datagram_handler handler_;
    bool closed_ = false;
  };

  class listener final : public net::stream_listener {
   public:
    using handler = std::function<void(std::shared_ptr<net::stream_link>)>;
    listener(core_ptr c, endpoint at, handler on_accept)
        : core_(std::move(c)), at_(at), on_accept_(std::move(on_accept)) {
      core_->listeners[at_] = this;
    }
    ~listener() override { listener::close(); }
    endpoint local() const override { return at_; }
    void close() override {
      if (std::exchange(closed_, true)) return;
      if (const auto it = core_->listeners.find(at_); it != core_->listeners.end() && it->second == this)
        core_->listeners.erase(it);
    }
    void accept(std::shared_ptr<net::stream_link> link) { on_accept_(std::move(link)); }

   private:
    core_ptr core_;
    endpoint at_;
    handler on_accept_;
    bool closed_ = false;
  };

  class host_view final : public net::network {
   public:
    host_view(core_ptr c, address ip) : core_(std::move(c)), ip_(ip) {}
    result<std::shared_ptr<net::datagram_port>> open_datagrams(const endpoint& at, std::size_t credits,
                                                               net::datagram_handler on_datagram) override {
      const auto here = place(at);
      if (core_->ports.contains(here)) return fail("UDP " + to_string(here) + " is in use");
      return std::make_shared<port>(core_, here, credits, std::move(on_datagram));
    }
    result<std::shared_ptr<net::stream_listener>> listen(const endpoint& at, listener::handler on_accept,
                                                         net::stream_framing) override {
      const auto here = place(at);
      if (core_->listeners.contains(here)) return fail("TCP " + to_string(here) + " is in use");
      return std::make_shared<listener>(core_, here, std::move(on_accept));
    }
    void connect(const endpoint& to, std::chrono::milliseconds timeout,
                 std::function<void(result<std::shared_ptr<net::stream_link>>)> on_done,
                 net::stream_framing framing) override {
      const endpoint from{ip_, core_->next_port++};
      if (core_->cut(from, to))
        return core_->after(timeout, [to, on_done = std::move(on_done)] {
          on_done(fail("connecting to " + to_string(to) + " timed out"));
        });
      core_->after(core_->delay, [c = core_, from, to, framing, on_done = std::move(on_done)] {
        const auto it = c->listeners.find(to);
        if (it == c->listeners.end())
          return c->after(c->delay,
                          [to, on_done] { on_done(fail(to_string(to) + " refused the connection")); });
        auto [ours, theirs] = pipe::make(c, from, to, framing == net::stream_framing::raw);
        it->second->accept(theirs);
        c->after(c->delay, [link = ours, on_done] { on_done(std::shared_ptr<net::stream_link>(link)); });
      });
    }
    void resolve(const std::string& host_and_port,
                 std::function<void(result<std::vector<endpoint>>)> on_done) override {
      core_->after(core_->delay, [host_and_port, on_done = std::move(on_done)] {
        if (const auto at = parse_endpoint(host_and_port)) return on_done(std::vector{*at});
        on_done(fail(host_and_port + " is not known"));
      });
    }

   private:
    endpoint place(const endpoint& at) {
      endpoint here{ip_, at.port};
      if (here.port == 0) here.port = core_->next_port++;
      return here;
    }
    core_ptr core_;
    address ip_;
  };

  core_ptr core_;
  caf::actor postman_;
};

}  // namespace vsf::tests
