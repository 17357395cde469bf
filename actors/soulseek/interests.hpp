#pragma once

#include <set>
#include <string>

#include "actors/soulseek/social_effects.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

/// What this user likes and hates, told to the server after each login: it finds similar users and recommends
/// by them. Pure. Items are in lower case, as other clients have them.
class interests {
 public:
  static constexpr std::size_t max_items = 200;  // of each; the server takes no more
  static constexpr std::size_t max_item_bytes = 64;

  void restore(const fb::SoulseekInterestT& kept);
  void on_online(social_effects& out);
  void on_offline() { online_ = false; }
  /// Liking ends hating and the other way round. Fails with what to do.
  result<void> add(const std::string& item, bool hated, social_effects& out);
  /// false: it isn't there.
  bool remove(const std::string& item, bool hated, social_effects& out);

  const std::set<std::string>& likes() const { return likes_; }
  const std::set<std::string>& hates() const { return hates_; }

 private:
  void tell(const std::string& item, bool hated, bool on, social_effects& out) const;

  bool online_ = false;
  std::set<std::string> likes_, hates_;
};

}  // namespace vsf::soulseek
