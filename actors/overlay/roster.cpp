#include "actors/overlay/roster.hpp"

#include <algorithm>
#include <utility>

namespace vsf::overlay {

std::optional<address_group> group_of(const endpoint& address) {
  if (scope_of(address) != address_scope::global) return std::nullopt;
  address_group out{};
  if (address.is_v4()) {
    out[0] = 4;
    std::copy_n(address.ip.begin() + 12, 3, out.begin() + 1);
  } else {
    out[0] = 6;
    std::copy_n(address.ip.begin(), 6, out.begin() + 1);
  }
  return out;
}

roster::roster(vsf::node_id self, roster_limits limits, counter_board& counters)
    : self_(self), limits_(limits), counters_(&counters) {}

std::optional<link_key> roster::on_accepted(const endpoint& remote) {
  counters_->add(count::accepted);
  const auto inbound = std::ranges::count_if(half_open_, [](const auto& x) { return !x.second.dialled; });
  if (static_cast<std::size_t>(inbound) >= limits_.half_open_in) {
    counters_->add(count::refused_half_open);
    return std::nullopt;
  }
  if (const auto group = group_of(remote)) {
    const auto same = std::ranges::count_if(
        half_open_, [&](const auto& x) { return !x.second.dialled && group_of(x.second.remote) == group; });
    if (static_cast<std::size_t>(same) >= limits_.per_group) {
      counters_->add(count::refused_group);
      return std::nullopt;
    }
  }
  const auto key = next_key_++;
  half_open_.emplace(key, half_open_link{remote, std::nullopt});
  return key;
}

void roster::on_dial(std::uint64_t ticket, const contact& whom, nanoseconds now, const use_lookup& in_use,
                     roster_effects& out) {
  const auto refuse = [&](std::string why) { out.push_back(dial_failed{ticket, std::move(why)}); };
  if (whom.id == self_) return refuse("that is this node itself");
  if (whom.id.is_zero()) return refuse("a node can only be dialled by its id");
  if (const auto it = primary_.find(whom.id); it != primary_.end()) {
    out.push_back(dial_done{ticket, preferred(whom.id, it->second, in_use)});
    return;
  }
  const waiter asks{ticket, now + limits_.dial_answer};
  if (const auto it = dials_.find(whom.id); it != dials_.end()) {
    if (it->second.waiters.size() >= limits_.waiters_per_dial)
      return refuse("too many wait for this node already");
    it->second.waiters.push_back(asks);
    return;
  }
  if (whom.address.port == 0) return refuse("the node's address is not known");
  if (sessions_.size() >= limits_.sessions) {
    counters_->add(count::refused_full);
    return refuse("all " + std::to_string(limits_.sessions) + " sessions are in use");
  }
  if (half_open_.size() - static_cast<std::size_t>(std::ranges::count_if(
                              half_open_, [](const auto& x) { return !x.second.dialled; })) >=
      limits_.half_open_out) {
    counters_->add(count::refused_half_open);
    return refuse("too many dials are under way; try again");
  }
  if (const auto group = group_of(whom.address); group && sessions_in(*group, whom.id) >= limits_.per_group) {
    counters_->add(count::refused_group);
    return refuse("there are " + std::to_string(limits_.per_group) + " sessions with that network already");
  }
  counters_->add(count::dials);
  const auto key = next_key_++;
  half_open_.emplace(key, half_open_link{whom.address, whom.id});
  dials_.emplace(whom.id, pending_dial{key, {asks}});
  out.push_back(connect_link{key, whom});
}

bool roster::on_connected(link_key key, const std::optional<std::string>& problem, roster_effects& out) {
  const auto it = half_open_.find(key);
  if (it == half_open_.end()) return false;
  if (!problem) return true;
  const auto id = it->second.dialled;
  half_open_.erase(it);
  counters_->add(count::dial_failed);
  if (id) fail_dial(*id, *problem, out);
  return false;
}

std::size_t roster::sessions_in(const address_group& group, const vsf::node_id& except) const {
  return static_cast<std::size_t>(std::ranges::count_if(sessions_, [&](const auto& x) {
    return x.second.id != except && !x.second.superseded && group_of(x.second.remote) == group;
  }));
}

/// Why there is no place for a new peer; makes room if it can.
std::optional<std::string> roster::refusal(const vsf::node_id& id, const endpoint& remote, nanoseconds now,
                                           const idle_lookup& idle_since, roster_effects& out) {
  if (const auto group = group_of(remote); group && sessions_in(*group, id) >= limits_.per_group) {
    counters_->add(count::refused_group);
    return "too many sessions with that network";
  }
  if (sessions_.size() < limits_.sessions) return std::nullopt;
  std::optional<std::pair<nanoseconds, link_key>> longest;
  for (const auto& [key, row] : sessions_)
    if (const auto since = idle_since(key); since && (!longest || *since < longest->first))
      longest = {{*since, key}};
  if (!longest || now - longest->first < limits_.evictable) {
    counters_->add(count::refused_full);
    return "all sessions are in use";
  }
  counters_->add(count::evicted);
  out.push_back(
      end_session{longest->second, fb::GoodbyeReason::too_many_sessions, "made room for another peer"});
  on_over(longest->second, "made room for another peer", out);
  return std::nullopt;
}

link_key roster::preferred(const vsf::node_id& id, link_key primary, const use_lookup& in_use) const {
  for (const auto& [key, row] : sessions_)
    if (row.id == id && row.twin && in_use(key)) return key;
  return primary;
}

bool roster::at_once(const session_row& old, const session_row& fresh) const {
  return old.dialled != fresh.dialled && fresh.since - old.since <= limits_.simultaneous;
}

/// Both sides decide alike: they see the same two links, and who dialled each.
bool roster::newer_wins(const session_row& old, const session_row& fresh) const {
  if (!at_once(old, fresh)) return true;
  const bool lower_is_self = self_ < fresh.id;
  return fresh.dialled == lower_is_self;
}

void roster::on_up(link_key key, const identity::certified& who, const peer_hello& hello, nanoseconds now,
                   const idle_lookup& idle_since, roster_effects& out) {
  const auto it = half_open_.find(key);
  if (it == half_open_.end()) return;
  const auto link = it->second;
  half_open_.erase(it);
  const session_row fresh{who.node_id, who.static_key, link.remote, link.dialled.has_value(), false,
                          now,         false};
  if (auto why = refusal(who.node_id, link.remote, now, idle_since, out)) {
    if (link.dialled) fail_dial(who.node_id, *why, out);
    out.push_back(end_session{key, fb::GoodbyeReason::too_many_sessions, *std::move(why)});
    return;
  }
  sessions_.emplace(key, fresh);
  const auto old = primary_.find(who.node_id);
  if (old == primary_.end()) {
    primary_.emplace(who.node_id, key);
    out.push_back(node_came{who.node_id, key});
  } else {
    const auto& before = sessions_.at(old->second);
    const bool twin = at_once(before, fresh);
    retire(newer_wins(before, fresh) ? std::exchange(old->second, key) : key, twin, out);
  }
  answer(who.node_id, primary_.at(who.node_id), out);
  if (hello.listen_port != 0) {
    auto address = link.remote;
    address.port = hello.listen_port;
    out.push_back(node_met{{who.node_id, who.static_key, address}});
  }
}

/// At most one superseded session a peer: an earlier one ends now.
void roster::retire(link_key key, bool twin, roster_effects& out) {
  counters_->add(count::duplicates);
  auto& row = sessions_.at(key);
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const auto other = it++;
    if (other->first == key || other->second.id != row.id || !other->second.superseded) continue;
    out.push_back(
        end_session{other->first, fb::GoodbyeReason::duplicate, "another session with this peer took over"});
    sessions_.erase(other);
  }
  row.superseded = true;
  row.twin = twin;
  out.push_back(supersede_session{key});
}

