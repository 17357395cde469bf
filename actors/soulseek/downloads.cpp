#include "actors/soulseek/downloads.hpp"

#include <algorithm>

#include "actors/soulseek/transfer_naming.hpp"

namespace vsf::soulseek {

namespace {

using state = fb::SoulseekTransferState;

constexpr std::uint64_t order_step = std::uint64_t{1} << 20;  // so many can be moved between two neighbours
constexpr std::uint64_t id_bound = std::uint64_t{1} << 52;
constexpr std::size_t max_page = 1000;
constexpr std::size_t max_attributes = 8;

bool is_final(state s) { return s == state::completed || s == state::failed || s == state::cancelled; }
bool is_running(state s) { return s == state::starting || s == state::transferring; }
bool is_asked(state s) { return s == state::requested || s == state::waiting; }

}  // namespace

downloads::downloads(options how) : how_(how) {
  how_.max_running = std::max<std::size_t>(how_.max_running, 1);
  how_.max_running_per_user = std::max<std::size_t>(how_.max_running_per_user, 1);
  how_.max_asked_per_user = std::max<std::size_t>(how_.max_asked_per_user, 1);
  how_.max_finished = std::max<std::size_t>(how_.max_finished, 1);
}

downloads::row* downloads::row_of(transfer_id id) {
  const auto it = rows_.find(id);
  return it == rows_.end() ? nullptr : &it->second;
}

downloads::row* downloads::row_of(const std::string& name, const std::string& path) {
  const auto it = by_path_.find({name, path});
  return it == by_path_.end() ? nullptr : row_of(it->second);
}

downloads::row* downloads::row_on(connection_number connection) {
  const auto it = connections_.find(connection);
  return it == connections_.end() ? nullptr : row_of(it->second);
}

void downloads::index(row& r) {
  const auto& k = r.kept;
  by_path_[{k.user, k.path}] = k.id;
  order_.emplace(k.order, k.id);
  auto& u = users_[k.user];
  u.unfinished.insert(k.id);
  if (k.state == state::queued && r.due < nanoseconds(0)) u.waiting.emplace(k.order, k.id);
}

void downloads::unindex(row& r) {
  const auto& k = r.kept;
  if (const auto it = by_path_.find({k.user, k.path}); it != by_path_.end() && it->second == k.id)
    by_path_.erase(it);
  order_.erase({k.order, k.id});
  held_back_.erase({k.order, k.id});
  auto& u = users_[k.user];
  u.unfinished.erase(k.id);
  u.asked.erase(k.id);
  u.waiting.erase({k.order, k.id});
}

/// Out of what counts rows of its state.
void downloads::leave(row& r) {
  const auto& k = r.kept;
  auto& u = users_[k.user];
  u.asked.erase(k.id);
  u.waiting.erase({k.order, k.id});
  held_back_.erase({k.order, k.id});
  if (!is_running(k.state)) return;
  --running_;
  --u.running;
}

/// The one way from state to state: keeps the indexes and the counts.
void downloads::enter(nanoseconds now, row& r, state to, nanoseconds due, effects& out) {
  auto& k = r.kept;
  const auto from = k.state;
  const bool was_final = is_final(from);
  if (!was_final) leave(r);
  r.held_back = false;
  if (!is_asked(to)) r.place = 0;
  k.state = to;
  set_due(r, due);
  if (is_final(to) != was_final) {
    was_final ? static_cast<void>(ended_.erase({k.order, k.id})) : unindex(r);
    k.order = last_order_ += order_step;
    is_final(to) ? static_cast<void>(ended_.emplace(k.order, k.id)) : index(r);
  }
  if (is_final(to)) {
    user_done(k.user, out);
  } else {
    auto& u = users_[k.user];
    if (u.unfinished.size() == 1 && was_final) out.emplace_back(watch{k.user, true});
    if (is_asked(to)) u.asked.insert(k.id);
    if (to == state::queued && due < nanoseconds(0)) u.waiting.emplace(k.order, k.id);
    if (is_running(to)) {
      ++running_;
      ++u.running;
    }
  }
  tell_now(now, r, out);
}

void downloads::user_done(const std::string& name, effects& out) {
  const auto it = users_.find(name);
  if (it == users_.end() || !it->second.unfinished.empty()) return;
  link_due_.erase({it->second.link_due, name});
  out.emplace_back(watch{name, false});
  users_.erase(it);
}

void downloads::set_due(row& r, nanoseconds due) {
  if (r.due >= nanoseconds(0)) due_.erase({r.due, r.kept.id});
  r.due = due;
  if (due >= nanoseconds(0)) due_.emplace(due, r.kept.id);
}

void downloads::tell_now(nanoseconds now, row& r, effects& out) {
  if (r.told) tell_due_.erase({*r.told + how_.event_interval, r.kept.id});
  r.told = now;
  out.emplace_back(tell{describe(now, r)});
  if (now - r.rate_since > std::chrono::seconds(5)) {
    r.rate_last = out.empty() ? 0 : std::get<tell>(out.back()).how.rate_bytes_per_s;
    r.rate_since = now;
    r.rate_from = r.kept.done;
  }
}

void downloads::changed(nanoseconds now, row& r, effects& out) {
  if (!r.told || now - *r.told >= how_.event_interval)
    tell_now(now, r, out);
  else
    tell_due_.emplace(*r.told + how_.event_interval, r.kept.id);
}

/// What is stored as done is never more than what was synced.
void downloads::keep(row& r, bool sync, effects& out) {
  auto& k = r.kept;
  if (sync) r.stored_done = k.done;
  const auto done = std::exchange(k.done, r.stored_done);
  out.emplace_back(
      store{record<fb::SoulseekDownload>::pack(k), sync && k.begun, partial_name(k.id, k.generation)});
  k.done = done;
}

void downloads::drop_partial(row& r, bool aside, effects& out) {
  auto& k = r.kept;
  if (!k.begun) return;
  const auto name = partial_name(k.id, k.generation);
  if (aside && k.done > 0) {
    ++counters_.partials_set_aside;
    out.emplace_back(set_aside{name});
  } else {
    out.emplace_back(discard{name});
  }
  ++k.generation;
  k.begun = false;
  k.done = r.stored_done = r.admitted = 0;
}

void downloads::forget(transfer_id id, effects& out) {
  const auto it = rows_.find(id);
  auto& r = it->second;
  auto& k = r.kept;
  if (k.state != state::completed) drop_partial(r, false, out);
  ended_.erase({k.order, id});
  if (const auto done = completed_.find({k.user, k.path}); done != completed_.end() && done->second == id)
    completed_.erase(done);
  set_due(r, nanoseconds(-1));
  if (r.told) tell_due_.erase({*r.told + how_.event_interval, id});
  rows_.erase(it);
  out.emplace_back(erase{id});
}

void downloads::forget_surplus(effects& out) {
  while (ended_.size() > how_.max_finished) {
    ++counters_.finished_forgotten;
    forget(ended_.begin()->second, out);
  }
}

std::string downloads::wire_path(const row& r) const {
  if (!r.kept.raw) return r.kept.path;
  return as_latin1(r.kept.path).value_or(r.kept.path);
}

void downloads::restore(fb::SoulseekDownloadT read, std::optional<std::uint64_t> partial_bytes) {
  if (read.id == 0 || read.user.empty() || read.path.empty() || read.name.empty() || row_of(read.id)) return;
  if (read.state > state::cancelled) return;
  if (!is_final(read.state) && row_of(read.user, read.path) != nullptr) return;
  auto& r = rows_[read.id];
  auto& k = r.kept;
  k = std::move(read);
  if (k.sources.empty() || k.source >= k.sources.size()) {
    k.sources.clear();
    k.sources.push_back(std::make_unique<fb::SoulseekSourceT>());
    k.sources.back()->user = k.user;
    k.sources.back()->path = k.path;
    k.source = 0;
  }
  last_order_ = std::max(last_order_, k.order);
  if (k.state == state::completed) completed_[{k.user, k.path}] = k.id;
  if (is_final(k.state)) {
    ended_.emplace(k.order, k.id);
    return;
  }
  if (k.state != state::paused) k.state = state::queued;
  if (!k.begun || !partial_bytes) k.done = 0;
  if (k.done > 0) k.done = std::min({k.done, *partial_bytes, k.size});
  r.stored_done = k.done;
  index(r);
}

downloads::effects downloads::start(nanoseconds now) {
  effects out;
  forget_surplus(out);
  std::vector<std::string> names;
  for (const auto& [name, u] : users_) names.push_back(name);
  for (const auto& name : names) {
    out.emplace_back(watch{name, true});
    ask(now, name, out);
  }
  return out;
}

/// Whether one was added.
bool downloads::add_sources(fb::SoulseekDownloadT& k, const std::vector<source>& others) {
  bool grew = false;
  for (const auto& other : others) {
    const bool known = std::any_of(k.sources.begin(), k.sources.end(), [&](const auto& s) {
      return s->user == other.user && s->path == other.path;
    });
    if (known) continue;
    if (other.user.empty() || other.user.size() > max_user_bytes || other.path.size() > max_path_bytes ||
        k.sources.size() >= how_.max_sources || !same_file(k.path, k.size, other.path, other.size_bytes)) {
      ++counters_.sources_unfit;
      continue;
    }
    k.sources.push_back(std::make_unique<fb::SoulseekSourceT>());
    k.sources.back()->user = other.user;
    k.sources.back()->path = other.path;
    grew = true;
  }
  return grew;
}

result<downloads::added> downloads::add(nanoseconds now, std::uint64_t unix_ms, const wanted& what,
                                        crypto::random_source& random) {
  const auto refuse = [&](std::string why) {
    ++counters_.add_refused;
    return fail(std::move(why));
  };
  const auto& from = what.from;
  if (from.user.empty() || from.user.size() > max_user_bytes)
    return refuse("A user name has 1 to " + std::to_string(max_user_bytes) + " bytes.");
  if (from.path.empty() || from.path.size() > max_path_bytes)
    return refuse("The path of a file has 1 to " + std::to_string(max_path_bytes) + " bytes.");
  if (from.size_bytes > how_.max_file_bytes)
    return refuse("The file would have " + std::to_string(from.size_bytes) +
                  " bytes: that is more than is taken.");
  added out;
  if (auto* known = row_of(from.user, from.path)) {
    out.id = known->kept.id;
    if (add_sources(known->kept, what.others)) keep(*known, false, out.then);
    return out;
  }
  if (order_.size() >= how_.max_unfinished)
    return refuse("There are " + std::to_string(order_.size()) +
                  " unfinished downloads already: wait for some or cancel them.");
  do out.id = 1 + random.below(id_bound - 1);
  while (rows_.count(out.id) != 0);
  out.is_new = true;
  auto& r = rows_[out.id];
  auto& k = r.kept;
  k.id = out.id;
  k.added_ms = unix_ms;
  k.order = last_order_ += order_step;
  k.user = from.user;
  k.path = from.path;
  k.size = from.size_bytes;
  for (std::size_t i = 0; i < std::min(what.attributes.size(), max_attributes); ++i) {
    k.attributes.push_back(what.attributes[i].first);
    k.attributes.push_back(what.attributes[i].second);
  }
  k.folder = local_folders(from.path, what.keep_folders);
  k.name = local_name(from.path);
  k.sources.push_back(std::make_unique<fb::SoulseekSourceT>());
  k.sources.back()->user = k.user;
  k.sources.back()->path = k.path;
  add_sources(k, what.others);
  ++counters_.added;
  if (users_.count(k.user) == 0) out.then.emplace_back(watch{k.user, true});
  index(r);
  keep(r, false, out.then);
  tell_now(now, r, out.then);
  ask(now, k.user, out.then);
  return out;
}

fb::SoulseekTransferT downloads::describe(nanoseconds now, const row& r) const {
  const auto& k = r.kept;
  fb::SoulseekTransferT out;
  out.id = k.id;
  out.user = k.user;
  out.remote_path = k.path;
  out.file = k.file;
  out.size = k.size;
  out.bytes_done = k.done;
  out.state = k.state;
  out.place = r.place;
  if (k.state != state::completed && k.state != state::transferring) out.reason = k.reason;
  const auto elapsed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - r.rate_since).count();
  if (k.state != state::transferring) return out;
  out.rate_bytes_per_s = r.rate_last;
  if (elapsed_ms >= 1000 && k.done > r.rate_from)
    out.rate_bytes_per_s = (k.done - r.rate_from) * 1000 / static_cast<std::uint64_t>(elapsed_ms);
  return out;
}

