#pragma once

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstdint>

#include "messages/types.hpp"

namespace vsf::dht {

using std::chrono::nanoseconds;

/// Kademlia's k: contacts of a bucket, holders of a value.
inline constexpr std::size_t bucket_size = 16;

/// Who counts as one for limits: a /24 of global IPv4, a /48 of global IPv6; below that, where many nodes
/// share an address by design, every address and port for itself (DESIGN 7).
struct address_group {
  std::array<std::uint8_t, 18> prefix{};
  bool global = false;
  auto operator<=>(const address_group&) const = default;
};
address_group group_of(const endpoint& x);

/// Whether an address may pass between us and a node at `whom`, in either direction: never a narrower one to
/// or from a node that is further away than it reaches.
bool fits_scope(const endpoint& what, const endpoint& whom);

/// An address somebody can be written to.
bool is_dialable(const endpoint& x);
/// A contact that could be real.
bool is_plausible(const contact& x);

/// True for an 8-byte hint padded with zeros.
bool is_hint(const id160& target);
/// Whether `id` is the node that `target` names: by all its bytes, or by its first 8 when target is a hint.
bool names(const id160& target, const node_id& id);

/// Smoothed round trip of one contact (RFC 6298), 12 bytes.
class rtt_estimate {
 public:
  static constexpr nanoseconds min_rto = std::chrono::milliseconds(150);
  static constexpr nanoseconds max_rto = std::chrono::seconds(2);
  /// Before anything is known of anybody.
  static constexpr nanoseconds first_rto = std::chrono::milliseconds(400);

  void sample(nanoseconds rtt);
  bool known() const { return srtt_us_ != 0; }
  std::uint32_t srtt_us() const { return srtt_us_; }
  void restore(std::uint32_t srtt_us) {
    srtt_us_ = srtt_us;
    variance_us_ = srtt_us / 2;
  }
  /// srtt + 4 var between min_rto and max_rto; `unknown` before the first sample.
  nanoseconds rto(nanoseconds unknown) const;

 private:
  std::uint32_t srtt_us_ = 0;
  std::uint32_t variance_us_ = 0;
};

}  // namespace vsf::dht
