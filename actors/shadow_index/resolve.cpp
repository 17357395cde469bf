#include "actors/shadow_index/resolve.hpp"

#include <algorithm>

#include "actors/shadow_index/merge.hpp"

namespace vsf::shadow_index {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t hint_bytes = 8;

id160 padded(const fb::Hint& hint) {
  id160 out{};
  std::copy_n(hint.bytes()->data(), hint_bytes, out.begin());
  return out;
}

bool is_hint(const id160& x) {
  return std::all_of(x.begin() + hint_bytes, x.end(), [](std::uint8_t b) { return b == 0; });
}

/// Whether a node is the one that was looked for: by its whole id, or by the prefix of a hint.
bool matches(const node_id& found, const id160& target) {
  return found == target ||
         (is_hint(target) && std::equal(target.begin(), target.begin() + hint_bytes, found.begin()));
}

std::uint64_t microseconds(nanoseconds x) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(x).count());
}

}  // namespace

resolve_logic::resolve_logic(resolve_settings settings, identity::network_parameters network,
                             const node_id& self)
    : settings_(settings), network_(std::move(network)), self_(self) {}

resolve_logic::effects resolve_logic::ask(const question& q, nanoseconds now, std::uint64_t unix_s) {
  ++counters_.questions;
  effects out;
  const subject about{q.kind, q.mbid};
  const auto key = home_of(q.kind, q.mbid);
  if (!q.fresh)
    if (const auto* hit = look_up(about, now, unix_s)) {
      auto answer = answer_of(about, hit->known);
      answer.cached = true;
      out.emplace_back(give_answer{{q.asker}, std::move(answer)});
      return out;
    }
  if (const auto same = by_subject_.find(about); same != by_subject_.end()) {
    auto& r = runs_.at(same->second);
    if (r.askers.size() < settings_.askers_per_run) {
      ++counters_.coalesced;
      r.askers.push_back(q.asker);
      return out;
    }
  }
  if (!key || by_subject_.contains(about) || runs_.size() >= settings_.runs) {
    ++counters_.refused;
    out.emplace_back(give_answer{{q.asker}, answer_of(about, {})});
    return out;
  }
  ++counters_.runs;
  const auto id = next_id_++;
  auto& r = runs_[id];
  r.about = about;
  r.askers = {q.asker};
  r.started = now;
  r.deadline = now + settings_.answer_within;
  r.get_id = next_id_++;
  by_subject_[about] = id;
  by_request_[r.get_id] = id;
  out.emplace_back(send_get{r.get_id, *key});
  return out;
}

const resolve_logic::cached_answer* resolve_logic::look_up(const subject& about, nanoseconds now,
                                                           std::uint64_t unix_s) {
  const auto at = cache_.find(about);
  if (at == cache_.end()) return nullptr;
  if (at->second.until <= now || (at->second.until_unix_s != 0 && at->second.until_unix_s <= unix_s)) {
    forget(about);
    return nullptr;
  }
  ++(at->second.known.publishers == 0 ? counters_.negative_hits : counters_.cache_hits);
  by_age_.splice(by_age_.end(), by_age_, at->second.age);
  return &at->second;
}

void resolve_logic::forget(const subject& about) {
  const auto at = cache_.find(about);
  if (at == cache_.end()) return;
  by_age_.erase(at->second.age);
  cache_.erase(at);
}

void resolve_logic::remember(const run& r, nanoseconds now) {
  // Nobody was asked or nobody answered: that says nothing about the MBID.
  if (r.get_id != 0 || r.known.asked == 0) return;
  // Time was up before anybody was located: whoever asks again shall not get the same answer.
  if (r.known.contacts.empty() && !(r.finds.empty() && r.to_find.empty())) return;
  forget(r.about);
  while (cache_.size() >= settings_.cached) {
    ++counters_.evicted;
    forget(by_age_.front());
  }
  by_age_.push_back(r.about);
  // Candidates that nobody could locate are not worth ten minutes.
  const bool found = r.known.publishers > 0 && (!r.known.contacts.empty() || !r.known.tracks.empty());
  cache_[r.about] = {r.known, now + (found ? settings_.positive_ttl : settings_.negative_ttl),
                     r.cacheable_until_s, std::prev(by_age_.end())};
}

