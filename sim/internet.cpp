#include "sim/internet.hpp"

#include <algorithm>

#include "sim/virtual_sockets.hpp"

namespace vsf::sim {

using namespace std::chrono_literals;

internet::internet(event_queue& events, trace& the_trace, std::function<virtual_time()> now,
                   internet_options options)
    : events_(events),
      trace_(the_trace),
      now_(std::move(now)),
      options_(options),
      random_(options.seed ^ 0x1E7u) {}

std::shared_ptr<host> internet::add_host(std::uint64_t index) {
  // 1.x.y.z is global and gives every host a /24 of its own, as volunteers' machines have.
  const auto number = static_cast<std::uint32_t>(index + 1);
  const auto address = endpoint::v4((1u << 24) | ((number & 0xFFFFu) << 8) | (1 + (number >> 16)), 0);
  auto h =
      std::make_shared<host>(shared_from_this(), index, address, latency::place_of(options_.seed, index));
  hosts_[address.ip] = h;
  return h;
}

host* internet::find(const endpoint& address) {
  const auto it = hosts_.find(address.ip);
  if (it == hosts_.end()) return nullptr;
  const auto h = it->second.lock();
  return h && h->alive_ ? h.get() : nullptr;
}

virtual_time internet::delay(const host& a, const host& b) {
  if (&a == &b) return std::chrono::microseconds(latency::same_node_us);
  return std::chrono::microseconds(latency::one_way_us(a.place_, b.place_, random_.u64()));
}

virtual_time internet::departure(host& a, std::size_t size) {
  if (options_.uplink_bytes_per_s == 0) return now_();
  const auto took = std::chrono::nanoseconds(size * 1'000'000'000 / options_.uplink_bytes_per_s);
  a.uplink_free_ = std::max(a.uplink_free_, now_()) + took;
  return a.uplink_free_;
}

bool internet::draw_loss() { return random_.below(1'000'000) < options_.loss_per_million; }

void internet::mix_packet(const endpoint& from, const endpoint& to, byte_view payload) {
  trace_.mix(static_cast<std::uint64_t>(now_().count()));
  for (const auto& e : {from, to})
    trace_.mix((std::uint64_t{e.ip[13]} << 40) | (std::uint64_t{e.ip[14]} << 32) |
               (std::uint64_t{e.ip[15]} << 24) | e.port);
  trace_.mix(payload.size());
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(payload.size(), 64); ++i) {
    word = (word << 8) | payload[i];
    if (i % 8 == 7) trace_.mix(word);
  }
  trace_.mix(word);
}

host::host(std::shared_ptr<internet> net, std::uint64_t index, endpoint address, latency::place place)
    : net_(std::move(net)), index_(index), address_(address), place_(place) {}

result<std::shared_ptr<net::datagram_port>> host::open_datagrams(const endpoint& at, std::size_t credits,
                                                                 net::datagram_handler on_datagram) {
  const auto number = at.port != 0 ? at.port : next_ephemeral_++;
  auto local = address_;
  local.port = number;
  if (const auto it = ports_.find(number); it != ports_.end() && !it->second.expired())
    return fail("cannot bind UDP " + to_string(local) +
                ": address already in use; set node.listen to another port");
  auto port = std::make_shared<virtual_port>(shared_from_this(), local, credits, std::move(on_datagram));
  ports_[number] = port;
  return port;
}

result<std::shared_ptr<net::stream_listener>> host::listen(
    const endpoint& at, std::function<void(std::shared_ptr<net::stream_link>)> on_accept) {
  const auto number = at.port != 0 ? at.port : next_ephemeral_++;
  auto local = address_;
  local.port = number;
  if (const auto it = listeners_.find(number); it != listeners_.end() && !it->second.expired())
    return fail("cannot listen on TCP " + to_string(local) +
                ": address already in use; set node.listen to another port");
  auto listener = std::make_shared<virtual_listener>(shared_from_this(), local, std::move(on_accept));
  listeners_[number] = listener;
  return listener;
}

void host::connect(const endpoint& to, std::chrono::milliseconds timeout,
                   std::function<void(result<std::shared_ptr<net::stream_link>>)> on_done) {
  ++net_->counters_.connects;
  auto* other = net_->find(to);
  auto self = shared_from_this();
  const auto now = net_->now_();
  if (other == nullptr) {
    net_->events_.at(now + timeout, [self, to, done = std::move(on_done)] {
      ++self->net_->counters_.connects_failed;
      if (self->alive_) done(fail("cannot connect to " + to_string(to) + ": timed out"));
    });
    return;
  }
  const auto there = net_->delay(*this, *other);
  const auto back = net_->delay(*other, *this);
  auto local = address_;
  local.port = next_ephemeral_++;
  net_->events_.at(
      now + there, [self, to, local, back, timeout, started = now, done = std::move(on_done)]() mutable {
        auto& net = *self->net_;
        auto* there_now = net.find(to);
        const auto answer_at = net.now_() + back;
        std::shared_ptr<virtual_link> near;
        if (there_now != nullptr) {
          const auto it = there_now->listeners_.find(to.port);
          if (const auto listener = it == there_now->listeners_.end() ? nullptr : it->second.lock()) {
            auto [a, b] = virtual_link::make_pair(net, self, local, there_now->shared_from_this(), to);
            near = a;
            listener->accept(b);
          }
        }
        const bool refused = there_now != nullptr && !near;
        net.events_.at(
            there_now != nullptr ? answer_at : std::max(answer_at, started + timeout),
            [self, to, near, refused, finish = std::move(done)] {
              if (near) {
                if (self->alive_) finish(std::shared_ptr<net::stream_link>(near));
                return;
              }
              ++self->net_->counters_.connects_failed;
              if (self->alive_)
                finish(fail("cannot connect to " + to_string(to) + (refused ? ": refused" : ": timed out")));
            });
      });
}

void host::resolve(const std::string& host_and_port,
                   std::function<void(result<std::vector<endpoint>>)> on_done) {
  auto parsed = parse_endpoint(host_and_port);
  net_->events_.at(net_->now_() + 1ms, [host_and_port, parsed, done = std::move(on_done)] {
    if (parsed)
      done(std::vector<endpoint>{*parsed});
    else
      done(fail("cannot resolve " + host_and_port + ": no such name"));
  });
}

void host::cut() {
  alive_ = false;
  for (auto& [number, link] : std::exchange(links_, {})) link->vanish();
  ports_.clear();
  listeners_.clear();
}

void host::close_sockets() {
  for (auto& [number, link] : std::exchange(links_, {})) link->shut("the process ended");
  ports_.clear();
  listeners_.clear();
}

}  // namespace vsf::sim
