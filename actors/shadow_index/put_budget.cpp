#include "actors/shadow_index/put_budget.hpp"

#include <algorithm>

namespace vsf::shadow_index {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds minute = std::chrono::minutes(1);
// Eight full sweeps: long enough to level out, short enough to follow a network that grows.
constexpr double remembered_keys = 256;
constexpr double least_per_key = 0.001;
// A datagram has room for 1,200 bytes, a leaf takes up to 900 and usually less than half of that.
constexpr double leaves_per_datagram = 2;

}  // namespace

// Before anything is seen: neighbours have the same holders, each of which gets the leaves in datagrams of
// their own or one datagram with the hashes of all.
put_budget::put_budget(std::uint32_t datagrams_per_minute, std::uint32_t copies, std::size_t keys_per_sweep)
    : per_minute_(datagrams_per_minute),
      whole_{copies / leaves_per_datagram},
      held_{static_cast<double>(copies) / static_cast<double>(std::max<std::size_t>(1, keys_per_sweep))} {}

void put_budget::running_mean::add(double cost, std::size_t n) {
  const auto more = static_cast<double>(n);
  const double kept = std::max(0.0, 1 - more / remembered_keys);
  datagrams = datagrams * kept + cost;
  keys = keys * kept + more;
}

double put_budget::running_mean::mean() const {
  return std::max(least_per_key, seen() ? datagrams / keys : guess);
}

double put_budget::cost(const sweep_size& size) const {
  return static_cast<double>(size.whole) * per_whole() + static_cast<double>(size.held) * per_held();
}

nanoseconds put_budget::time_for(double datagrams) const {
  return nanoseconds(
      static_cast<std::int64_t>(datagrams / std::max(1u, per_minute_) * static_cast<double>(minute.count())));
}

std::optional<nanoseconds> put_budget::start_at(const sweep_size& size, nanoseconds now) const {
  if (per_minute_ == 0) return std::nullopt;
  if (sweeps_ == 0) return std::max(now, full_at_ - minute);
  if ((size.whole > 0 && !whole_.seen()) || (size.held > 0 && !held_.seen())) return std::nullopt;
  const auto needed = cost({under_way_.whole + size.whole, under_way_.held + size.held});
  if (needed > per_minute_) return std::nullopt;
  return std::max(now, full_at_ + time_for(needed) - minute);
}

void put_budget::start(const sweep_size& size) {
  ++sweeps_;
  resize({}, size);
}

void put_budget::resize(const sweep_size& from, const sweep_size& to) {
  under_way_.whole += to.whole - from.whole;
  under_way_.held += to.held - from.held;
}

void put_budget::end(const sweep_size& size, std::uint32_t written, nanoseconds now) {
  --sweeps_;
  resize(size, {});
  charge(written, now);
  if (written > 0) observe(size, written);
}

void put_budget::lost(const sweep_size& size, nanoseconds now) {
  const auto expected = cost(size);
  end(size, 0, now);
  charge(expected, now);
}

void put_budget::observe(const sweep_size& size, std::uint32_t written) {
  if (size.whole == 0) return held_.add(written, size.held);
  if (size.held == 0) return whole_.add(written, size.whole);
  // Of both kinds: what is known of one tells the other; if nothing is known, nothing is learnt.
  if (!whole_.seen() && !held_.seen()) return;
  const auto whole = static_cast<double>(size.whole) * per_whole();
  const auto held = static_cast<double>(size.held) * per_held();
  const auto whole_part = !whole_.seen()  ? std::max(0.0, written - held)
                          : !held_.seen() ? std::min<double>(whole, written)
                                          : written * whole / (whole + held);
  whole_.add(whole_part, size.whole);
  held_.add(written - whole_part, size.held);
}

void put_budget::charge(double datagrams, nanoseconds now) {
  full_at_ = std::max(full_at_, now) + time_for(datagrams);
}

}  // namespace vsf::shadow_index