void roster::answer(const vsf::node_id& id, link_key key, roster_effects& out) {
  const auto it = dials_.find(id);
  if (it == dials_.end()) return;
  for (const auto& w : it->second.waiters) out.push_back(dial_done{w.ticket, key});
  it->second.waiters.clear();
  if (!half_open_.contains(it->second.key)) dials_.erase(it);
}

void roster::fail_dial(const vsf::node_id& id, const std::string& why, roster_effects& out) {
  const auto it = dials_.find(id);
  if (it == dials_.end()) return;
  for (const auto& w : it->second.waiters) out.push_back(dial_failed{w.ticket, why});
  dials_.erase(it);
}

void roster::on_over(link_key key, const std::string& why, roster_effects& out) {
  if (const auto half = half_open_.find(key); half != half_open_.end()) {
    const auto id = half->second.dialled;
    half_open_.erase(half);
    if (id) {
      counters_->add(count::dial_failed);
      fail_dial(*id, why, out);
    }
    return;
  }
  const auto it = sessions_.find(key);
  if (it == sessions_.end()) return;
  const auto id = it->second.id;
  sessions_.erase(it);
  const auto current = primary_.find(id);
  if (current == primary_.end() || current->second != key) return;
  // A superseded session that still lives is better than none.
  const auto other = std::ranges::find_if(sessions_, [&](const auto& x) { return x.second.id == id; });
  if (other != sessions_.end()) {
    current->second = other->first;
    return;
  }
  primary_.erase(current);
  out.push_back(node_went{id, why});
}

void roster::on_alarm(nanoseconds now, roster_effects& out) {
  for (auto& [id, dial] : dials_)
    std::erase_if(dial.waiters, [&](const waiter& w) {
      if (now < w.deadline) return false;
      out.push_back(dial_failed{
          w.ticket,
          "no answer within " + std::to_string(limits_.dial_answer / std::chrono::seconds(1)) + " s"});
      return true;
    });
}

std::optional<nanoseconds> roster::next_deadline() const {
  std::optional<nanoseconds> at;
  for (const auto& [id, dial] : dials_)
    for (const auto& w : dial.waiters)
      if (!at || w.deadline < *at) at = w.deadline;
  return at;
}

}  // namespace vsf::overlay
