#include <algorithm>

#include "actors/soulseek/downloads.hpp"

namespace vsf::soulseek {

namespace {

using state = fb::SoulseekTransferState;

bool is_final(state s) { return s == state::completed || s == state::failed || s == state::cancelled; }

}  // namespace

result<downloads::row*> downloads::command_row(transfer_id id) {
  auto* r = row_of(id);
  if (r == nullptr)
    return fail("There is no download " + std::to_string(id) + ": the list shows which there are.");
  if (r->finishing)
    return fail("All of " + r->kept.name + " is here and it is being finished: wait a moment.");
  return r;
}

result<downloads::effects> downloads::pause(nanoseconds now, transfer_id id) {
  auto found = command_row(id);
  if (!found) return tl::unexpected(found.error());
  auto& r = **found;
  effects out;
  if (is_final(r.kept.state))
    return fail(r.kept.name + " is at its end: only a running or waiting one is paused.");
  if (r.kept.state == state::paused) return out;
  stop_running(r, out);
  enter(now, r, state::paused, nanoseconds(-1), out);
  keep(r, true, out);
  ask(now, r.kept.user, out);
  ask_held_back(now, out);
  return out;
}

result<downloads::effects> downloads::resume(nanoseconds now, transfer_id id) {
  auto found = command_row(id);
  if (!found) return tl::unexpected(found.error());
  auto& r = **found;
  if (r.kept.state != state::paused) return fail(r.kept.name + " is not paused.");
  effects out;
  queue(now, r, nanoseconds(0), out);
  keep(r, false, out);
  return out;
}

result<downloads::effects> downloads::cancel(nanoseconds now, transfer_id id) {
  auto found = command_row(id);
  if (!found) return tl::unexpected(found.error());
  auto& r = **found;
  if (is_final(r.kept.state)) return fail(r.kept.name + " is at its end already: clear it to forget it.");
  effects out;
  const auto name = r.kept.user;
  stop_running(r, out);
  drop_partial(r, false, out);
  r.kept.refusal = 0;
  r.kept.reason.clear();
  enter(now, r, state::cancelled, nanoseconds(-1), out);
  keep(r, false, out);
  ask(now, name, out);
  ask_held_back(now, out);
  forget_surplus(out);
  return out;
}

result<downloads::effects> downloads::retry(nanoseconds now, transfer_id id) {
  auto found = command_row(id);
  if (!found) return tl::unexpected(found.error());
  auto& r = **found;
  auto& k = r.kept;
  const bool waits = k.state == state::queued && r.due >= nanoseconds(0);
  if (!waits && k.state != state::failed && k.state != state::cancelled)
    return fail(k.name + " has not failed: there is nothing to retry.");
  effects out;
  if (!waits) {
    const auto& first = *k.sources.front();
    if (row_of(first.user, first.path) != nullptr)
      return fail(k.name + " of " + first.user + " is being fetched by another download already.");
    if (order_.size() >= how_.max_unfinished)
      return fail("There are " + std::to_string(order_.size()) +
                  " unfinished downloads already: wait for some.");
    if (k.user != first.user || k.path != first.path) drop_partial(r, true, out);
    k.user = first.user;
    k.path = first.path;
    k.source = 0;
    k.raw = false;
  }
  r.attempts = r.read_errors = 0;
  r.crashed_at.reset();
  k.refusal = 0;
  k.reason.clear();
  queue(now, r, nanoseconds(0), out);
  keep(r, false, out);
  return out;
}

/// An order below that of whoever is at `place`, and above the one before; spreads all when there is none.
std::uint64_t downloads::order_at(std::size_t place, effects& out) {
  constexpr std::uint64_t step = std::uint64_t{1} << 20;
  for (int spread = 0;; ++spread) {
    auto it = order_.begin();
    std::uint64_t before = 0;
    for (std::size_t i = 0; i < place && it != order_.end(); ++i, ++it) before = it->first;
    if (it == order_.end()) return last_order_ += step;
    if (it->first - before >= 2 || spread > 0) return before + (it->first - before) / 2;
    std::vector<transfer_id> all;
    for (const auto& [order, id] : order_) all.push_back(id);
    std::uint64_t next = last_order_;  // above all others, so that none has two
    for (const auto id : all) {
      auto& r = rows_.at(id);
      auto& u = users_[r.kept.user];
      const place_in_order old{r.kept.order, id};
      r.kept.order = next += step;
      order_.erase(old);
      order_.emplace(r.kept.order, id);
      if (u.waiting.erase(old) != 0) u.waiting.emplace(r.kept.order, id);
      if (held_back_.erase(old) != 0) held_back_.emplace(r.kept.order, id);
      keep(r, false, out);
    }
    last_order_ = next;
  }
}

result<downloads::effects> downloads::move(nanoseconds now, transfer_id id, std::size_t place) {
  auto found = command_row(id);
  if (!found) return tl::unexpected(found.error());
  auto& r = **found;
  auto& k = r.kept;
  if (is_final(k.state)) return fail(k.name + " is at its end: it has no place in the queue.");
  effects out;
  order_.erase({k.order, id});
  auto& u = users_[k.user];
  const bool waits = u.waiting.erase({k.order, id}) != 0;
  const bool held = held_back_.erase({k.order, id}) != 0;
  k.order = order_at(place, out);
  order_.emplace(k.order, id);
  if (waits) u.waiting.emplace(k.order, id);
  if (held) held_back_.emplace(k.order, id);
  keep(r, false, out);
  changed(now, r, out);
  return out;
}

result<downloads::effects> downloads::clear(nanoseconds, transfer_id id) {
  auto found = command_row(id);
  if (!found) return tl::unexpected(found.error());
  if (!is_final((*found)->kept.state))
    return fail((*found)->kept.name + " is not finished: cancel it first.");
  effects out;
  forget(id, out);
  return out;
}

downloads::effects downloads::set_limits(nanoseconds now, std::size_t max_running,
                                         std::size_t max_running_per_user) {
  how_.max_running = std::max<std::size_t>(max_running, 1);
  how_.max_running_per_user = std::max<std::size_t>(max_running_per_user, 1);
  effects out;
  ask_held_back(now, out);
  return out;
}

}  // namespace vsf::soulseek
