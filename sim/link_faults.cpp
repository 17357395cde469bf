#include "sim/link_faults.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace vsf::sim {

namespace {

/// The one place where a share is a floating point number: a power of two scales it exactly.
std::uint64_t threshold(double share) {
  return static_cast<std::uint64_t>(std::llround(std::clamp(share, 0.0, 1.0) * 4294967296.0));
}

/// Uniform in [0, bound) for a bound below 2^32.
std::uint64_t scaled(std::uint64_t draw32, std::uint64_t bound) { return (draw32 * bound) >> 32; }

}  // namespace

frame packet_fate::received(byte_view sent) const {
  auto out = frame::copy_of(sent);
  if (flipped) out.mutable_data()[*flipped / 8] ^= static_cast<std::uint8_t>(1u << (*flipped % 8));
  return out;
}

void link_faults::set(const link_conditions& conditions) {
  loss_ = threshold(conditions.loss);
  duplicate_ = threshold(conditions.duplicate);
  reorder_ = threshold(conditions.reorder);
  corrupt_ = threshold(conditions.corrupt);
  reorder_us_ = static_cast<std::uint64_t>(std::llround(std::clamp(conditions.reorder_ms, 0.0, 3.6e6) * 1e3));
}

packet_fate link_faults::draw(crypto::random_source& random, std::size_t size_bytes) const {
  std::array<std::uint64_t, words_per_packet> words{};
  for (auto& word : words) word = random.u64();
  const auto high = [&](std::size_t i) { return words[i] >> 32; };
  const auto low = [&](std::size_t i) { return words[i] & 0xFFFFFFFFu; };
  packet_fate out;
  out.lost = high(0) < loss_;
  out.duplicated = low(0) < duplicate_;
  if (high(1) < reorder_) out.held_back = std::chrono::microseconds(scaled(high(2), reorder_us_ + 1));
  if (low(1) < corrupt_ && size_bytes != 0) out.flipped = scaled(low(2), size_bytes * 8);
  out.delay_word = words[3];
  out.copy_delay_word = words[3] << 32;  // the latency model looks at the upper half
  return out;
}

virtual_time access_link::takes(std::size_t size_bytes) const {
  return std::chrono::nanoseconds(size_bytes * 1'000'000'000 / bytes_per_s_);
}

std::optional<virtual_time> access_link::datagram(virtual_time now, std::size_t size_bytes) {
  if (!limited()) return now;
  if (datagrams_free_ - now > queue) return std::nullopt;
  const auto waits = std::clamp(free_ - now, virtual_time(0), queue / 2);
  const auto time = takes(size_bytes);
  datagrams_free_ = std::max(datagrams_free_, now + waits) + time;
  free_ = std::max(free_, now) + time;  // streams get what is left
  return datagrams_free_;
}

virtual_time access_link::stream(virtual_time now, std::size_t size_bytes) {
  if (!limited()) return now;
  free_ = std::max(free_, now) + takes(size_bytes);
  return free_;
}

virtual_time next_retransmission(virtual_time since, virtual_time first_timeout, virtual_time now) {
  constexpr virtual_time longest = std::chrono::minutes(2);
  auto at = since;
  for (auto wait = std::clamp(first_timeout, virtual_time(1'000'000), longest); at <= now;
       wait = std::min(2 * wait, longest))
    at += wait;
  return at;
}

}  // namespace vsf::sim
