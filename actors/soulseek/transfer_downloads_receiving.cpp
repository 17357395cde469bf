#include <algorithm>
#include <limits>

#include "actors/soulseek/downloads.hpp"
#include "actors/soulseek/transfer_naming.hpp"

namespace vsf::soulseek {

namespace {

using state = fb::SoulseekTransferState;

constexpr std::chrono::nanoseconds none{-1};
constexpr std::chrono::nanoseconds silence = std::chrono::seconds(10);

bool is_running(state s) { return s == state::starting || s == state::transferring; }

}  // namespace

/// Takes its token and connection away; the state is the caller's.
void downloads::stop_running(row& r, effects& out) {
  if (r.kept.state == state::starting) tokens_.erase({r.kept.user, r.token});
  if (r.connection != 0) {
    connections_.erase(r.connection);
    if (!r.closed) out.emplace_back(close_file{r.connection});
  }
  r.connection = 0;
  r.token = 0;
  r.closed = r.finishing = false;
  r.admitted = r.kept.done;
}

bool downloads::has_room(const row& r) const {
  const std::size_t own = is_running(r.kept.state) ? 1 : 0;
  return running_ - own < how_.max_running && running_of(r.kept.user) - own < how_.max_running_per_user;
}

/// Bytes came lately, or all are here.
bool downloads::still_moves(nanoseconds now, const row& r) const {
  return r.kept.state == state::transferring &&
         (r.finishing || r.closed || r.due - how_.stall + silence > now);
}

/// Whether a file of this size is taken.
bool downloads::take_size(nanoseconds now, row& r, std::uint64_t size_bytes, effects& out) {
  auto& k = r.kept;
  if (size_bytes == 0 || size_bytes == k.size) return true;  // 0: the size known
  if (size_bytes > how_.max_file_bytes) {
    set_back(now, r, refusal::unfit_size, "it would have " + std::to_string(size_bytes) + " bytes", out);
    return false;
  }
  if (k.size != 0) {
    ++counters_.sizes_changed;
    out.emplace_back(note{k.name + " from " + k.user + " has " + std::to_string(size_bytes) + " bytes, not " +
                          std::to_string(k.size) + " as expected"});
  }
  drop_partial(r, true, out);  // whatever it was begun with
  k.size = size_bytes;
  keep(r, false, out);
  return true;
}

void downloads::hear(nanoseconds now, const std::string& from, const said::offer& what, effects& out) {
  const auto deny = [&](refusal why) {
    out.emplace_back(say{from, said::response{what.token, false, std::string(text_of(why))}});
  };
  auto* r = row_of(from, what.path);
  if (r == nullptr || r->kept.state == state::paused) {
    ++counters_.offers_unwanted;
    return deny(completed_.count({from, what.path}) != 0 ? refusal::complete : refusal::cancelled);
  }
  if (still_moves(now, *r)) return deny(refusal::queued);
  const auto other = tokens_.find({from, what.token});
  if (other != tokens_.end() && other->second != r->kept.id) return deny(refusal::cancelled);
  if (!has_room(*r)) {
    ++counters_.offers_held_back;
    deny(refusal::queued);
    stop_running(*r, out);
    enter(now, *r, state::waiting, now + how_.poll, out);
    r->held_back = true;
    held_back_.emplace(r->kept.order, r->kept.id);
    return;
  }
  stop_running(*r, out);  // its user began anew: what it began before is dead
  if (!take_size(now, *r, what.size_bytes, out)) return deny(refusal::cancelled);
  r->token = what.token;
  enter(now, *r, state::starting, now + how_.begin_timeout, out);
  tokens_[{from, what.token}] = r->kept.id;
  out.emplace_back(say{from, said::response{what.token, true, {}}});
  ask(now, from, out);  // one less that is only asked for
}

void downloads::hear(nanoseconds now, const std::string& from, const said::place& what, effects& out) {
  auto* r = row_of(from, what.path);
  if (r == nullptr || (r->kept.state != state::requested && r->kept.state != state::waiting)) {
    ++counters_.ignored;
    return;
  }
  r->unanswered = false;
  r->silent = 0;
  const bool moved = r->place != what.place;
  if (r->kept.state == state::requested) {
    const auto due = r->due;
    r->kept.reason.clear();
    enter(now, *r, state::waiting, due, out);
  }
  r->place = what.place;
  if (moved) changed(now, *r, out);
}

void downloads::hear(nanoseconds now, const std::string& from, const said::upload_failed& what,
                     effects& out) {
  auto* r = row_of(from, what.path);
  // Also after the connection broke: then it tells why.
  const bool fits = r != nullptr && r->kept.state != state::paused && !r->finishing &&
                    (r->kept.state != state::queued ||
                     (r->due >= nanoseconds(0) && r->kept.refusal >= static_cast<int>(refusal::no_answer) &&
                      r->kept.refusal <= static_cast<int>(refusal::broken_off)));
  if (!fits) {
    ++counters_.ignored;
    return;
  }
  ++counters_.remote_failures;
  set_back(now, *r, refusal::remote_failed, {}, out);
}

void downloads::hear(nanoseconds now, const std::string& from, const said::upload_denied& what,
                     effects& out) {
  auto* r = row_of(from, what.path);
  // The answer to a request in latin-1 may come back in it.
  if (r == nullptr || r->finishing || r->kept.state == state::paused || r->kept.state == state::queued) {
    ++counters_.ignored;
    return;
  }
  set_back(now, *r, refusal_of(what.reason), what.reason, out);
}

downloads::effects downloads::message(nanoseconds now, const std::string& from, const said::message& what) {
  effects out;
  if (const auto* m = std::get_if<said::offer>(&what))
    hear(now, from, *m, out);
  else if (const auto* denied = std::get_if<said::upload_denied>(&what))
    hear(now, from, *denied, out);
  else if (const auto* failed = std::get_if<said::upload_failed>(&what))
    hear(now, from, *failed, out);
  else if (const auto* place = std::get_if<said::place>(&what))
    hear(now, from, *place, out);
  else
    ++counters_.ignored;
  ask_held_back(now, out);
  return out;
}

downloads::effects downloads::file_connection(nanoseconds now, connection_number connection,
                                              const std::string& from, std::uint32_t token) {
  effects out;
  const auto it = tokens_.find({from, token});
  if (it == tokens_.end() || connection == 0 || connections_.count(connection) != 0) {
    ++counters_.tokens_unknown;
    out.emplace_back(close_file{connection});
    return out;
  }
  auto& r = rows_.at(it->second);
  auto& k = r.kept;
  tokens_.erase(it);
  connections_[connection] = k.id;
  r.connection = connection;
  r.admitted = k.done;
  r.rate_since = now;
  r.rate_from = k.done;
  r.rate_last = 0;
  if (!k.begun) {
    k.begun = true;
    keep(r, false, out);
  }
  k.refusal = 0;
  k.reason.clear();
  enter(now, r, state::transferring, now + how_.stall, out);
  out.emplace_back(take_file{connection, k.id, partial_name(k.id, k.generation), k.size, k.done});
  if (k.done >= k.size) complete(now, r, out);
  return out;
}

std::size_t downloads::admit(nanoseconds now, connection_number connection, std::size_t count) {
  auto* r = row_on(connection);
  if (r == nullptr) return 0;
  const auto room = r->kept.size - r->admitted;
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(count, room));
  r->admitted += taken;
  counters_.bytes_cut_off += count - taken;
  if (taken > 0) set_due(*r, now + how_.stall);
  return taken;
}