std::vector<fb::SoulseekTransferT> downloads::list(nanoseconds now, std::size_t offset,
                                                   std::size_t limit) const {
  std::vector<fb::SoulseekTransferT> out;
  limit = std::min(limit, max_page);
  const auto take = [&](transfer_id id) {
    if (offset > 0) {
      --offset;
    } else if (out.size() < limit) {
      out.push_back(describe(now, rows_.at(id)));
    }
    return out.size() < limit;
  };
  for (const auto& [order, id] : order_)
    if (!take(id)) return out;
  for (auto it = ended_.rbegin(); it != ended_.rend(); ++it)
    if (!take(it->second)) return out;
  return out;
}

std::optional<fb::SoulseekTransferT> downloads::find(nanoseconds now, transfer_id id) const {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return std::nullopt;
  return describe(now, it->second);
}

std::size_t downloads::running_of(const std::string& name) const {
  const auto it = users_.find(name);
  return it == users_.end() ? 0 : it->second.running;
}

std::size_t downloads::asked_of(const std::string& name) const {
  const auto it = users_.find(name);
  return it == users_.end() ? 0 : it->second.asked.size();
}

std::optional<downloads::nanoseconds> downloads::next_deadline() const {
  std::optional<nanoseconds> out;
  const auto earlier = [&](const auto& deadlines) {
    if (!deadlines.empty() && (!out || deadlines.begin()->first < *out)) out = deadlines.begin()->first;
  };
  earlier(due_);
  earlier(tell_due_);
  earlier(link_due_);
  return out;
}

}  // namespace vsf::soulseek
