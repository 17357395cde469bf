#include "sim/nat.hpp"

#include <algorithm>

namespace vsf::sim {

namespace {
constexpr std::uint16_t lowest_port = 1024;
constexpr std::size_t first_sweep = 256;
}  // namespace

nat_table::nat_table(nat_type type, std::uint16_t first_port, nat_limits limits)
    : type_(type),
      limits_(limits),
      next_port_(std::max(first_port, lowest_port)),
      keeps_port_(type != nat_type::symmetric),
      sweep_at_(std::min(first_sweep, limits.entries)) {}

bool nat_table::expired(ip_protocol protocol, virtual_time used, virtual_time now) const {
  return now - used >= (protocol == ip_protocol::udp ? limits_.udp_lifetime : limits_.tcp_lifetime);
}

endpoint nat_table::permission_of(endpoint other) const {
  if (type_ == nat_type::address_restricted) other.port = 0;
  return other;
}

std::optional<std::uint16_t> nat_table::outgoing(ip_protocol protocol, std::uint16_t inside,
                                                 const endpoint& to, virtual_time now) {
  make_room(now);
  const inside_key key{protocol, inside, type_ == nat_type::symmetric ? to : endpoint{}};
  auto* found = map(key, now);
  if (found == nullptr) return std::nullopt;
  if (has_permissions()) {
    const auto whom = permission_of(to);
    auto it = found->permissions.find(whom);
    if (it == found->permissions.end()) {
      if (size() >= limits_.entries) return std::nullopt;
      it = found->permissions.emplace(whom, now).first;
      ++permissions_;
    }
    it->second = now;
  }
  found->used = now;
  return by_inside_.at(key);
}

nat_table::mapping* nat_table::map(const inside_key& key, virtual_time now) {
  const auto protocol = std::get<ip_protocol>(key);
  const auto known = by_inside_.find(key);
  if (known != by_inside_.end()) {
    const auto it = mappings_.find({protocol, known->second});
    if (!expired(protocol, it->second.used, now)) return &it->second;
    permissions_ -= it->second.permissions.size();
    mappings_.erase(it);
    by_inside_.erase(known);
  }
  if (size() >= limits_.entries) return nullptr;
  const auto port = free_port(protocol, std::get<std::uint16_t>(key));
  if (!port) return nullptr;
  by_inside_.emplace(key, *port);
  return &mappings_.emplace(public_key{protocol, *port}, mapping{key, now, {}}).first->second;
}

std::optional<std::uint16_t> nat_table::free_port(ip_protocol protocol, std::uint16_t wanted) {
  if (keeps_port_ && !mappings_.contains({protocol, wanted})) return wanted;
  for (std::uint32_t tries = 0; tries <= 65535u - lowest_port; ++tries) {
    const auto port = next_port_;
    next_port_ = port == 65535 ? lowest_port : static_cast<std::uint16_t>(port + 1);
    // The host's own number is for boxes that keep it.
    if (port != wanted && !mappings_.contains({protocol, port})) return port;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> nat_table::incoming(ip_protocol protocol, const endpoint& from,
                                                 std::uint16_t port, virtual_time now) const {
  const auto it = mappings_.find({protocol, port});
  if (it == mappings_.end() || expired(protocol, it->second.used, now)) return std::nullopt;
  const auto& [own_protocol, inside, only_for] = it->second.inside;
  if (type_ == nat_type::symmetric && from != only_for) return std::nullopt;
  if (has_permissions()) {
    const auto allowed = it->second.permissions.find(permission_of(from));
    if (allowed == it->second.permissions.end() || expired(protocol, allowed->second, now))
      return std::nullopt;
  }
  return inside;
}

void nat_table::forget() {
  by_inside_.clear();
  mappings_.clear();
  permissions_ = 0;
  keeps_port_ = false;
}

void nat_table::make_room(virtual_time now) {
  if (size() < sweep_at_ || now < next_sweep_) return;
  sweep(now);
  // Looking through a table that stays full would cost every packet: not before some of it can have expired.
  sweep_at_ = std::min(std::max(first_sweep, 2 * size()), limits_.entries);
  next_sweep_ = now + limits_.udp_lifetime / 16;
}

void nat_table::sweep(virtual_time now) {
  for (auto it = mappings_.begin(); it != mappings_.end();) {
    auto& [key, m] = *it;
    if (expired(key.first, m.used, now)) {
      permissions_ -= m.permissions.size();
      by_inside_.erase(m.inside);
      it = mappings_.erase(it);
      continue;
    }
    const auto protocol = key.first;
    permissions_ -=
        std::erase_if(m.permissions, [&](const auto& entry) { return expired(protocol, entry.second, now); });
    ++it;
  }
}

}  // namespace vsf::sim
