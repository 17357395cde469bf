#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "actors/soulseek/share_pool.hpp"
#include "actors/soulseek/share_posting.hpp"

namespace vsf::soulseek {

/// Every word of the shared paths with the files that have it. Words are folded and of 1 to max_word_bytes.
class share_words {
 public:
  /// The id of a word, a new one if need be; no_id: there is no room for it. Ids hold until the next pack().
  std::uint32_t intern(std::string_view word);
  /// no_id: no file has it.
  std::uint32_t find(std::string_view word) const;

  void add(std::uint32_t word, std::uint32_t file);
  void remove(std::uint32_t word, std::uint32_t file);
  const posting& files(std::uint32_t word) const { return words_[word].files; }

  /// Words that end with `ending` and have files, at most `limit`, in an order that depends only on what was
  /// interned when. False: there are more.
  bool find_endings(std::string_view ending, std::size_t limit, std::vector<std::uint32_t>& out) const;

  /// Makes postings small after many changes, drops words without files if they are many, and sorts endings.
  void pack();

  std::uint32_t size() const { return words_.size() - unused_; }
  std::size_t memory_bytes() const;

 private:
  struct word_entry {
    std::uint32_t text = 0;
    std::uint32_t hash = 0;
    posting files;
  };
  std::string_view text_of(std::uint32_t id) const { return texts_.get(words_[id].text); }
  void sort_endings();
  void drop_unused();

  chunked<word_entry> words_;
  string_pool texts_;
  id_table table_;
  // Ids by their texts read backwards; those interned since the last sorting are not in it.
  std::vector<std::uint32_t> by_ending_;
  std::uint32_t unused_ = 0;
};

}  // namespace vsf::soulseek
