#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "actors/soulseek/social_effects.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

struct chat_options {
  std::size_t messages_each = 1000;  // of one conversation; the oldest go
  std::size_t messages = 20'000;     // of all; the oldest go
  std::size_t bytes = 16U << 20;     // of their texts and names; the oldest go
  std::size_t text_bytes = 4096;     // of one; what is beyond is cut off
  std::size_t being_kept = 1000;     // on their way to the disk; more come again at the next login
};

struct chat_counters {
  std::uint64_t received = 0, repeated = 0, sent = 0;
  std::uint64_t not_kept = 0;         // the disk refused: the server sends them again
  std::uint64_t refused_waiting = 0;  // beyond being_kept
  std::uint64_t dropped_old = 0;      // to stay within the bounds
  std::uint64_t cut = 0;
};

/// The private messages, by user. Pure. One that comes is acknowledged to the server only when it is on the
/// disk: until then the server has it.
class chat {
 public:
  explicit chat(chat_options options = {}) : options_(options) {}

  void restore(fb::SoulseekPrivateMessageT kept, social_effects& out);
  void on_message(const from_server::message_user& message, std::uint64_t unix_ms, social_effects& out);
  /// The row of that receipt is on the disk, or isn't.
  void on_kept(std::uint64_t receipt, bool done, social_effects& out);
  /// Whoever keeps the rows began anew: these are on the disk, and of the others no more is heard.
  void settle(const std::set<std::uint64_t>& on_disk, social_effects& out);
  /// To the server, and into the conversation. Fails when it is empty or too long.
  result<void> say(const std::string& user, const std::string& text, std::uint64_t unix_ms,
                   social_effects& out);

  /// The latest first.
  fb::SoulseekConversationsAnswerT conversations(std::uint32_t offset, std::uint32_t limit) const;
  /// The `limit` newest older than `before` (0: the newest), oldest first. They count as read from now on.
  fb::SoulseekHistoryAnswerT history(const std::string& user, std::uint64_t before, std::uint32_t limit,
                                     social_effects& out);
  /// false: there is none.
  bool forget(const std::string& user, social_effects& out);

  std::size_t size() const { return owners_.size(); }
  std::size_t unread() const { return unread_; }
  const chat_counters& counters() const { return counters_; }

 private:
  using message = fb::SoulseekPrivateMessageT;
  struct conversation {
    std::map<std::uint64_t, message> messages;
    std::size_t unread = 0;
  };

  static std::size_t cost(const message& m) { return sizeof(message) + m.user.size() + m.text.size(); }
  std::uint64_t next_id(std::uint64_t unix_ms);
  void insert(message m);
  void remove(std::uint64_t id);
  void keep_bounds(const std::string& user, social_effects& out);
  const message* known(const std::string& user, std::uint32_t server_id, std::uint32_t server_s,
                       const std::string& text) const;

  chat_options options_;
  std::map<std::string, conversation> conversations_;
  std::map<std::uint64_t, std::string> owners_;        // every message's user
  std::map<std::uint64_t, std::uint32_t> being_kept_;  // and the server's id
  std::size_t bytes_ = 0, unread_ = 0;
  std::uint64_t last_id_ = 0;
  chat_counters counters_;
};

}  // namespace vsf::soulseek
