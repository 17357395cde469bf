#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/soulseek/share_index.hpp"

namespace vsf::soulseek {

struct share_query_limits {
  std::size_t max_query_bytes = 1024;
  std::size_t min_characters = 3;
  std::size_t max_terms = 64;          // different words, excluded words and endings together
  std::size_t max_ending_words = 256;  // words that one ending stands for
  std::size_t max_examined = 2048;     // paths that are read through for one query
  std::size_t max_phrases = 4096;
  std::size_t max_phrase_bytes = 512;
};

/// What a query asks for, everything folded, sorted and once.
struct share_query {
  enum class kind : std::uint8_t { good, too_short, too_long, no_words };
  kind verdict = kind::no_words;
  std::vector<std::string> words, excluded, endings;
};

/// Quotes are ignored and punctuation separates words; `-word` excludes (each word of it), `*ord` is an
/// ending (further words of it are whole words).
share_query parse_query(std::string_view text, const share_query_limits& limits);

/// Phrases the server doesn't want to see in paths.
class phrase_list {
 public:
  /// Folds them and replaces the list. What lies beyond the limits of number and length is left out.
  void set(const std::vector<std::string>& phrases, const share_query_limits& limits);
  bool empty() const { return phrases_.empty(); }
  std::size_t size() const { return phrases_.size(); }
  /// Whether a folded text holds one of them anywhere.
  bool is_in(std::string_view folded) const;

 private:
  std::vector<std::string> phrases_;  // sorted
  std::bitset<65536> beginnings_;     // the first two bytes of each
  bool short_ones_ = false;           // some are a single byte
};

struct share_matches {
  std::vector<share_file_id> everyone, buddies;  // ascending
  bool cut = false;                              // the query's work was cut off: there may be more
  bool empty() const { return everyone.empty() && buddies.empty(); }
};

struct share_search_counters {
  std::uint64_t queries = 0, too_short = 0, too_long = 0, no_words = 0, matched = 0;
  std::uint64_t cut = 0;              // some work was left undone
  std::uint64_t hidden = 0;           // results withheld because of a phrase
  std::uint64_t phrases_dropped = 0;  // beyond the limits
};

/// Answers word queries from a share_index. A query costs at most as much as its limits, whatever it says:
/// some bitmap operations for each term, max_examined paths, max_ending_words for each of 4 endings.
class share_search {
 public:
  explicit share_search(const share_index& index, share_query_limits limits = {});

  void set_excluded_phrases(const std::vector<std::string>& phrases);
  /// The files whose path has all words and endings and no excluded word; at most `max_results` in all, first
  /// those for everyone. Those for buddies only if it is a buddy who asks.
  share_matches match(std::string_view query, bool buddy, std::size_t max_results = 300);

  const share_search_counters& counters() const { return counters_; }

 private:
  struct plan;
  bool make_plan(const share_query& query, plan& out);
  bool add_ending(const std::string& ending, bool other_words, plan& out);
  bool accept(share_file_id file, const plan& work);
  void collect_few(const plan& work, bool buddy, std::size_t max_results, share_matches& out);
  void collect_many(const plan& work, bool buddy, std::size_t max_results, share_matches& out);

  const share_index* index_;
  share_query_limits limits_;
  phrase_list phrases_;
  share_search_counters counters_;
  std::string path_, folded_;
};

}  // namespace vsf::soulseek
