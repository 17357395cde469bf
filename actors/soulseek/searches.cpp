#include "actors/soulseek/searches.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {
namespace {

constexpr nanoseconds minute = std::chrono::minutes(1);

std::size_t characters(const std::string& utf8) {
  return static_cast<std::size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

searches::searches(search_options options, crypto::random_source& random)
    : options_(options), random_(&random), wish_interval_(options.wish_interval) {}

void searches::on_online(const std::string& self, nanoseconds now, search_effects& out) {
  self_ = self;
  online_ = true;
  send_waiting(now, out);
}

void searches::on_offline(nanoseconds, search_effects&) { online_ = false; }

void searches::on_wishlist_interval(std::uint32_t seconds, nanoseconds) {
  wish_interval_ = std::max<nanoseconds>(options_.wish_interval_least, std::chrono::seconds(seconds));
}

// ---- ours

std::optional<std::string> searches::refusal(search_kind kind, const std::string& query,
                                             const std::string& target) const {
  if (characters(query) == 0) return "There is nothing to search for: the text is empty.";
  if (query.size() > options_.query_bytes)
    return "The text to search for is longer than " + std::to_string(options_.query_bytes) +
           " bytes. Search for less.";
  const bool directed = kind == search_kind::user || kind == search_kind::room;
  if (directed && target.empty()) return "A search in a room or of a user needs the name of one.";
  if (kind == search_kind::wish) {
    if (wishes_.size() >= options_.wishes)
      return "There are " + std::to_string(options_.wishes) + " wishes already. Remove one first.";
    return std::nullopt;
  }
  if (!online_)
    return "There is no session with the Soulseek server, so nobody can be asked. Wait until it is back.";
  if (waiting_.size() >= options_.waiting)
    return std::to_string(waiting_.size()) + " searches wait already: at most " +
           std::to_string(options_.per_minute) +
           " a minute are sent, as the server bans those who send more. Try again in some minutes.";
  return std::nullopt;
}

bool searches::make_room(search_effects& out) {
  if (rows_.size() < options_.kept) return true;
  auto oldest = rows_.end();
  for (auto it = rows_.begin(); it != rows_.end(); ++it)
    if (it->second.at == search_row::state::ended &&
        (oldest == rows_.end() || it->second.begun < oldest->second.begun))
      oldest = it;
  if (oldest == rows_.end()) return false;
  out.emplace_back(search_forgotten{oldest->first});
  rows_.erase(oldest);
  return true;
}

result<std::uint32_t> searches::start(search_kind kind, const std::string& query, const std::string& target,
                                      nanoseconds now, search_effects& out) {
  auto why = refusal(kind, query, target);
  if (!why && !make_room(out))
    why =
        std::to_string(rows_.size()) + " searches are under way already. Close one, or wait until one ends.";
  if (why) {
    ++counters_.refused;
    return fail(*std::move(why));
  }
  std::uint32_t token = 0;
  while (token == 0 || rows_.contains(token)) token = static_cast<std::uint32_t>(random_->u64());
  ++counters_.started;
  search_row row;
  row.kind = kind;
  row.query = query;
  row.target = target;
  row.begun = now;
  rows_.emplace(token, std::move(row));
  if (kind == search_kind::wish) {
    // Before those that had their turn.
    const auto turned = [&](std::uint32_t x) { return rows_.at(x).at != search_row::state::waiting; };
    wishes_.insert(std::ranges::find_if(wishes_, turned), token);
  } else {
    waiting_.push_back(token);
  }
  send_waiting(now, out);
  return token;
}

/// When the next of ours may be sent.
nanoseconds searches::next_slot(nanoseconds now) const {
  return sent_.size() < options_.per_minute ? now : sent_.front() + minute;
}

void searches::send(std::uint32_t token, search_row& row, nanoseconds now, search_effects& out) {
  bytes message;
  switch (row.kind) {
    case search_kind::everybody:
      message = encode(to_server::file_search{token, row.query});
      break;
    case search_kind::user:
      message = encode(to_server::user_search{row.target, token, row.query});
      break;
    case search_kind::room:
      message = encode(to_server::room_search{row.target, token, row.query});
      break;
    case search_kind::wish:
      message = encode(to_server::wishlist_search{token, row.query});
      break;
  }
  row.at = search_row::state::running;
  row.begun = now;
  out.emplace_back(tell_server{std::move(message)});
  out.emplace_back(search_sent{token});
}

void searches::send_waiting(nanoseconds now, search_effects& out) {
  if (!online_) return;
  while (!sent_.empty() && now - sent_.front() >= minute) sent_.pop_front();
  while (!waiting_.empty() && sent_.size() < options_.per_minute) {
    const auto token = waiting_.front();
    waiting_.pop_front();
    sent_.push_back(now);
    ++counters_.sent;
    send(token, rows_.at(token), now, out);
  }
  send_wish(now, out);
}

/// One wish an interval, in turn.
void searches::send_wish(nanoseconds now, search_effects& out) {
  if (!online_ || wishes_.empty() || (last_wish_ && now - *last_wish_ < wish_interval_)) return;
  last_wish_ = now;
  const auto token = wishes_.front();
  wishes_.pop_front();
  wishes_.push_back(token);
  ++counters_.wishes_sent;
  send(token, rows_.at(token), now, out);
}

void searches::stop(std::uint32_t token, nanoseconds, search_effects& out) {
  const auto it = rows_.find(token);
  if (it == rows_.end() || it->second.at == search_row::state::ended) return;
  std::erase(waiting_, token);
  std::erase(wishes_, token);
  it->second.at = search_row::state::ended;
  out.emplace_back(search_ended{token, "stopped"});
}

void searches::close(std::uint32_t token, search_effects& out) {
  if (rows_.erase(token) == 0) return;
  std::erase(waiting_, token);
  std::erase(wishes_, token);
  out.emplace_back(search_forgotten{token});
}

// ---- answers

const search_row* searches::find(std::uint32_t token) const {
  const auto it = rows_.find(token);
  return it == rows_.end() ? nullptr : &it->second;
}

bool searches::wants(std::uint32_t token) const {
  const auto it = rows_.find(token);
  return it != rows_.end() && it->second.at == search_row::state::running;
}

/// How many were new and had a place.
std::size_t searches::add_files(search_row& row, user_results& to, std::vector<file> files, bool restricted) {
  std::set<std::string> known;
  for (const auto& x : to.files) known.insert(x.name);
  for (const auto& x : to.private_files) known.insert(x.name);
  auto& list = restricted ? to.private_files : to.files;
  std::size_t added = 0;
  for (auto& x : files) {
    if (!known.insert(x.name).second) continue;
    const auto size = x.name.size() + x.extension.size() + sizeof(file);
    if (row.files >= options_.files || row.bytes + size > options_.result_bytes ||
        to.files.size() + to.private_files.size() >= options_.files_per_user) {
      ++row.dropped;
      ++counters_.dropped_files;
      continue;
    }
    ++row.files;
    row.bytes += size;
    ++added;
    list.push_back(std::move(x));
  }
  return added;
}

void searches::on_answer(const std::string& from, peer::file_search_response answer, nanoseconds,
                         search_effects& out) {
  if (!wants(answer.token)) {
    ++counters_.unknown_token;
    return;
  }
  if (answer.username != from) {
    ++counters_.wrong_user;
    return;
  }
  auto& row = rows_.at(answer.token);
  const auto offered = answer.files.size() + (answer.private_files ? answer.private_files->size() : 0);
  if (offered == 0) return;
  ++counters_.answers;
  const auto dropped_before = row.dropped;
  std::size_t added = 0;
  if (!row.users.contains(from) && (row.users.size() >= options_.users || row.files >= options_.files)) {
    ++counters_.dropped_users;
    row.dropped += offered;
  } else {
    auto& to = row.users[from];
    to.slot_free = answer.slot_free;
    to.speed_bytes_per_s = answer.speed;
    to.queue = answer.queue_length;
    added = add_files(row, to, std::move(answer.files), false);
    if (answer.private_files) added += add_files(row, to, *std::move(answer.private_files), true);
    if (to.files.empty() && to.private_files.empty()) row.users.erase(from);
    counters_.files += added;
  }
  if (added != 0) out.emplace_back(search_result{answer.token, from, added});
  if (row.dropped != dropped_before && !row.full) {
    row.full = true;
    out.emplace_back(search_full{answer.token, "more was answered than is kept of one search or user"});
  }
}

// ---- others'

bool searches::heard_before(const heard_key& key, nanoseconds now) {
  while (!heard_order_.empty() && (heard_order_.size() >= options_.heard_remembered ||
                                   now - heard_order_.front().first >= options_.heard_time)) {
    heard_.erase(heard_order_.front().second);
    heard_order_.pop_front();
  }
  return heard_.contains(key);
}

bool searches::may_answer(nanoseconds now) {
  const auto each = nanoseconds(std::chrono::seconds(1)) / options_.heard_per_s;
  heard_paid_ = std::max(heard_paid_, now - each * options_.heard_burst);
  if (heard_paid_ + each > now) return false;
  heard_paid_ += each;
  return true;
}

void searches::on_heard(const std::string& user, std::uint32_t token, const std::string& query,
                        nanoseconds now, search_effects& out) {
  ++counters_.heard;
  if (user == self_) {
    ++counters_.heard_own;
    return;
  }
  if (user.empty() || query.size() > options_.query_bytes || characters(query) < options_.shortest_query) {
    ++counters_.heard_unfit;
    return;
  }
  const heard_key key{user, token};
  if (heard_before(key, now)) {
    ++counters_.heard_duplicate;
    return;
  }
  if (!may_answer(now)) {
    ++counters_.heard_rate;
    return;
  }
  heard_.insert(key);
  heard_order_.emplace_back(now, key);
  out.emplace_back(answer_search{user, token, query});
}

// ---- time

void searches::on_alarm(nanoseconds now, search_effects& out) {
  for (auto it = rows_.begin(); it != rows_.end();) {
    auto& [token, row] = *it;
    const bool wished = row.kind == search_kind::wish && row.at != search_row::state::ended;
    const auto age = now - row.begun;
    if (!wished && row.at == search_row::state::waiting && age >= options_.wait_at_most) {
      ++counters_.expired_waiting;
      std::erase(waiting_, token);
      row.at = search_row::state::ended;
      out.emplace_back(search_ended{token, "it couldn't be sent in time"});
    } else if (!wished && row.at == search_row::state::running && age >= options_.answered_for) {
      row.at = search_row::state::ended;
      out.emplace_back(search_ended{token, "its time is over"});
    } else if (row.at == search_row::state::ended && age >= options_.kept_for) {
      out.emplace_back(search_forgotten{token});
      it = rows_.erase(it);
      continue;
    }
    ++it;
  }
  send_waiting(now, out);
}

std::optional<nanoseconds> searches::next_deadline() const {
  auto first = nanoseconds::max();
  for (const auto& [token, row] : rows_) {
    if (row.at == search_row::state::ended)
      first = std::min(first, row.begun + options_.kept_for);
    else if (row.kind != search_kind::wish)
      first = std::min(first, row.begun + (row.at == search_row::state::waiting ? options_.wait_at_most
                                                                                : options_.answered_for));
  }
  if (online_ && !waiting_.empty()) first = std::min(first, next_slot(nanoseconds(0)));
  if (online_ && !wishes_.empty())
    first = std::min(first, last_wish_ ? *last_wish_ + wish_interval_ : nanoseconds(0));
  if (first == nanoseconds::max()) return std::nullopt;
  return first;
}

}  // namespace vsf::soulseek
