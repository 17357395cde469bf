#include "actors/dht/peer_registry.hpp"

namespace vsf::dht {

using phase = peer_registry::entry::phase;

peer_registry::entry* peer_registry::find_entry(std::uint64_t peer) {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? nullptr : &it->second;
}
const peer_registry::entry* peer_registry::find(std::uint64_t peer) const {
  const auto it = peers_.find(peer);
  return it == peers_.end() ? nullptr : &it->second;
}
const peer_registry::entry* peer_registry::find(const static_key& key) const {
  const auto it = by_key_.find(key);
  return it == by_key_.end() ? nullptr : find(it->second);
}
std::uint64_t peer_registry::by_session(std::uint32_t local_id) const {
  const auto it = by_session_.find(local_id);
  return it == by_session_.end() ? 0 : it->second;
}
std::vector<std::uint64_t> peer_registry::by_address(const endpoint& address, std::size_t at_most) const {
  std::vector<std::uint64_t> out;
  for (const auto& [id, e] : peers_)
    if (e.address == address && out.size() < at_most) out.push_back(id);
  return out;
}

void peer_registry::set_state(entry& e, phase to) {
  if (e.state == phase::parked) parked_.erase({e.last_used, e.id});
  if (e.state == phase::parking) --parking_;
  if (to == phase::parked) parked_.insert({e.last_used, e.id});
  if (to == phase::parking) ++parking_;
  if (to == phase::live)
    live_[e.id] = &e;
  else if (to != phase::parking)
    live_.erase(e.id);
  e.state = to;
}

std::uint64_t peer_registry::reach(nanoseconds now, const contact& who) {
  if (const auto it = by_key_.find(who.key); it != by_key_.end()) return it->second;
  if (peers_.size() >= limits_.peers) {
    if (parked_.empty()) return 0;
    erase(parked_.begin()->second);
  }
  entry e;
  e.id = next_id_++;
  e.key = who.key;
  e.node = who.id;
  e.address = who.address;
  e.last_used = now;
  e.link = std::make_shared<peer_link>(context_, who);
  const auto id = e.id;
  by_key_[who.key] = id;
  parked_.insert({now, id});
  peers_.emplace(id, std::move(e));
  return id;
}

void peer_registry::erase(std::uint64_t peer) {
  const auto it = peers_.find(peer);
  if (it == peers_.end()) return;
  for (const auto s : it->second.sessions)
    if (const auto found = by_session_.find(s); found != by_session_.end() && found->second == peer)
      by_session_.erase(found);
  by_key_.erase(it->second.key);
  set_state(it->second, phase::queued);  // leaves every list
  peers_.erase(it);
}

bool peer_registry::deliver(nanoseconds now, std::uint64_t peer, peer_input input, registry_effects& out) {
  auto* e = find_entry(peer);
  if (e == nullptr) return false;
  if (now > e->last_used) {
    const bool is_parked = parked_.erase({e->last_used, peer}) != 0;
    e->last_used = now;
    if (is_parked) parked_.insert({now, peer});
  }
  if (e->state == phase::live) {
    out.push_back(tell_peer{peer, std::move(input)});
    return true;
  }
  if (e->waiting.size() >= limits_.waiting) return false;
  e->waiting.push_back(std::move(input));
  if (e->state != phase::parked) return true;
  if (live_.size() < limits_.live) {
    wake(*e, out);
    return true;
  }
  set_state(*e, phase::queued);
  queue_.push_back(peer);
  park_least_used(out);
  return true;
}

void peer_registry::wake(entry& e, registry_effects& out) {
  set_state(e, phase::live);
  next_idle_ = std::min(next_idle_, e.last_used + limits_.idle);
  out.push_back(wake_peer{e.id, std::move(e.link), std::move(e.waiting)});
  e.link = nullptr;
  e.waiting = {};
}

void peer_registry::park_least_used(registry_effects& out) {
  if (parking_ >= queue_.size()) return;
  entry* oldest = nullptr;
  for (const auto& [id, e] : live_)
    if (e->state == phase::live && (oldest == nullptr || e->last_used < oldest->last_used)) oldest = e;
  if (oldest == nullptr) return;
  set_state(*oldest, phase::parking);
  out.push_back(park_peer{oldest->id});
}

void peer_registry::wake_next(registry_effects& out) {
  while (live_.size() < limits_.live && !queue_.empty()) {
    auto* e = find_entry(queue_.front());
    queue_.pop_front();
    if (e != nullptr && e->state == phase::queued) wake(*e, out);
  }
  // Those who still wait need somebody's place.
  while (parking_ < queue_.size()) {
    const auto before = parking_;
    park_least_used(out);
    if (parking_ == before) break;
  }
}

void peer_registry::opened(std::uint64_t peer, std::uint32_t session) {
  auto* e = find_entry(peer);
  if (e == nullptr) return;
  if (std::find(e->sessions.begin(), e->sessions.end(), session) == e->sessions.end())
    e->sessions.push_back(session);
  by_session_[session] = peer;
}

void peer_registry::closed(std::uint64_t peer, std::uint32_t session) {
  if (auto* e = find_entry(peer)) std::erase(e->sessions, session);
  if (const auto it = by_session_.find(session); it != by_session_.end() && it->second == peer)
    by_session_.erase(it);
}

void peer_registry::verified(std::uint64_t peer, const contact& who, const rtt_estimate& rtt) {
  auto* e = find_entry(peer);
  if (e == nullptr) return;
  e->node = who.id;
  e->address = who.address;
  if (rtt.known()) e->rtt = rtt;
}

void peer_registry::parked(nanoseconds now, std::uint64_t peer, std::shared_ptr<peer_link> link,
                           registry_effects& out) {
  auto* e = find_entry(peer);
  if (e == nullptr || e->state != phase::parking) return;
  e->link = std::move(link);
  set_state(*e, phase::parked);
  const bool is_empty = e->link->in_flight() == 0 && e->sessions.empty();
  if (!e->waiting.empty()) {
    set_state(*e, phase::queued);
    queue_.push_back(peer);
  } else if (is_empty) {
    erase(peer);  // it never answered
  }
  (void)now;
  wake_next(out);
}

void peer_registry::lost(nanoseconds, std::uint64_t peer, registry_effects& out) {
  auto* e = find_entry(peer);
  if (e == nullptr || (e->state != phase::live && e->state != phase::parking)) return;
  erase(peer);
  wake_next(out);
}

void peer_registry::on_time(nanoseconds now, registry_effects& out) {
  if (now < next_idle_) return;
  next_idle_ = nanoseconds::max();
  for (const auto& [id, e] : live_) {
    if (e->state != phase::live) continue;
    if (now - e->last_used < limits_.idle) {
      next_idle_ = std::min(next_idle_, e->last_used + limits_.idle);
      continue;
    }
    set_state(*e, phase::parking);
    out.push_back(park_peer{id});
  }
}

}  // namespace vsf::dht
