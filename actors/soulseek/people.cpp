#include "actors/soulseek/people.hpp"

#include "actors/soulseek/transfer_types.hpp"

namespace vsf::soulseek {
namespace {

record<fb::SoulseekRow> row_of(const fb::SoulseekKeptPersonT& kept) { return social_row(kept); }

}  // namespace

// ---- Bans and watches

/// What reads as an address is one; users are called otherwise.
result<void> people::ban(const std::string& name) {
  return parse_network(name) ? bans_.add_network(name) : bans_.add_user(name);
}
void people::unban(const std::string& name) {
  if (const auto network = parse_network(name))
    bans_.remove_network(*network);
  else
    bans_.remove_user(name);
}

void people::want_watched(const std::string& user, bool seen::*why, bool on, social_effects* out) {
  auto it = watched_.find(user);
  const bool before = it != watched_.end();
  if (!before && !on) return;
  if (!before) it = watched_.emplace(user, seen{}).first;
  it->second.*why = on;
  const bool wanted = it->second.buddy || it->second.by_others;
  if (!wanted) watched_.erase(it);
  if (wanted != before && online_ && out != nullptr)
    out->emplace_back(
        tell_server{wanted ? encode(to_server::watch_user{user}) : encode(to_server::unwatch_user{user})});
}

void people::watch(const std::string& user, bool on, social_effects& out) {
  want_watched(user, &seen::by_others, on, &out);
}

/// The server forgets with each session whom it told of.
void people::on_online(social_effects& out) {
  online_ = true;
  for (const auto& [user, s] : watched_) out.emplace_back(tell_server{encode(to_server::watch_user{user})});
}

void people::on_offline() {
  online_ = false;
  for (auto& [user, s] : watched_) s.stats.status = fb::SoulseekPresence::unknown;
}

// ---- What is set

std::vector<std::string> people::configure(const std::vector<std::string>& buddies,
                                           const std::vector<std::string>& banned) {
  std::vector<std::string> unfit;
  for (const auto& name : buddies) {
    auto& r = rows_[name];
    r.kept.name = name;
    r.kept.buddy = r.configured_buddy = true;
    want_watched(name, &seen::buddy, true, nullptr);
  }
  for (const auto& name : banned) {
    if (const auto added = ban(name); !added) {
      unfit.push_back(added.error().message);
      continue;
    }
    auto& r = rows_[name];
    r.kept.name = name;
    r.kept.banned = r.configured_ban = true;
  }
  return unfit;
}

void people::restore(const fb::SoulseekKeptPersonT& kept) {
  if (kept.name.empty() || (rows_.size() >= max_people && !rows_.contains(kept.name))) return;
  if (kept.banned && !ban(kept.name)) return;
  auto& r = rows_[kept.name];
  r.kept = kept;
  r.kept.buddy = r.kept.buddy || r.configured_buddy;
  r.kept.banned = r.kept.banned || r.configured_ban;
  if (r.kept.buddy) want_watched(kept.name, &seen::buddy, true, nullptr);
}

result<void> people::set(const fb::SoulseekPersonSetT& what, social_effects& out) {
  if (what.name.empty() || what.name.size() > max_user_bytes)
    return fail("A user name has 1 to " + std::to_string(max_user_bytes) + " bytes.");
  if (what.note.size() > max_note_bytes)
    return fail("A note has at most " + std::to_string(max_note_bytes) + " bytes.");
  if (parse_network(what.name) && (what.buddy.value_or(false) || what.ignored.value_or(false)))
    return fail(what.name + " is an address or network: it can be banned, nothing else.");
  const auto it = rows_.find(what.name);
  if (it != rows_.end() && ((it->second.configured_buddy && !what.buddy.value_or(true)) ||
                            (it->second.configured_ban && !what.banned.value_or(true))))
    return fail(what.name +
                " is named in soulseek.buddies or soulseek.banned of the configuration: change it "
                "there and start the node again.");
  if (it == rows_.end() && rows_.size() >= max_people)
    return fail("There are " + std::to_string(max_people) + " people already: forget some first.");
  auto next = it == rows_.end() ? row{} : it->second;
  next.kept.name = what.name;
  next.kept.buddy = what.buddy.value_or(next.kept.buddy);
  next.kept.banned = what.banned.value_or(next.kept.banned);
  next.kept.ignored = what.ignored.value_or(next.kept.ignored);
  if (!what.note.empty()) next.kept.note = what.note;
  if (!next.set()) {
    if (it == rows_.end()) return fail("Say what " + what.name + " is to be: buddy, banned or ignored.");
    return forget(what.name, out);
  }
  if (next.kept.banned) {
    if (const auto added = ban(what.name); !added) return added;
  } else {
    unban(what.name);
  }
  want_watched(what.name, &seen::buddy, next.kept.buddy, &out);
  out.emplace_back(keep_social{{row_of(next.kept)}});
  rows_[what.name] = std::move(next);
  return {};
}

result<void> people::forget(const std::string& name, social_effects& out) {
  const auto it = rows_.find(name);
  if (it == rows_.end()) return fail("Nothing is set for " + name + ".");
  auto& r = it->second;
  out.emplace_back(forget_social{{row_of(r.kept)}});
  const bool buddy = r.configured_buddy, banned = r.configured_ban;
  if (!banned && r.kept.banned) unban(name);
  if (!buddy) want_watched(name, &seen::buddy, false, &out);
  if (!buddy && !banned) {
    rows_.erase(it);
    return {};
  }
  const bool more =
      r.kept.ignored || !r.kept.note.empty() || r.kept.buddy != buddy || r.kept.banned != banned;
  r.kept = {};
  r.kept.name = name;
  r.kept.buddy = buddy;
  r.kept.banned = banned;
  if (more) return {};
  return fail(name +
              " is named in soulseek.buddies or soulseek.banned of the configuration: change it there "
              "and start the node again.");
}

// ---- What the server says

void people::hear(const from_server::watch_user& m) {
  const auto it = watched_.find(m.username);
  if (it == watched_.end()) return;
  if (!m.known) {
    it->second.stats.status = fb::SoulseekPresence::offline;
    return;
  }
  it->second.stats.status = presence_of(m.known->status);
  take_stats(it->second.stats, m.known->stats);
  it->second.stats.country = m.known->country.value_or("").substr(0, 2);
}
void people::hear(const from_server::get_user_status& m) {
  if (const auto it = watched_.find(m.username); it != watched_.end())
    it->second.stats.status = presence_of(m.status);
}
void people::hear(const from_server::get_user_stats& m) {
  if (const auto it = watched_.find(m.username); it != watched_.end()) take_stats(it->second.stats, m.stats);
}

// ---- What is asked

bool people::is_buddy(const std::string& user) const {
  const auto it = rows_.find(user);
  return it != rows_.end() && it->second.kept.buddy;
}

bool people::drop_message_of(const std::string& user) {
  const auto it = rows_.find(user);
  if (it == rows_.end() || !it->second.kept.ignored) return false;
  ++it->second.dropped;
  ++messages_dropped_;
  return true;
}

std::set<std::string> people::buddies() const {
  std::set<std::string> out;
  for (const auto& [name, r] : rows_)
    if (r.kept.buddy) out.insert(name);
  return out;
}

std::size_t people::watched() const { return watched_.size(); }

fb::SoulseekPersonT people::describe(const row& r) const {
  fb::SoulseekPersonT out;
  out.name = r.kept.name;
  out.buddy = r.kept.buddy;
  out.banned = r.kept.banned;
  out.ignored = r.kept.ignored;
  out.note = r.kept.note;
  out.configured = r.configured_buddy || r.configured_ban;
  out.messages_dropped = r.dropped;
  out.stats = std::make_unique<fb::SoulseekUserStatsT>();
  if (const auto it = watched_.find(r.kept.name); it != watched_.end()) *out.stats = it->second.stats;
  return out;
}

std::optional<fb::SoulseekPersonT> people::find(const std::string& name) const {
  const auto it = rows_.find(name);
  return it == rows_.end() ? std::optional<fb::SoulseekPersonT>() : describe(it->second);
}

std::vector<fb::SoulseekPersonT> people::list() const {
  std::vector<fb::SoulseekPersonT> out;
  for (const auto& [name, r] : rows_) out.push_back(describe(r));
  return out;
}

}  // namespace vsf::soulseek
