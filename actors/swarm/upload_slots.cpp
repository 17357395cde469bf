#include "actors/swarm/upload_slots.hpp"

#include <algorithm>
#include <tuple>

#include "messages/mutant.hpp"

namespace vsf::swarm {

int upload_slots::looseness(nanoseconds now, const holder& h) const {
  if (mutant(mutation::no_slot_release)) return 0;
  if (h.rests && now - *h.rests >= how_.linger) return 3;
  if (!h.rests && now - h.used >= how_.idle) return 2;
  return now - h.since >= how_.turn ? 1 : 0;
}

std::optional<node_id> upload_slots::loosest(nanoseconds now, int at_least) const {
  std::optional<std::tuple<int, nanoseconds, node_id>> best;
  for (const auto& [who, h] : holders_) {
    const auto loose = looseness(now, h);
    if (loose < at_least) continue;
    // Most willing first, then who has had it longest.
    const std::tuple mine{-loose, loose == 2 ? h.used : h.since, who};
    if (!best || mine < *best) best = mine;
  }
  return best ? std::optional(std::get<2>(*best)) : std::nullopt;
}

std::size_t upload_slots::to_be_had(nanoseconds now) const {
  const auto kept = static_cast<std::size_t>(std::count_if(
      holders_.begin(), holders_.end(), [&](const auto& h) { return looseness(now, h.second) == 0; }));
  return how_.slots - std::min(how_.slots, kept);
}

std::size_t upload_slots::ahead_of(nanoseconds now, std::uint64_t place) const {
  return static_cast<std::size_t>(std::count_if(waiting_.begin(), waiting_.end(), [&](const auto& w) {
    return w.second.place < place && w.second.expected_until >= now;
  }));
}

void upload_slots::evict(const node_id& who, std::vector<node_id>& out) {
  const auto it = holders_.find(who);
  if (!it->second.rests) ++evicted_;
  out.push_back(who);
  holders_.erase(it);
}

upload_slots::answer upload_slots::ask(nanoseconds now, const node_id& who) {
  if (const auto it = holders_.find(who); it != holders_.end()) {
    it->second.used = now;
    it->second.rests.reset();
    return {true};
  }
  const auto known = waiting_.find(who);
  const auto place = known == waiting_.end() ? next_place_ : known->second.place;
  if (to_be_had(now) <= ahead_of(now, place)) {
    remember(now, who);
    return {false};
  }
  if (known != waiting_.end()) waiting_.erase(known);
  answer out{true};
  while (holders_.size() >= how_.slots) evict(*loosest(now, 1), out.evicted);
  holders_[who] = {now, now};
  return out;
}

void upload_slots::remember(nanoseconds now, const node_id& who) {
  if (const auto it = waiting_.find(who); it != waiting_.end()) {
    auto& w = it->second;
    w.expected_until =
        now + std::clamp<nanoseconds>(3 * (now - w.asked), how_.least_expected, how_.most_expected);
    w.asked = now;
    return;
  }
  if (waiting_.size() >= how_.max_waiting) {
    ++forgotten_;
    const auto least = std::min_element(waiting_.begin(), waiting_.end(), [](const auto& a, const auto& b) {
      return a.second.expected_until < b.second.expected_until;
    });
    // Who is still expected keeps its place: a crowd of newcomers can't push it out.
    if (least == waiting_.end() || least->second.expected_until >= now) return;
    waiting_.erase(least);
  }
  waiting_[who] = {next_place_++, now, now + how_.least_expected};
}

void upload_slots::use(nanoseconds now, const node_id& who) {
  if (const auto it = holders_.find(who); it != holders_.end()) it->second.used = now;
}

void upload_slots::rest(nanoseconds now, const node_id& who) {
  const auto it = holders_.find(who);
  if (it != holders_.end() && !it->second.rests) it->second.rests = now;
}

std::vector<node_id> upload_slots::set_slots(nanoseconds now, std::size_t slots) {
  how_.slots = std::max<std::size_t>(1, slots);
  std::vector<node_id> out;
  while (holders_.size() > how_.slots) evict(*loosest(now, 0), out);
  return out;
}

}  // namespace vsf::swarm
