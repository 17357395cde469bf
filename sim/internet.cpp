#include "sim/internet.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sim/virtual_sockets.hpp"

namespace vsf::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::uint16_t first_ephemeral = 49152;  // to 65535 (RFC 6335)
constexpr std::size_t syn_bytes = 40;
constexpr virtual_time syn_retry = 1s;  // RFC 6298

/// 1.x.y.z is global and gives every host a /24 of its own, as volunteers' machines have; 2001:4860:x::1
/// gives it a /48.
endpoint public_address_of(std::uint64_t index, bool ipv6) {
  const auto number = static_cast<std::uint32_t>(index + 1);
  if (!ipv6) return endpoint::v4((1u << 24) | ((number & 0xFFFFu) << 8) | (1 + (number >> 16)), 0);
  endpoint out;
  out.ip = {0x20, 0x01, 0x48, 0x60};
  out.ip[3] = static_cast<std::uint8_t>(out.ip[3] + (number >> 16));
  out.ip[4] = static_cast<std::uint8_t>(number >> 8);
  out.ip[5] = static_cast<std::uint8_t>(number);
  out.ip[15] = 1;
  return out;
}

endpoint private_address_of(std::uint64_t index) {
  return endpoint::v4((10u << 24) | (static_cast<std::uint32_t>(index + 1) & 0xFFFFFFu), 0);
}

endpoint with_port(endpoint address, std::uint16_t port) {
  address.port = port;
  return address;
}

}  // namespace

/// A connection that is being opened.
struct dial {
  std::shared_ptr<host> from, to;
  std::uint64_t boot = 0;  // of who dials: nobody waits for the answer after another one
  endpoint seen_as, address;
  virtual_time gives_up{0}, back{0};
  bool loopback = false;
  net::stream_framing framing{};
  std::function<void(result<std::shared_ptr<net::stream_link>>)> done;
};

internet::internet(event_queue& events, trace& the_trace, std::function<virtual_time()> now,
                   internet_options options)
    : events_(events),
      trace_(the_trace),
      now_(std::move(now)),
      options_(options),
      random_(options.seed ^ 0x1E7u),
      cuts_(options.seed ^ 0xC075u) {}

std::shared_ptr<host> internet::add_host(std::uint64_t index, host_options options) {
  auto h = std::make_shared<host>(shared_from_this(), index, options);
  hosts_[h->public_address_.ip] = h;
  hosts_by_index_[index] = h;
  for (const auto& [id, p] : partitions_)
    if (p.hosts.contains(index)) h->inside_.set(p.bit);
  return h;
}

std::shared_ptr<host> internet::find(const endpoint& address) const {
  const auto it = hosts_.find(address.ip);
  if (it == hosts_.end()) return nullptr;
  auto h = it->second.lock();
  return h && h->alive_ ? h : nullptr;
}

std::shared_ptr<host> internet::by_index(std::uint64_t index) const {
  const auto it = hosts_by_index_.find(index);
  return it == hosts_by_index_.end() ? nullptr : it->second.lock();
}

virtual_time internet::delay(const host& a, const host& b, std::uint64_t word) const {
  if (&a == &b) return std::chrono::microseconds(latency::same_node_us);
  return std::chrono::microseconds(latency::one_way_us(a.place_, b.place_, word));
}

bool internet::parted(const host& a, const host& b) const {
  if (partitions_.empty()) return false;
  return ((a.inside_ ^ b.inside_) & ~one_way_bits_).any() || (a.inside_ & ~b.inside_ & one_way_bits_).any();
}

std::uint64_t internet::partition(std::set<std::size_t> hosts, bool one_way) {
  partition_entry p{std::move(hosts), 0};
  while (p.bit < max_partitions && used_bits_.test(p.bit)) ++p.bit;
  if (p.bit == max_partitions)
    throw std::length_error("more than " + std::to_string(max_partitions) + " partitions at once");
  used_bits_.set(p.bit);
  one_way_bits_.set(p.bit, one_way);
  for (const auto index : p.hosts)
    if (const auto h = by_index(index)) h->inside_.set(p.bit);
  const auto id = next_partition_++;
  partitions_.emplace(id, std::move(p));
  return id;
}

void internet::heal(std::uint64_t id) {
  const auto ended = partitions_.extract(id);
  if (ended.empty()) return;
  const auto& p = ended.mapped();
  used_bits_.reset(p.bit);
  one_way_bits_.reset(p.bit);
  for (const auto index : p.hosts)
    if (const auto h = by_index(index)) h->inside_.reset(p.bit);
  // Those that another partition keeps from going on stall again.
  for (const auto& [number, stalled] : std::exchange(stalled_, {}))
    if (const auto link = stalled.lock()) link->resume();
}

