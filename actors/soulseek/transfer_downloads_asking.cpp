#include <algorithm>

#include "actors/soulseek/downloads.hpp"
#include "actors/soulseek/transfer_naming.hpp"

namespace vsf::soulseek {

namespace {

using state = fb::SoulseekTransferState;

constexpr std::chrono::nanoseconds none{-1};
constexpr std::chrono::nanoseconds link_wait = std::chrono::seconds(10);

/// Worth another try at once when its user comes online.
bool is_absence(refusal why) {
  return why == refusal::unreachable || why == refusal::no_answer || why == refusal::stalled ||
         why == refusal::broken_off || why == refusal::offline || why == refusal::remote_failed ||
         why == refusal::shutting_down;
}

bool is_limit(refusal why) { return why == refusal::too_many_files || why == refusal::too_many_megabytes; }

}  // namespace

void downloads::want_link(nanoseconds now, const std::string& name, effects& out) {
  auto& u = users_[name];
  if (u.link_due >= nanoseconds(0)) return;
  u.link_due = now + how_.link_timeout;
  link_due_.emplace(u.link_due, name);
  out.emplace_back(need_link{name});
}

void downloads::ask(nanoseconds now, const std::string& name, effects& out) {
  const auto it = users_.find(name);
  if (it == users_.end()) return;
  auto& u = it->second;
  if (u.status == presence::offline || u.waiting.empty() || u.asked.size() >= how_.max_asked_per_user) return;
  if (!u.linked) {
    want_link(now, name, out);
    return;
  }
  while (!u.waiting.empty() && u.asked.size() < how_.max_asked_per_user) {
    auto& r = rows_.at(u.waiting.begin()->second);
    r.silent = 0;
    enter(now, r, state::requested, now + how_.poll, out);
    say_asked(now, r, out);
  }
}

void downloads::say_asked(nanoseconds, row& r, effects& out) {
  ++counters_.asked;
  if (r.kept.raw) ++counters_.asked_raw;
  ++counters_.places_asked;
  r.unanswered = true;
  const auto path = wire_path(r);
  out.emplace_back(say{r.kept.user, said::queue_upload{path}});
  out.emplace_back(say{r.kept.user, said::place_request{path}});
}

/// A queue that does not know us any more doesn't say so: after a poll without an answer it is asked anew.
void downloads::poll(nanoseconds now, row& r, effects& out) {
  auto& u = users_[r.kept.user];
  if (!u.linked) {
    set_due(r, now + link_wait);
    want_link(now, r.kept.user, out);
    return;
  }
  if (r.unanswered && ++r.silent >= how_.silent_polls) {
    set_back(now, r, refusal::no_answer, {}, out);
    return;
  }
  set_due(r, now + how_.poll);
  if (r.unanswered) {
    say_asked(now, r, out);
    return;
  }
  ++counters_.places_asked;
  r.unanswered = true;
  out.emplace_back(say{r.kept.user, said::place_request{wire_path(r)}});
}

void downloads::queue(nanoseconds now, row& r, nanoseconds wait, effects& out) {
  // Spread by id: files that failed together don't all come back together.
  const auto spread = wait / 10 * static_cast<std::int64_t>(r.kept.id % 16) / 16;
  enter(now, r, state::queued, wait > nanoseconds(0) ? now + wait + spread : none, out);
  ask(now, r.kept.user, out);
}

void downloads::try_later(nanoseconds now, row& r, nanoseconds wait, effects& out) {
  if (++r.attempts >= how_.attempts_per_source && next_source(now, r, out)) return;
  const auto why = static_cast<refusal>(r.kept.refusal);
  const bool in_vain = why == refusal::no_answer || why == refusal::stalled || why == refusal::broken_off ||
                       why == refusal::remote_failed;
  if (in_vain && r.attempts >= how_.attempts_in_vain) {
    give_up(now, r, out);
    return;
  }
  queue(now, r, wait, out);
}

void downloads::set_back(nanoseconds now, row& r, refusal why, const std::string& text, effects& out) {
  stop_running(r, out);
  auto& k = r.kept;
  k.refusal = static_cast<std::uint8_t>(why);
  k.reason = shown_reason(text.empty() ? text_of(why) : std::string_view(text));
  switch (why) {
    case refusal::queued:
      enter(now, r, state::waiting, now + how_.poll, out);
      break;
    case refusal::not_shared:
      // Whoever gave a part of it shares it: a client that was just restarted may not have listed its files
      // yet.
      if (k.done > 0 && ++r.read_errors < how_.read_error_attempts) {
        queue(now, r, how_.retry_unlisted, out);
        break;
      }
      if (k.raw || !as_latin1(k.path)) {
        give_up(now, r, out);
        break;
      }
      k.raw = true;  // its owner may know it by latin-1 bytes
      keep(r, false, out);
      queue(now, r, nanoseconds(0), out);
      break;
    case refusal::remote_failed:
      // At once, but not for ever: two clients that fail each other would spin.
      if (r.crashed_at && *r.crashed_at >= k.done) {
        try_later(now, r, how_.retry, out);
        break;
      }
      r.crashed_at = k.done;
      queue(now, r, nanoseconds(0), out);
      break;
    case refusal::too_many_files:
    case refusal::too_many_megabytes:
    case refusal::shutting_down:
      try_later(now, r, how_.retry_limited, out);
      break;
    case refusal::read_error:
      ++r.read_errors < how_.read_error_attempts ? queue(now, r, how_.retry_limited, out)
                                                 : give_up(now, r, out);
      break;
    case refusal::unreachable:
    case refusal::no_answer:
    case refusal::stalled:
    case refusal::broken_off:
    case refusal::offline:
      try_later(now, r, how_.retry, out);
      break;
    default:
      give_up(now, r, out);
  }
}

void downloads::give_up(nanoseconds now, row& r, effects& out) {
  const auto why = static_cast<refusal>(r.kept.refusal);
  const bool ours = why == refusal::disk || why == refusal::unfit_size;
  if (!ours && next_source(now, r, out)) return;
  const auto name = r.kept.user;
  ++counters_.failed;
  enter(now, r, state::failed, none, out);
  keep(r, true, out);
  out.emplace_back(note{r.kept.name + " from " + name + " failed: " + r.kept.reason});
  ask(now, name, out);
  forget_surplus(out);
}

/// The same name and size need not be the same bytes: what is there of one user is never continued by
/// another.
bool downloads::next_source(nanoseconds now, row& r, effects& out) {
  auto& k = r.kept;
  for (auto next = k.source + 1; next < k.sources.size(); ++next) {
    const auto to = *k.sources[next];
    if (row_of(to.user, to.path) != nullptr) continue;
    ++counters_.next_sources;
    drop_partial(r, true, out);
    leave(r);
    set_due(r, none);
    k.state = state::paused;  // in no count while it moves
    const auto from = k.user;
    unindex(r);
    k.user = to.user;
    k.path = to.path;
    k.source = next;
    k.raw = false;
    r.attempts = r.read_errors = 0;
    r.crashed_at.reset();
    if (users_.count(to.user) == 0) out.emplace_back(watch{to.user, true});
    index(r);
    user_done(from, out);
    keep(r, false, out);
    queue(now, r, nanoseconds(0), out);
    ask(now, from, out);
    return true;
  }
  return false;
}

/// Their users offered them when we had no room.
void downloads::ask_held_back(nanoseconds now, effects& out) {
  auto room = how_.max_running > running_ ? how_.max_running - running_ : 0;
  if (room == 0 || held_back_.empty()) return;
  std::vector<transfer_id> turns;
  std::map<std::string, std::size_t> of_user;
  for (const auto& [order, id] : held_back_) {
    if (turns.size() >= room) break;
    const auto& name = rows_.at(id).kept.user;
    if (running_of(name) + of_user[name] >= how_.max_running_per_user) continue;
    ++of_user[name];
    turns.push_back(id);
  }
  for (const auto id : turns) {
    auto& r = rows_.at(id);
    held_back_.erase({r.kept.order, id});
    r.held_back = false;
    r.unanswered = true;  // asks anew: some clients forget what was refused
    poll(now, r, out);
  }
}

/// One less in its user's queue: what was too many may fit now.
void downloads::retry_limited(nanoseconds now, const std::string& name, effects& out) {
  const auto it = users_.find(name);
  if (it == users_.end()) return;
  for (const auto id : std::set<transfer_id>(it->second.unfinished)) {
    auto& r = rows_.at(id);
    if (r.kept.state != state::queued || r.due < nanoseconds(0) ||
        !is_limit(static_cast<refusal>(r.kept.refusal)))
      continue;
    ++counters_.retries;
    queue(now, r, nanoseconds(0), out);
  }
}

void downloads::due_now(nanoseconds now, row& r, effects& out) {
  switch (r.kept.state) {
    case state::queued:
      ++counters_.retries;
      queue(now, r, nanoseconds(0), out);
      break;
    case state::requested:
    case state::waiting:
      poll(now, r, out);
      break;
    case state::starting:
      set_back(now, r, refusal::no_answer, {}, out);
      break;
    case state::transferring:
      set_back(now, r, refusal::stalled, {}, out);
      break;
    default:
      set_due(r, none);
  }
}

downloads::effects downloads::link_up(nanoseconds now, const std::string& name) {
  effects out;
  const auto it = users_.find(name);
  if (it == users_.end()) return out;
  auto& u = it->second;
  link_due_.erase({u.link_due, name});
  u.link_due = none;
  u.linked = true;
  for (const auto id : std::set<transfer_id>(u.asked)) {
    auto& r = rows_.at(id);
    if (r.due <= now + link_wait) poll(now, r, out);  // waited for the link
  }
  ask(now, name, out);
  return out;
}

downloads::effects downloads::link_down(nanoseconds now, const std::string& name) {
  effects out;
  const auto it = users_.find(name);
  if (it == users_.end()) return out;
  auto& u = it->second;
  u.linked = false;  // what was asked stays in the other's queue
  // Unless the link ended before it was read: some clients end theirs after each search result.
  for (const auto id : std::set<transfer_id>(u.asked)) {
    auto& r = rows_.at(id);
    if (r.unanswered && r.due > now + how_.poll - link_wait) poll(now, r, out);
  }
  ask(now, name, out);
  return out;
}

void downloads::link_lost(nanoseconds now, const std::string& name, effects& out) {
  const auto it = users_.find(name);
  if (it == users_.end()) return;
  auto& u = it->second;
  link_due_.erase({u.link_due, name});
  u.link_due = none;
  u.linked = false;
  for (const auto id : std::set<transfer_id>(u.asked)) set_due(rows_.at(id), now + how_.poll);
  std::vector<transfer_id> waiting;
  for (const auto& [order, id] : u.waiting) waiting.push_back(id);
  for (const auto id : waiting) users_[name].waiting.erase({rows_.at(id).kept.order, id});
  for (const auto id : waiting) set_back(now, rows_.at(id), refusal::unreachable, {}, out);
}

downloads::effects downloads::link_failed(nanoseconds now, const std::string& name) {
  effects out;
  link_lost(now, name, out);
  return out;
}

downloads::effects downloads::user_status(nanoseconds now, const std::string& name, presence how) {
  effects out;
  const auto it = users_.find(name);
  if (it == users_.end()) return out;
  const auto before = std::exchange(it->second.status, how);
  const auto all = std::set<transfer_id>(it->second.unfinished);
  for (const auto id : all) {
    auto& r = rows_.at(id);
    const auto s = r.kept.state;
    if (how == presence::offline && (s == state::requested || s == state::waiting || s == state::starting)) {
      stop_running(r, out);
      r.kept.refusal = static_cast<std::uint8_t>(refusal::offline);
      r.kept.reason = text_of(refusal::offline);
      queue(now, r, nanoseconds(0), out);  // ask() waits for the user
    } else if (how == presence::online && before != how && s == state::queued && r.due >= nanoseconds(0) &&
               is_absence(static_cast<refusal>(r.kept.refusal))) {
      ++counters_.retries;
      queue(now, r, nanoseconds(0), out);
    }
  }
  ask(now, name, out);
  ask_held_back(now, out);
  return out;
}

downloads::effects downloads::session_began() {
  effects out;
  for (auto& [name, u] : users_) {
    u.status = presence::unknown;
    if (!u.unfinished.empty()) out.emplace_back(watch{name, true});
  }
  return out;
}

downloads::effects downloads::tick(nanoseconds now) {
  effects out;
  while (!due_.empty() && due_.begin()->first <= now) {
    auto& r = rows_.at(due_.begin()->second);
    set_due(r, none);
    due_now(now, r, out);
  }
  while (!link_due_.empty() && link_due_.begin()->first <= now)
    link_lost(now, std::string(link_due_.begin()->second), out);
  while (!tell_due_.empty() && tell_due_.begin()->first <= now) {
    const auto id = tell_due_.begin()->second;
    tell_due_.erase(tell_due_.begin());
    tell_now(now, rows_.at(id), out);
  }
  ask_held_back(now, out);
  return out;
}

}  // namespace vsf::soulseek
