#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/soulseek/searches.hpp"
#include "actors/soulseek/social_effects.hpp"

namespace vsf::soulseek {

struct wish_options {
  std::size_t wishes = 32;  // as the searches have
  std::size_t text_bytes = 512;
  std::size_t rule_words = 50;  // extensions and forbidden words, each
  std::size_t rule_word_bytes = 64;
  std::uint32_t most_downloads = 1000;  // of one wish
};

struct wish_counters {
  std::uint64_t picked = 0;
  std::uint64_t unfit = 0;  // files that a rule refused
};

/// What is searched for again and again, and which of the results are downloaded by themselves. Pure: the
/// searching is done by `searches`, the downloading by `downloads`.
class wishes {
 public:
  using wish_id = std::uint64_t;
  using rules = fb::SoulseekWishRulesT;
  struct pick {
    wish_id wish = 0;
    std::string user;
    file what;
  };
  struct added {
    wish_id id = 0;
    bool is_new = false;
  };

  explicit wishes(wish_options options = {}) : options_(options) {}

  void restore(fb::SoulseekKeptWishT kept);
  /// A new one, or that of the same text with new rules (nullptr: none). Fails with what to do.
  result<added> add(const std::string& text, const rules* download, social_effects& out);
  /// The search that belongs to it, from now on.
  void begun(wish_id id, std::uint32_t token);
  /// Its search, 0 if it has none. nullopt: there is no such wish.
  std::optional<std::uint32_t> erase(wish_id id, social_effects& out);

  /// Which of a user's results of this search are wanted by its rules, at most as many as are left to it.
  std::vector<pick> choose(std::uint32_t token, const std::string& user, const user_results& has);
  /// One of them is being downloaded: it isn't picked again, of no user.
  void took(const pick& what, social_effects& out);

  /// With what its search in `all` has found; `unix_ms` is the time at `now`.
  fb::SoulseekWishT describe(wish_id id, const searches& all, std::uint64_t unix_ms, nanoseconds now) const;
  std::vector<wish_id> ids() const;
  const std::string& text(wish_id id) const { return rows_.at(id).text; }
  std::size_t size() const { return rows_.size(); }
  const wish_counters& counters() const { return counters_; }

 private:
  using kept = fb::SoulseekKeptWishT;
  using file_key = std::pair<std::string, std::uint64_t>;  // name in lower case, size
  struct row {
    std::string text;
    std::optional<rules> download;
    std::set<file_key> taken;
    std::uint32_t token = 0;
  };

  result<void> check(const rules& r) const;
  void keep(wish_id id, social_effects& out) const;

  wish_options options_;
  std::map<wish_id, row> rows_;
  std::map<std::uint32_t, wish_id> by_token_;
  wish_id last_id_ = 0;
  wish_counters counters_;
};

/// Whether a file fits the rules of a wish.
bool fits(const file& what, bool slot_free, const fb::SoulseekWishRulesT& rules);

}  // namespace vsf::soulseek
