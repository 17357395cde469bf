#include "sim/virtual_sockets.hpp"

#include <algorithm>

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
  ++counters_.sent;
  counters_.sent_bytes += payload.size();
  ++net.counters_.datagrams_sent;
  net.counters_.datagram_bytes += payload.size();
  net.mix_packet(local_, to, payload.view());
  if (net.on_datagram) net.on_datagram(local_, to, payload.view());
  auto* other = net.find(to);
  // Both draws are made for every datagram, so that one loss doesn't shift the later ones.
  const bool lost = net.draw_loss();
  const auto leaves = net.departure(*owner_, payload.size());
  const auto takes = other != nullptr ? net.delay(*owner_, *other) : virtual_time(0);
  if (other == nullptr) {
    ++net.counters_.datagrams_to_nobody;
    return true;
  }
  if (lost) {
    ++net.counters_.datagrams_lost;
    return true;
  }
  // Received bytes are the receiver's own: an actor may decrypt in place what another host still keeps.
  net.events_.at(leaves + takes,
                 [from = local_, to, payload = frame::copy_of(payload.view()), shared = owner_->net_] {
                   auto* receiver = shared->find(to);
                   if (receiver == nullptr) return;
                   const auto it = receiver->ports_.find(to.port);
                   if (const auto port = it == receiver->ports_.end() ? nullptr : it->second.lock())
                     port->deliver(from, payload);
                   else
                     ++shared->counters_.datagrams_to_nobody;
                 });
  return true;
}

void virtual_port::deliver(const endpoint& from, const frame& payload) {
  ++counters_.received;
  counters_.received_bytes += payload.size();
  if (credits_ == 0 || !handler_) {
    ++counters_.dropped_no_credit;
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
                                   std::function<void(std::shared_ptr<net::stream_link>)> on_accept)
    : owner_(std::move(owner)), local_(local), on_accept_(std::move(on_accept)) {}

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

virtual_link::virtual_link(std::uint64_t number, std::shared_ptr<host> owner, endpoint local, endpoint remote)
    : number_(number), owner_(std::move(owner)), local_(local), remote_(remote) {}

std::pair<std::shared_ptr<virtual_link>, std::shared_ptr<virtual_link>> virtual_link::make_pair(
    internet& net, const std::shared_ptr<host>& a, endpoint a_local, const std::shared_ptr<host>& b,
    endpoint b_local) {
  auto near = std::make_shared<virtual_link>(net.next_link_++, a, a_local, b_local);
  auto far = std::make_shared<virtual_link>(net.next_link_++, b, b_local, a_local);
  near->other_ = far;
  far->other_ = near;
  a->links_[near->number_] = near;
  b->links_[far->number_] = far;
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
  if (!open_ || !owner_->alive_) return true;  // on_closed is on its way or was seen
  if (in_flight_ + packet.size() > net.options_.stream_window_bytes && in_flight_ != 0) {
    starved_ = true;
    return false;
  }
  in_flight_ += packet.size();
  ++net.counters_.stream_packets;
  net.counters_.stream_bytes += packet.size();
  net.mix_packet(local_, remote_, packet.view());
  const auto other = other_.lock();
  if (!other || !other->owner_->alive_) return true;  // into the void, as with a dead machine
  auto takes = net.delay(*owner_, *other->owner_);
  if (net.draw_loss()) takes += std::chrono::milliseconds(net.options_.retransmit_ms) + 2 * takes;
  const auto arrives = std::max(last_arrival_, net.departure(*owner_, packet.size() + 2) + takes);
  last_arrival_ = arrives;
  net.events_.at(arrives, [other, packet = frame::copy_of(packet.view())] { other->arrive(packet); });
  return true;
}

void virtual_link::arrive(frame packet) {
  if (!open_ || !owner_->alive_) return;
  arrived_.push_back(std::move(packet));
  deliver();
}

void virtual_link::deliver() {
  if (delivering_) return;
  delivering_ = true;
  const auto self = shared_from_this();
  while (open_ && credits_ > 0 && !arrived_.empty() && handlers_.on_packet) {
    auto packet = std::move(arrived_.front());
    arrived_.pop_front();
    --credits_;
    if (const auto other = other_.lock()) other->taken(packet.size());
    handlers_.on_packet(std::move(packet));
  }
  delivering_ = false;
  if (!end_after_arrived_ || !open_ || !arrived_.empty()) return;
  open_ = false;
  owner_->links_.erase(number_);
  ended("closed by the other end");
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
  if (!other || !owner_->alive_) return;
  // The end follows what was sent before it.
  const auto arrives = std::max(last_arrival_, net.now_() + net.delay(*owner_, *other->owner_));
  net.events_.at(arrives, [other] {
    if (!other->open_ || !other->owner_->alive_) return;
    other->end_after_arrived_ = true;  // what came before the end is read first, as from a kernel's buffer
    other->deliver();
  });
}

void virtual_link::vanish() {
  open_ = false;
  handlers_ = {};
  arrived_.clear();
}

void virtual_link::ended(const std::string& why) {
  arrived_.clear();
  if (!started_) {
    end_pending_ = why;
    return;
  }
  if (auto closed = std::exchange(handlers_, {}).on_closed) closed(why);
}

}  // namespace vsf::sim