void internet::mix_packet(const endpoint& from, const endpoint& to, byte_view payload) {
  trace_.mix(static_cast<std::uint64_t>(now_().count()));
  for (const auto& e : {from, to}) {
    if (!e.is_v4())
      trace_.mix((std::uint64_t{e.ip[2]} << 24) | (std::uint64_t{e.ip[3]} << 16) |
                 (std::uint64_t{e.ip[4]} << 8) | e.ip[5]);
    trace_.mix((std::uint64_t{e.ip[13]} << 40) | (std::uint64_t{e.ip[14]} << 32) |
               (std::uint64_t{e.ip[15]} << 24) | e.port);
  }
  trace_.mix(payload.size());
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(payload.size(), 64); ++i) {
    word = (word << 8) | payload[i];
    if (i % 8 == 7) trace_.mix(word);
  }
  trace_.mix(word);
}

void internet::arrive(const host& sender, const std::shared_ptr<host>& receiver, const endpoint& from,
                      const endpoint& to, const frame& payload) {
  if (parted(sender, *receiver)) {
    ++counters_.datagrams_partitioned;
    return;
  }
  if (&sender == receiver.get() || !receiver->downlink_.limited())
    return deliver(*receiver, from, to, payload);
  const auto through = receiver->downlink_.datagram(now_(), payload.size());
  if (!through) {
    ++counters_.datagrams_downlink_full;
    return;
  }
  events_.at(*through, [self = shared_from_this(), receiver, from, to, payload] {
    self->deliver(*receiver, from, to, payload);
  });
}

void internet::deliver(host& receiver, const endpoint& from, const endpoint& to, const frame& payload) {
  const auto number = receiver.let_in(ip_protocol::udp, from, to);
  if (!number) {
    ++counters_.datagrams_nat_filtered;
    return;
  }
  const auto it = receiver.ports_.find(*number);
  const auto port = !receiver.alive_ || it == receiver.ports_.end() ? nullptr : it->second.lock();
  if (port)
    port->deliver(from, payload);
  else
    ++counters_.datagrams_to_nobody;
}

void internet::refuse(const std::shared_ptr<dial>& d, virtual_time when, const std::string& why) {
  events_.at(std::max(when, now_()), [self = shared_from_this(), d, why] {
    ++self->counters_.connects_failed;
    if (d->from->alive_ && d->from->boots_ == d->boot)
      d->done(fail("cannot connect to " + to_string(d->address) + ": " + why));
  });
}

void internet::knock(const std::shared_ptr<dial>& d) {
  auto &a = *d->from, &b = *d->to;
  if (a.boots_ != d->boot) return refuse(d, now_(), "the process ended");
  std::optional<std::uint16_t> number;
  if (b.alive_ && !parted(a, b) && !parted(b, a))
    number = d->loopback ? d->address.port : b.let_in(ip_protocol::tcp, d->seen_as, d->address);
  const auto leaves = b.uplink_.datagram(now_(), syn_bytes).value_or(now_() + syn_retry);
  const auto answer_at = leaves + d->back;
  if (!number || answer_at > d->gives_up) return refuse(d, d->gives_up, "timed out");
  const auto it = b.listeners_.find(*number);
  const auto listener = it == b.listeners_.end() ? nullptr : it->second.lock();
  if (!listener) return refuse(d, answer_at, "refused");
  const auto [near, far] = virtual_link::make_pair(*this, {d->from, d->seen_as, d->framing},
                                                   {d->to, d->address, listener->framing()});
  if (d->loopback) near->on_loopback();
  listener->accept(far);
  events_.at(answer_at, [d, near = near] {
    if (d->from->alive_ && d->from->boots_ == d->boot) d->done(std::shared_ptr<net::stream_link>(near));
  });
}

host::host(std::shared_ptr<internet> net, std::uint64_t index, const host_options& options)
    : net_(std::move(net)),
      index_(index),
      public_address_(public_address_of(index, options.ipv6)),
      own_address_(public_address_),
      place_(latency::place_of(net_->options_.seed, index)),
      uplink_(options.uplink_bytes_per_s),
      downlink_(options.downlink_bytes_per_s),
      next_ephemeral_(first_ephemeral) {
  if (options.nat == nat_type::open || options.ipv6) return;
  own_address_ = private_address_of(index);
  const auto word = latency::mix(latency::mix(net_->options_.seed ^ 0xA7u) ^ index);
  const std::chrono::milliseconds kept(std::llround(net_->options_.nat_mapping_s * 1e3));
  nat_.emplace(options.nat, static_cast<std::uint16_t>(word >> 48), nat_limits{.udp_lifetime = kept});
}

