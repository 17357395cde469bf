#include "actors/dht/contacts.hpp"

namespace vsf::dht {

address_group group_of(const endpoint& x) {
  address_group out;
  out.global = scope_of(x) == address_scope::global;
  const std::size_t kept = !out.global ? x.ip.size() : x.is_v4() ? 15 : 6;
  std::copy_n(x.ip.begin(), kept, out.prefix.begin());
  if (!out.global) {
    out.prefix[16] = static_cast<std::uint8_t>(x.port >> 8);
    out.prefix[17] = static_cast<std::uint8_t>(x.port & 0xFF);
  }
  return out;
}

bool fits_scope(const endpoint& what, const endpoint& whom) { return scope_of(what) >= scope_of(whom); }

bool is_dialable(const endpoint& x) {
  if (x.port == 0) return false;
  if (x.is_v4()) return x.ip[12] != 0 && x.ip[12] < 224;
  const bool zero = std::all_of(x.ip.begin(), x.ip.end(), [](auto b) { return b == 0; });
  return !zero && x.ip[0] != 0xFF;
}

bool is_plausible(const contact& x) { return !x.id.is_zero() && !x.key.is_zero() && is_dialable(x.address); }

bool is_hint(const id160& target) {
  return std::all_of(target.begin() + 8, target.end(), [](auto b) { return b == 0; }) &&
         std::any_of(target.begin(), target.begin() + 8, [](auto b) { return b != 0; });
}

bool names(const id160& target, const node_id& id) {
  return target == id || (is_hint(target) && std::equal(target.begin(), target.begin() + 8, id.begin()));
}

void rtt_estimate::sample(nanoseconds rtt) {
  const auto limit = std::chrono::microseconds(60'000'000);
  const auto us =
      static_cast<std::uint32_t>(std::clamp(std::chrono::duration_cast<std::chrono::microseconds>(rtt),
                                            std::chrono::microseconds(1), limit)
                                     .count());
  if (!known()) return restore(us);
  const auto off = us > srtt_us_ ? us - srtt_us_ : srtt_us_ - us;
  variance_us_ = static_cast<std::uint32_t>((std::uint64_t{variance_us_} * 3 + off) / 4);
  srtt_us_ = std::max<std::uint32_t>(1, static_cast<std::uint32_t>((std::uint64_t{srtt_us_} * 7 + us) / 8));
}

nanoseconds rtt_estimate::rto(nanoseconds unknown) const {
  if (!known()) return std::clamp(unknown, min_rto, max_rto);
  const auto us = std::uint64_t{srtt_us_} + 4 * std::uint64_t{variance_us_};
  return std::clamp<nanoseconds>(std::chrono::microseconds(us), min_rto, max_rto);
}

}  // namespace vsf::dht