void resolve_logic::take_leaves(run& r, const fb::DhtGetResult& result, std::uint64_t unix_s) {
  r.known.replicas = result.replicas();
  r.known.asked = result.asked() > result.timeouts() ? result.asked() - result.timeouts() : 0;
  // Answers without a question to the network (own shelf) count, too.
  r.known.asked = std::max(r.known.asked, r.known.replicas);
  const auto key = home_of(r.about.first, r.about.second);
  leaf_map leaves;
  if (result.leaves() != nullptr)
    for (const auto* blob : *result.leaves()) {
      const auto leaf = accept_leaf(view_of(blob->data()), network_, unix_s, key);
      if (leaf)
        leaves.insert(*leaf);
      else
        ++counters_.rejected_leaves;
    }
  const auto live = leaves.live();
  std::set<node_id> publishers;
  for (const auto& leaf : live) {
    publishers.insert(leaf.node);
    if (r.cacheable_until_s == 0 || leaf.expires_s < r.cacheable_until_s)
      r.cacheable_until_s = leaf.expires_s;
  }
  r.known.candidates = rank(live, self_, unix_s);
  r.known.tracks = merge_tracks(live);
  r.known.publishers = static_cast<std::uint32_t>(publishers.size());
  if (result.hints() == nullptr) return;
  std::set<id160> known_hints{};
  const auto add_known = [&](const node_id& node) {
    id160 prefix{};
    std::copy_n(node.begin(), hint_bytes, prefix.begin());
    known_hints.insert(prefix);
  };
  add_known(self_);
  for (const auto& [publisher, leaf] : leaves.all()) add_known(leaf.node);
  for (const auto* hint : *result.hints()) {
    const auto target = padded(*hint);
    if (target.is_zero() || !known_hints.insert(target).second) continue;
    ++r.known.publishers;
    r.known.hints.push_back(target);
  }
}

void resolve_logic::plan_finds(run& r) const {
  std::set<node_id> seen;
  for (const auto& c : r.known.candidates)
    if (seen.size() < settings_.nodes_per_run && seen.insert(c.node).second) r.to_find.push_back(c.node);
  if (r.about.first == fb::LeafKind::recording)
    for (const auto& hint : r.known.hints)
      if (seen.size() < settings_.nodes_per_run && seen.insert(hint).second) r.to_find.push_back(hint);
  std::ranges::reverse(r.to_find);
}

void resolve_logic::more_finds(run& r, effects& out) {
  const auto id = by_subject_.at(r.about);
  while (!r.to_find.empty() && r.finds.size() < settings_.finds_per_run) {
    const auto request = next_id_++;
    r.finds[request] = r.to_find.back();
    by_request_[request] = id;
    out.emplace_back(send_find{request, r.to_find.back()});
    r.to_find.pop_back();
  }
}

resolve_logic::effects resolve_logic::on_leaves(const fb::DhtGetResult& result, nanoseconds now,
                                                std::uint64_t unix_s) {
  effects out;
  const auto request = by_request_.find(result.id());
  if (request == by_request_.end()) {
    ++counters_.late_leaves;
    return out;
  }
  const auto id = request->second;
  auto& r = runs_.at(id);
  if (r.get_id != result.id()) return out;
  by_request_.erase(request);
  r.get_id = 0;
  take_leaves(r, result, unix_s);
  plan_finds(r);
  r.deadline = std::min(r.deadline, now + settings_.contacts_within);
  more_finds(r, out);
  progress(id, now, out);
  return out;
}

