#include "actors/soulseek/chat.hpp"

#include <algorithm>

#include "actors/soulseek/transfer_types.hpp"

namespace vsf::soulseek {
namespace {

/// Within a JSON number, for the next centuries.
constexpr std::uint64_t ids_per_ms = 1000;

record<fb::SoulseekRow> key_row(std::uint64_t id) {
  fb::SoulseekPrivateMessageT key;
  key.id = id;
  return social_row(std::move(key));
}

}  // namespace

std::uint64_t chat::next_id(std::uint64_t unix_ms) {
  last_id_ = std::max(last_id_ + 1, unix_ms * ids_per_ms);
  return last_id_;
}

void chat::insert(message m) {
  last_id_ = std::max(last_id_, m.id);
  bytes_ += cost(m);
  auto& with = conversations_[m.user];
  if (m.unread) {
    ++with.unread;
    ++unread_;
  }
  owners_[m.id] = m.user;
  const auto id = m.id;
  with.messages.emplace(id, std::move(m));
}

void chat::remove(std::uint64_t id) {
  const auto owner = owners_.find(id);
  if (owner == owners_.end()) return;
  const auto with = conversations_.find(owner->second);
  const auto it = with->second.messages.find(id);
  bytes_ -= cost(it->second);
  if (it->second.unread) {
    --with->second.unread;
    --unread_;
  }
  with->second.messages.erase(it);
  if (with->second.messages.empty()) conversations_.erase(with);
  owners_.erase(owner);
}

void chat::keep_bounds(const std::string& user, social_effects& out) {
  forget_social surplus;
  const auto drop = [&](std::uint64_t id) {
    surplus.rows.push_back(key_row(id));
    remove(id);
    ++counters_.dropped_old;
  };
  for (auto with = conversations_.find(user);
       with != conversations_.end() && with->second.messages.size() > options_.messages_each;)
    drop(with->second.messages.begin()->first);
  while (owners_.size() > options_.messages || (bytes_ > options_.bytes && owners_.size() > 1))
    drop(owners_.begin()->first);
  if (!surplus.rows.empty()) out.emplace_back(std::move(surplus));
}

void chat::restore(message kept, social_effects& out) {
  if (kept.id == 0 || kept.user.empty() || owners_.contains(kept.id)) return;
  if (!kept.from_us && known(kept.user, kept.server_id, kept.server_s, kept.text) != nullptr) {
    out.emplace_back(forget_social{{key_row(kept.id)}});
    return;
  }
  const auto user = kept.user;
  insert(std::move(kept));
  keep_bounds(user, out);
}

/// The server's ids may begin anew with the server: the time or the text has to be the same too.
const chat::message* chat::known(const std::string& user, std::uint32_t server_id, std::uint32_t server_s,
                                 const std::string& text) const {
  const auto with = conversations_.find(user);
  if (with == conversations_.end()) return nullptr;
  for (auto it = with->second.messages.rbegin(); it != with->second.messages.rend(); ++it)
    if (const auto& x = it->second;
        !x.from_us && x.server_id == server_id && (x.server_s == server_s || x.text == text))
      return &x;
  return nullptr;
}

void chat::on_message(const from_server::message_user& m, std::uint64_t unix_ms, social_effects& out) {
  if (const auto* before = known(m.username, m.id, m.timestamp, m.message)) {
    ++counters_.repeated;
    if (!being_kept_.contains(before->id))
      out.emplace_back(tell_server{encode(to_server::message_acked{m.id})});
    return;
  }
  if (being_kept_.size() >= options_.being_kept || m.username.empty() || m.username.size() > max_user_bytes) {
    ++counters_.refused_waiting;
    return;
  }
  ++counters_.received;
  message row;
  row.id = next_id(unix_ms);
  row.user = m.username;
  row.unread = true;
  row.at_ms = m.timestamp == 0 ? unix_ms : std::uint64_t{m.timestamp} * 1000;
  row.text = m.message;
  if (row.text.size() > options_.text_bytes) {
    ++counters_.cut;
    // Not within a character.
    auto end = options_.text_bytes;
    while (end > 0 && (static_cast<unsigned char>(row.text[end]) & 0xC0U) == 0x80U) --end;
    row.text.resize(end);
  }
  row.server_id = m.id;
  row.server_s = m.timestamp;
  being_kept_[row.id] = m.id;
  out.emplace_back(keep_social{{social_row(row)}, row.id});
  insert(std::move(row));
  keep_bounds(m.username, out);
}

void chat::on_kept(std::uint64_t receipt, bool done, social_effects& out) {
  const auto node = being_kept_.extract(receipt);
  if (!node) return;
  const auto owner = owners_.find(receipt);
  if (!done) {
    ++counters_.not_kept;
    const auto from = owner == owners_.end() ? std::string("a user") : owner->second;
    remove(receipt);
    out.emplace_back(social_event{"soulseek",
                                  "a message of " + from +
                                      " could not be kept; the server sends it again after the next login. "
                                      "Look after the disk.",
                                  true});
    return;
  }
  out.emplace_back(tell_server{encode(to_server::message_acked{node.mapped()})});
  if (owner == owners_.end()) return;
  const auto& m = conversations_.at(owner->second).messages.at(receipt);
  out.emplace_back(social_event{"soulseek/message/" + m.user, m.text});
}

void chat::settle(const std::set<std::uint64_t>& on_disk, social_effects& out) {
  for (const auto& [id, server_id] : std::map<std::uint64_t, std::uint32_t>(being_kept_))
    on_kept(id, on_disk.contains(id), out);
}

result<void> chat::say(const std::string& user, const std::string& text, std::uint64_t unix_ms,
                       social_effects& out) {
  if (user.empty() || user.size() > max_user_bytes)
    return fail("A user name has 1 to " + std::to_string(max_user_bytes) + " bytes.");
  if (text.empty() || text.size() > options_.text_bytes)
    return fail("A message has 1 to " + std::to_string(options_.text_bytes) + " bytes. Send it in parts.");
  ++counters_.sent;
  out.emplace_back(tell_server{encode(to_server::message_user{user, text})});
  message row;
  row.id = next_id(unix_ms);
  row.user = user;
  row.from_us = true;
  row.at_ms = unix_ms;
  row.text = text;
  out.emplace_back(keep_social{{social_row(row)}});
  insert(std::move(row));
  keep_bounds(user, out);
  return {};
}

fb::SoulseekConversationsAnswerT chat::conversations(std::uint32_t offset, std::uint32_t limit) const {
  fb::SoulseekConversationsAnswerT out;
  out.total = static_cast<std::uint32_t>(conversations_.size());
  out.unread = static_cast<std::uint32_t>(unread_);
  std::vector<std::pair<std::uint64_t, const conversation*>> order;
  for (const auto& [user, with] : conversations_) order.emplace_back(with.messages.rbegin()->first, &with);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (std::size_t i = offset; i < order.size() && out.conversations.size() < limit; ++i) {
    const auto& with = *order[i].second;
    auto line = std::make_unique<fb::SoulseekConversationT>();
    const auto& last = with.messages.rbegin()->second;
    line->user = last.user;
    line->messages = static_cast<std::uint32_t>(with.messages.size());
    line->unread = static_cast<std::uint32_t>(with.unread);
    line->last = std::make_unique<message>(last);
    out.conversations.push_back(std::move(line));
  }
  return out;
}

fb::SoulseekHistoryAnswerT chat::history(const std::string& user, std::uint64_t before, std::uint32_t limit,
                                         social_effects& out) {
  fb::SoulseekHistoryAnswerT answer;
  answer.user = user;
  const auto with = conversations_.find(user);
  if (with == conversations_.end()) return answer;
  auto& messages = with->second.messages;
  const auto end = before == 0 ? messages.end() : messages.lower_bound(before);
  auto from = end;
  for (std::uint32_t i = 0; i < limit && from != messages.begin(); ++i) --from;
  answer.more = from != messages.begin();
  keep_social read;
  for (auto it = from; it != end; ++it) {
    auto& m = it->second;
    answer.messages.push_back(std::make_unique<message>(m));
    if (!m.unread) continue;
    m.unread = false;
    --with->second.unread;
    --unread_;
    read.rows.push_back(social_row(m));
  }
  if (!read.rows.empty()) out.emplace_back(std::move(read));
  return answer;
}

bool chat::forget(const std::string& user, social_effects& out) {
  const auto with = conversations_.find(user);
  if (with == conversations_.end()) return false;
  forget_social all;
  std::vector<std::uint64_t> ids;
  for (const auto& [id, m] : with->second.messages) ids.push_back(id);
  for (const auto id : ids) {
    all.rows.push_back(key_row(id));
    remove(id);
  }
  out.emplace_back(std::move(all));
  return true;
}

}  // namespace vsf::soulseek