std::uint16_t host::ephemeral_port() {
  const auto taken = [this](std::uint16_t number) {
    const auto port = ports_.find(number);
    const auto listener = listeners_.find(number);
    return (port != ports_.end() && !port->second.expired()) ||
           (listener != listeners_.end() && !listener->second.expired());
  };
  for (int tries = 0; tries <= 65535 - first_ephemeral; ++tries) {
    const auto number = next_ephemeral_;
    next_ephemeral_ = number == 65535 ? first_ephemeral : static_cast<std::uint16_t>(number + 1);
    if (!taken(number)) return number;
  }
  return first_ephemeral;  // all taken: opening it fails
}

std::optional<endpoint> host::seen_from_outside(ip_protocol protocol, const endpoint& local,
                                                const endpoint& to) {
  if (!nat_ || to.ip == own_address_.ip) return local;
  const auto port = nat_->outgoing(protocol, local.port, to, net_->now_());
  if (!port) return std::nullopt;
  return with_port(public_address_, *port);
}

std::optional<std::uint16_t> host::let_in(ip_protocol protocol, const endpoint& from,
                                          const endpoint& to) const {
  if (!nat_ || to.ip == own_address_.ip) return to.port;
  return nat_->incoming(protocol, from, to.port, net_->now_());
}

result<std::shared_ptr<net::datagram_port>> host::open_datagrams(const endpoint& at, std::size_t credits,
                                                                 net::datagram_handler on_datagram) {
  const auto local = with_port(own_address_, at.port != 0 ? at.port : ephemeral_port());
  if (const auto it = ports_.find(local.port); it != ports_.end() && !it->second.expired())
    return fail("cannot bind UDP " + to_string(local) +
                ": address already in use; set node.listen to another port");
  auto port = std::make_shared<virtual_port>(shared_from_this(), local, credits, std::move(on_datagram));
  ports_[local.port] = port;
  return port;
}

result<std::shared_ptr<net::stream_listener>> host::listen(
    const endpoint& at, std::function<void(std::shared_ptr<net::stream_link>)> on_accept,
    net::stream_framing framing) {
  const auto local = with_port(own_address_, at.port != 0 ? at.port : ephemeral_port());
  if (const auto it = listeners_.find(local.port); it != listeners_.end() && !it->second.expired())
    return fail("cannot listen on TCP " + to_string(local) +
                ": address already in use; set node.listen to another port");
  auto listener =
      std::make_shared<virtual_listener>(shared_from_this(), local, std::move(on_accept), framing);
  listeners_[local.port] = listener;
  return listener;
}

void host::connect(const endpoint& to, std::chrono::milliseconds timeout,
                   std::function<void(result<std::shared_ptr<net::stream_link>>)> on_done,
                   net::stream_framing framing) {
  auto& net = *net_;
  ++net.counters_.connects;
  const auto now = net.now_();
  const auto syn = net.draw_fate(0), answer = net.draw_fate(0);
  auto d = std::make_shared<dial>();
  d->from = shared_from_this();
  d->boot = boots_;
  d->address = to;
  d->gives_up = now + timeout;
  d->done = std::move(on_done);
  d->framing = framing;
  if (!same_family(to)) return net.refuse(d, now, "no route to host");
  d->loopback = to.ip == own_address_.ip;
  d->to = d->loopback ? d->from : net.find(to);
  const auto seen = seen_from_outside(ip_protocol::tcp, with_port(own_address_, ephemeral_port()), to);
  if (!d->to || !seen) return net.refuse(d, d->gives_up, "timed out");
  d->seen_as = *seen;
  const auto leaves = uplink_.datagram(now, syn_bytes).value_or(now + syn_retry);
  const auto takes = net.delay(*this, *d->to, syn.delay_word) + (syn.lost ? syn_retry : 0s);
  d->back = net.delay(*d->to, *this, answer.delay_word) + (answer.lost ? syn_retry : 0s);
  net.events_.at(leaves + takes, [d, shared = net_] { shared->knock(d); });
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
  ++boots_;
  for (auto& [number, link] : std::exchange(links_, {})) link->vanish();
  ports_.clear();
  listeners_.clear();
}

void host::close_sockets() {
  ++boots_;
  for (auto& [number, link] : std::exchange(links_, {})) link->shut("the process ended");
  ports_.clear();
  listeners_.clear();
}

void host::forget_mappings() {
  if (!nat_) return;
  nat_->forget();
  for (const auto& [number, link] : links_) link->lose_path();
}

}  // namespace vsf::sim
