#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/soulseek/social_effects.hpp"
#include "actors/soulseek/transfer_bans.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

/// Who is a buddy, banned or ignored, by the configuration and by what was set since, and how the watched
/// ones are. Pure. A ban may name an address or network instead of a user.
class people {
 public:
  static constexpr std::size_t max_people = 10'000;
  static constexpr std::size_t max_note_bytes = 1000;

  /// Before all else; what can't be used is said.
  std::vector<std::string> configure(const std::vector<std::string>& buddies,
                                     const std::vector<std::string>& banned);
  void restore(const fb::SoulseekKeptPersonT& kept);
  void on_online(social_effects& out);
  void on_offline();

  /// Fails with what to do: a network can only be banned, and the configuration holds.
  result<void> set(const fb::SoulseekPersonSetT& what, social_effects& out);
  /// What was set for this name. Fails when nothing was, or when it is configured.
  result<void> forget(const std::string& name, social_effects& out);
  /// Somebody else wants to know how this user is, or no longer.
  void watch(const std::string& user, bool on, social_effects& out);

  // From the server.
  void hear(const from_server::watch_user& m);
  void hear(const from_server::get_user_status& m);
  void hear(const from_server::get_user_stats& m);

  bool is_buddy(const std::string& user) const;
  bool is_banned(const std::string& user, const std::optional<endpoint>& address = std::nullopt) const {
    return bans_.bans(user, address);
  }
  /// A message of an ignored user came and is dropped. false: it isn't ignored.
  bool drop_message_of(const std::string& user);
  const transfer_bans& bans() const { return bans_; }
  std::set<std::string> buddies() const;

  /// By name; nullopt: nothing is set for it.
  std::optional<fb::SoulseekPersonT> find(const std::string& name) const;
  std::vector<fb::SoulseekPersonT> list() const;
  std::uint64_t messages_dropped() const { return messages_dropped_; }
  std::size_t watched() const;

 private:
  struct row {
    fb::SoulseekKeptPersonT kept;  // with what is configured
    bool configured_buddy = false, configured_ban = false;
    std::uint64_t dropped = 0;
    bool set() const { return kept.buddy || kept.banned || kept.ignored || !kept.note.empty(); }
  };
  struct seen {
    bool buddy = false, by_others = false;
    fb::SoulseekUserStatsT stats;
  };

  result<void> ban(const std::string& name);
  void unban(const std::string& name);
  void want_watched(const std::string& user, bool seen::*why, bool on, social_effects* out);
  fb::SoulseekPersonT describe(const row& r) const;

  bool online_ = false;
  std::map<std::string, row> rows_;
  std::map<std::string, seen> watched_;
  transfer_bans bans_;
  std::uint64_t messages_dropped_ = 0;
};

}  // namespace vsf::soulseek