void downloads::held_up(nanoseconds now, connection_number connection) {
  auto* r = row_on(connection);
  if (r != nullptr && !r->closed && !r->finishing) set_due(*r, now + how_.stall);
}

downloads::effects downloads::written(nanoseconds now, connection_number connection, std::uint64_t count) {
  effects out;
  auto* r = row_on(connection);
  if (r == nullptr) return out;
  auto& k = r->kept;
  count = std::min(count, r->admitted - k.done);
  k.done += count;
  counters_.bytes_written += count;
  if (count > 0) {
    r->attempts = r->read_errors = 0;
    set_due(*r, now + how_.stall);
  }
  if (k.done >= k.size) {
    complete(now, *r, out);
  } else if (r->closed && k.done == r->admitted) {
    set_back(now, *r, refusal::broken_off, {}, out);
    keep(*r, true, out);
    ask_held_back(now, out);
  } else {
    if (r->checkpoint == nanoseconds(0)) r->checkpoint = now;
    if (k.done - r->stored_done >= how_.checkpoint_bytes || now - r->checkpoint >= how_.checkpoint_time) {
      r->checkpoint = now;
      keep(*r, true, out);
    }
    changed(now, *r, out);
  }
  return out;
}

downloads::effects downloads::file_closed(nanoseconds now, connection_number connection) {
  effects out;
  auto* r = row_on(connection);
  if (r == nullptr) return out;
  r->closed = true;
  if (r->admitted > r->kept.done) return out;  // written() goes on
  set_back(now, *r, refusal::broken_off, {}, out);
  keep(*r, true, out);
  ask_held_back(now, out);
  return out;
}

void downloads::complete(nanoseconds, row& r, effects& out) {
  stop_running(r, out);
  r.finishing = true;
  set_due(r, none);
  keep(r, true, out);
  out.emplace_back(finish_file{r.kept.id, partial_name(r.kept.id, r.kept.generation), r.kept.size,
                               r.kept.folder, r.kept.name});
}

downloads::effects downloads::file_finished(nanoseconds now, transfer_id id, const std::string& path) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || !r->finishing) return out;
  auto& k = r->kept;
  const auto name = k.user;
  r->finishing = false;
  k.file = path;
  k.begun = false;  // the partial file is no more
  k.refusal = 0;
  k.reason.clear();
  ++counters_.completed;
  enter(now, *r, state::completed, none, out);
  completed_[{name, k.path}] = id;
  keep(*r, true, out);
  retry_limited(now, name, out);
  ask(now, name, out);
  ask_held_back(now, out);
  forget_surplus(out);
  return out;
}

downloads::effects downloads::partial_lost(nanoseconds now, transfer_id id, const std::string& partial) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || r->kept.state != state::transferring) return out;
  if (partial != partial_name(id, r->kept.generation)) return out;  // of an earlier one
  ++counters_.partials_lost;
  stop_running(*r, out);
  drop_partial(*r, false, out);
  keep(*r, false, out);
  queue(now, *r, nanoseconds(0), out);
  ask_held_back(now, out);
  return out;
}

downloads::effects downloads::disk_failed(nanoseconds now, transfer_id id, const std::string& why) {
  effects out;
  auto* r = row_of(id);
  if (r == nullptr || r->kept.state != state::transferring) return out;
  set_back(now, *r, refusal::disk, why, out);
  ask_held_back(now, out);
  return out;
}

}  // namespace vsf::soulseek