resolve_logic::effects resolve_logic::on_contacts(const fb::DhtFindResult& result, nanoseconds now) {
  effects out;
  const auto request = by_request_.find(result.id());
  if (request == by_request_.end()) {
    ++counters_.late_contacts;
    return out;
  }
  const auto id = request->second;
  auto& r = runs_.at(id);
  const auto find = r.finds.find(result.id());
  if (find == r.finds.end()) return out;
  const auto target = find->second;
  r.finds.erase(find);
  by_request_.erase(request);
  if (result.contacts() != nullptr)
    for (const auto* raw : *result.contacts()) {
      const auto c = from_fb(*raw);
      if (!matches(c.id, target) || c.id == self_) continue;
      r.known.contacts.emplace(c.id, c);
      break;
    }
  more_finds(r, out);
  progress(id, now, out);
  return out;
}

void resolve_logic::progress(std::uint64_t id, nanoseconds now, effects& out) {
  auto& r = runs_.at(id);
  if (r.get_id == 0 && r.finds.empty() && r.to_find.empty()) finish(r, now, out);
}

void resolve_logic::finish(run& r, nanoseconds now, effects& out) {
  remember(r, now);
  auto answer = answer_of(r.about, r.known);
  answer.elapsed_us = microseconds(now - r.started);
  out.emplace_back(give_answer{std::move(r.askers), std::move(answer)});
  if (r.get_id != 0) by_request_.erase(r.get_id);
  for (const auto& [request, target] : r.finds) by_request_.erase(request);
  const auto at = by_subject_.find(r.about);
  runs_.erase(at->second);
  by_subject_.erase(at);
}

resolve_logic::effects resolve_logic::on_deadline(nanoseconds now) {
  effects out;
  std::vector<std::uint64_t> over;
  for (const auto& [id, r] : runs_)
    if (r.deadline <= now) over.push_back(id);
  for (const auto id : over) finish(runs_.at(id), now, out);
  return out;
}

resolve_logic::effects resolve_logic::ask_again() {
  effects out;
  for (const auto& [id, r] : runs_) {
    if (r.get_id != 0) out.emplace_back(send_get{r.get_id, *home_of(r.about.first, r.about.second)});
    for (const auto& [request, target] : r.finds) out.emplace_back(send_find{request, target});
  }
  return out;
}

std::optional<nanoseconds> resolve_logic::next_deadline() const {
  std::optional<nanoseconds> out;
  for (const auto& [id, r] : runs_)
    if (!out || r.deadline < *out) out = r.deadline;
  return out;
}

fb::ResolveResultT resolve_logic::answer_of(const subject& about, const knowledge& known) const {
  fb::ResolveResultT out;
  out.mbid = box(about.second);
  out.kind = about.first;
  out.tracks = known.tracks;
  out.publishers = known.publishers;
  out.replicas = known.replicas;
  out.asked = known.asked;
  const auto locate = [&](fb::CandidateT& to, const node_id& node) {
    if (const auto at = known.contacts.find(node); at != known.contacts.end()) to.contact = box(at->second);
  };
  for (const auto& c : known.candidates) {
    auto next = std::make_unique<fb::CandidateT>();
    next->publisher = box(c.publisher);
    next->node = box(c.node);
    next->variant = box(c.variant);
    next->issued_at_s = c.issued_at_s;
    next->duration_ms = c.duration_ms;
    if (c.sketch) next->sketch = std::make_unique<fb::Sketch>(*c.sketch);
    locate(*next, c.node);
    out.candidates.push_back(std::move(next));
  }
  // Known by hint alone: which variant they serve is for them to say, so they come last and without one.
  for (const auto& hint : known.hints)
    for (const auto& [node, where] : known.contacts) {
      if (!matches(node, hint)) continue;
      auto next = std::make_unique<fb::CandidateT>();
      next->node = box(node);
      next->contact = box(where);
      out.candidates.push_back(std::move(next));
    }
  return out;
}

}  // namespace vsf::shadow_index
