#include "sim/virtual_sockets.hpp"

#include <algorithm>
#include <stdexcept>

namespace vsf::sim {

virtual_port::virtual_port(std::shared_ptr<host> owner, endpoint local, std::size_t credits,
                           net::datagram_handler handler)
    : owner_(std::move(owner)), local_(local), credits_(credits), handler_(std::move(handler)) {}

virtual_port::~virtual_port() = default;

bool virtual_port::send(const endpoint& to, frame payload) {
  auto& net = *owner_->net_;
  if (!owner_->alive_ || payload.size() > net::max_datagram_size) {
    ++(payload.size() > net::max_datagram_size ? counters_.dropped_oversize : counters_.send_errors);
    return false;
  }
  const auto fate = net.draw_fate(payload.size());
  const bool loopback = to.ip == local_.ip;
  const auto seen_as =
      owner_->same_family(to) ? owner_->seen_from_outside(ip_protocol::udp, local_, to) : std::nullopt;
  ++net.counters_.datagrams_sent;
  net.counters_.datagram_bytes += payload.size();
  if (!owner_->same_family(to)) {
    ++net.counters_.datagrams_no_route;
    ++counters_.send_errors;
    return false;
  }
  ++counters_.sent;
  counters_.sent_bytes += payload.size();
  if (!seen_as) {
    ++net.counters_.datagrams_nat_full;
    return true;
  }
  net.mix_packet(*seen_as, to, payload.view());
  const auto leaves = loopback ? net.now_() : owner_->uplink_.datagram(net.now_(), payload.size());
  const auto receiver = loopback ? owner_ : net.find(to);
  if (!leaves)
    ++net.counters_.datagrams_uplink_full;
  else if (!receiver)
    ++net.counters_.datagrams_to_nobody;
  else if (net.parted(*owner_, *receiver))
    ++net.counters_.datagrams_partitioned;
  else if (fate.lost && !loopback)
    ++net.counters_.datagrams_lost;
  else
    post(*leaves, fate, receiver, *seen_as, to, payload.view());
  return true;
}

void virtual_port::post(virtual_time leaves, const packet_fate& fate, const std::shared_ptr<host>& receiver,
                        const endpoint& from, const endpoint& to, byte_view payload) {
  auto& net = *owner_->net_;
  const auto schedule = [&](virtual_time when, frame received) {
    net.events_.at(
        when, [shared = owner_->net_, sender = owner_, receiver, from, to, payload = std::move(received)] {
          shared->arrive(*sender, receiver, from, to, payload);
        });
  };
  const auto takes = net.delay(*owner_, *receiver, fate.delay_word);
  if (receiver == owner_) return schedule(leaves + takes, frame::copy_of(payload));
  if (fate.held_back.count() != 0) ++net.counters_.datagrams_reordered;
  if (fate.flipped) ++net.counters_.datagrams_corrupted;
  schedule(leaves + takes + fate.held_back, fate.received(payload));
  if (!fate.duplicated) return;
  ++net.counters_.datagrams_duplicated;
  schedule(leaves + net.delay(*owner_, *receiver, fate.copy_delay_word), frame::copy_of(payload));
}

void virtual_port::deliver(const endpoint& from, const frame& payload) {
  ++counters_.received;
  counters_.received_bytes += payload.size();
  if (credits_ == 0 || !handler_) {
    ++counters_.dropped_no_credit;
    ++owner_->net_->counters_.datagrams_no_credit;
    return;
  }
  --credits_;
  ++owner_->net_->counters_.datagrams_delivered;
  handler_(from, payload);
}

void virtual_port::consumed(std::size_t count) { credits_ += count; }

void virtual_port::close() {
  handler_ = nullptr;
  const auto it = owner_->ports_.find(local_.port);
  if (it != owner_->ports_.end() && it->second.lock().get() == this) owner_->ports_.erase(it);
}

virtual_listener::virtual_listener(std::shared_ptr<host> owner, endpoint local,
                                   std::function<void(std::shared_ptr<net::stream_link>)> on_accept,
                                   net::stream_framing framing)
    : owner_(std::move(owner)), local_(local), on_accept_(std::move(on_accept)), framing_(framing) {}

virtual_listener::~virtual_listener() = default;

void virtual_listener::close() {
  on_accept_ = nullptr;
  const auto it = owner_->listeners_.find(local_.port);
  if (it != owner_->listeners_.end() && it->second.lock().get() == this) owner_->listeners_.erase(it);
}

void virtual_listener::accept(std::shared_ptr<virtual_link> link) {
  if (on_accept_)
    on_accept_(std::move(link));
  else
    link->shut("nobody listens");
}

virtual_link::virtual_link(std::uint64_t number, const side& own, const side& peer)
    : number_(number),
      owner_(own.owner),
      peer_(peer.owner),
      seen_as_(own.seen_as),
      remote_(peer.seen_as),
      framing_(own.framing),
      peer_framing_(peer.framing),
      translated_(owner_->nat_.has_value()) {}

virtual_link::~virtual_link() { owner_->net_->stalled_.erase(number_); }

virtual_link::pair virtual_link::make_pair(internet& net, const side& a, const side& b) {
  auto near = std::make_shared<virtual_link>(net.next_link_++, a, b);
  auto far = std::make_shared<virtual_link>(net.next_link_++, b, a);
  near->other_ = far;
  far->other_ = near;
  a.owner->links_[near->number_] = near;
  b.owner->links_[far->number_] = far;
  return {near, far};
}

void virtual_link::start(net::stream_handlers handlers) {
  handlers_ = std::move(handlers);
  started_ = true;
  if (!end_pending_) return;
  // The end came before anybody listened for it.
  owner_->net_->events_.at(owner_->net_->now_(), [self = shared_from_this()] {
    if (auto closed = std::exchange(self->handlers_, {}).on_closed) closed(*self->end_pending_);
  });
}

void virtual_link::grant(std::size_t packets) {
  credits_ += packets;
  if (!arrived_.empty() && !delivering_)
    owner_->net_->events_.at(owner_->net_->now_(), [self = shared_from_this()] { self->deliver(); });
}

bool virtual_link::send(frame packet) {
  auto& net = *owner_->net_;
  if (raw() && (packet.empty() || packet.size() > net::max_raw_send))
    throw std::length_error(std::to_string(packet.size()) + " bytes can't be sent at once");
  if (!open_ || !owner_->alive_) return true;  // on_closed is on its way or was seen
  if (in_flight_ + packet.size() > net.options_.stream_window_bytes && in_flight_ != 0) {
    starved_ = true;
    return false;
  }
  in_flight_ += packet.size();
  ++net.counters_.stream_packets;
  net.counters_.stream_bytes += packet.size();
  net.mix_packet(seen_as_, remote_, packet.view());
  const auto fate = net.draw_fate(packet.size());
  const auto other = other_.lock();
  auto takes = net.delay(*owner_, *peer_, fate.delay_word);
  if (path_lost_ && translated_ && !std::exchange(reset_due_, true))
    net.events_.at(net.now_() + 2 * takes, [self = shared_from_this()] { self->reset(); });
  if (path_lost_ || !other || !peer_->alive_) return true;  // into the void, as with a dead machine
  if (fate.lost) {
    takes += std::chrono::milliseconds(net.options_.retransmit_ms) + 2 * takes;
    ++net.counters_.stream_packets_retransmitted;
  }
  if (fate.flipped) ++net.counters_.stream_packets_corrupted;
  const auto leaves = owner_->uplink_.stream(net.now_(), packet.size() + (raw() ? 0 : 2));
  last_arrival_ = std::max(last_arrival_, leaves + takes);
  net.events_.at(last_arrival_, [other, received = fate.received(packet.view())] { other->reach(received); });
  return true;
}

void virtual_link::reach(frame packet) {
  if (!open_ || !owner_->alive_ || path_lost_) return;
  if (stalled_.empty() && !owner_->net_->parted(*peer_, *owner_)) return pass(std::move(packet));
  stall_begins();
  ++owner_->net_->counters_.stream_packets_stalled;
  stalled_.push_back(std::move(packet));
}

void virtual_link::reach_end() {
  if (!open_ || !owner_->alive_ || path_lost_) return;
  if (stalled_.empty() && !owner_->net_->parted(*peer_, *owner_)) return pass_end();
  stall_begins();
  end_stalled_ = true;
}

void virtual_link::pass(frame packet) {
  auto& downlink = owner_->downlink_;
  if (!downlink.limited()) return arrive(std::move(packet));
  auto& net = *owner_->net_;
  const auto through = downlink.stream(net.now_(), packet.size() + (raw() ? 0 : 2));
  net.events_.at(through, [self = shared_from_this(), packet] { self->arrive(packet); });
}

void virtual_link::pass_end() {
  auto& net = *owner_->net_;
  net.events_.at(owner_->downlink_.stream(net.now_(), 0), [self = shared_from_this()] {
    if (!self->open_ || !self->owner_->alive_) return;
    self->end_after_arrived_ = true;  // what came before the end is read first, as from a kernel's buffer
    self->deliver();
  });
}

void virtual_link::arrive(frame packet) {
  if (!open_ || !owner_->alive_) return;
  if (framing_ != peer_framing_) {  // a Soulseek client at a mesh port, or the other way round
    ++owner_->net_->counters_.streams_misunderstood;
    return shut("the other end speaks something else");
  }
  arrived_.push_back(std::move(packet));
  auto& net = *owner_->net_;
  if (!raw() || held_ || net.cuts_.below(4) != 0) return deliver();
  held_ = true;
  net.events_.at(net.now_() + std::chrono::microseconds(net.cuts_.below(1000)), [self = shared_from_this()] {
    self->held_ = false;
    self->deliver();
  });
}

frame virtual_link::next_arrived() {
  if (raw()) return next_raw();
  auto out = std::move(arrived_.front());
  arrived_.pop_front();
  return out;
}

frame virtual_link::next_raw() {
  std::size_t here = 0;
  for (const auto& sent : arrived_)
    if ((here += sent.size()) >= net::max_raw_chunk) break;
  here = std::min(here, net::max_raw_chunk);
  auto& cuts = owner_->net_->cuts_;
  const auto size = cuts.below(3) == 0 ? 1 + static_cast<std::size_t>(cuts.below(here)) : here;
  auto out = frame::allocate(size);
  for (std::size_t filled = 0; filled < size;) {
    auto& sent = arrived_.front();
    const auto part = std::min(size - filled, sent.size());
    std::copy_n(sent.data(), part, out.mutable_data() + filled);
    filled += part;
    if (part < sent.size())
      sent = sent.slice(part, sent.size() - part);
    else
      arrived_.pop_front();
  }
  return out;
}

void virtual_link::deliver() {
  if (delivering_ || held_) return;
  delivering_ = true;
  const auto self = shared_from_this();
  while (open_ && credits_ > 0 && !arrived_.empty() && handlers_.on_packet) {
    auto packet = next_arrived();
    --credits_;
    acknowledge(packet.size());
    handlers_.on_packet(std::move(packet));
  }
  delivering_ = false;
  if (!end_after_arrived_ || !open_ || !arrived_.empty()) return;
  open_ = false;
  owner_->links_.erase(number_);
  ended("closed by the other end");
}

void virtual_link::acknowledge(std::size_t size) {
  const auto other = other_.lock();
  if (!other || path_lost_) return;
  if (owner_->net_->parted(*owner_, *peer_)) {
    stall_begins();
    unacknowledged_ += size;
    return;
  }
  other->taken(size + std::exchange(unacknowledged_, 0));
}

void virtual_link::taken(std::size_t size) {
  in_flight_ -= std::min(in_flight_, size);
  if (!starved_ || !open_ || in_flight_ * 2 > owner_->net_->options_.stream_window_bytes) return;
  starved_ = false;
  owner_->net_->events_.at(owner_->net_->now_() + std::chrono::milliseconds(1), [self = shared_from_this()] {
    if (self->open_ && self->handlers_.on_writable) self->handlers_.on_writable();
  });
}

void virtual_link::close() { shut("closed"); }

void virtual_link::shut(const std::string& why) {
  if (!open_) return;
  open_ = false;
  owner_->links_.erase(number_);
  auto& net = *owner_->net_;
  net.events_.at(net.now_(), [self = shared_from_this(), why] { self->ended(why); });
  const auto other = other_.lock();
  if (!other || !owner_->alive_ || path_lost_) return;
  // The end follows what was sent before it.
  const auto takes = net.delay(*owner_, *peer_, net.draw_fate(0).delay_word);
  net.events_.at(std::max(last_arrival_, net.now_() + takes), [other] { other->reach_end(); });
}

void virtual_link::stall_begins() {
  auto& net = *owner_->net_;
  if (!stalls()) stalled_since_ = net.now_();
  net.stalled_.try_emplace(number_, weak_from_this());
}

void virtual_link::resume() {
  if (!open_ || !stalls()) return;
  auto& net = *owner_->net_;
  const auto takes = net.delay(*peer_, *owner_, 0);
  const auto first_timeout = std::chrono::milliseconds(net.options_.retransmit_ms) + 2 * takes;
  const auto tried = next_retransmission(stalled_since_, first_timeout, net.now_());
  net.events_.at(tried + takes, [self = shared_from_this()] { self->release(); });
}

void virtual_link::release() {
  if (!open_ || !owner_->alive_ || path_lost_) return;
  auto& net = *owner_->net_;
  if (unacknowledged_ != 0) acknowledge(0);
  if (net.parted(*peer_, *owner_)) {
    if (stalls()) stall_begins();
    return;
  }
  for (auto& packet : std::exchange(stalled_, {})) pass(std::move(packet));
  if (std::exchange(end_stalled_, false)) pass_end();
}

void virtual_link::lose_path() {
  if (!translated_) return;
  path_lost_ = true;
  stalled_.clear();
  if (const auto other = other_.lock()) {
    other->path_lost_ = true;
    other->stalled_.clear();
  }
}

void virtual_link::on_loopback() {
  translated_ = false;
  if (const auto other = other_.lock()) other->translated_ = false;
}

void virtual_link::reset() {
  if (!open_) return;
  open_ = false;
  owner_->links_.erase(number_);
  ++owner_->net_->counters_.streams_reset;
  ended("reset by the other end");
}

void virtual_link::vanish() {
  open_ = false;
  handlers_ = {};
  arrived_.clear();
  stalled_.clear();
}

void virtual_link::ended(const std::string& why) {
  arrived_.clear();
  stalled_.clear();
  if (!started_) {
    end_pending_ = why;
    return;
  }
  if (auto closed = std::exchange(handlers_, {}).on_closed) closed(why);
}

}  // namespace vsf::sim
