#include "actors/soulseek/share_words.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {
namespace {

// So many new words are gone through one by one before they are sorted in.
constexpr std::uint32_t least_unsorted = 4096;

/// Compares from the last byte on.
bool ends_before(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend(), [](char x, char y) {
    return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
  });
}

}  // namespace

std::uint32_t share_words::intern(std::string_view word) {
  const auto hash = hash_text(word);
  const auto known =
      table_.find(hash, [&](std::uint32_t id) { return words_[id].hash == hash && text_of(id) == word; });
  if (known != no_id) return known;
  const auto text = texts_.add(word);
  if (text == no_id) return no_id;
  const auto id = words_.grow();
  words_[id].text = text;
  words_[id].hash = hash;
  ++unused_;
  table_.insert(id, hash, [&](std::uint32_t other) { return words_[other].hash; });
  // Grows with what is sorted, so that all sortings together stay in proportion to the words.
  const auto sorted = static_cast<std::uint32_t>(by_ending_.size());
  if (words_.size() - sorted > std::max(least_unsorted, sorted / 2)) sort_endings();
  return id;
}

std::uint32_t share_words::find(std::string_view word) const {
  const auto hash = hash_text(word);
  const auto id =
      table_.find(hash, [&](std::uint32_t one) { return words_[one].hash == hash && text_of(one) == word; });
  return id != no_id && words_[id].files.count() > 0 ? id : no_id;
}

void share_words::add(std::uint32_t word, std::uint32_t file) {
  auto& files = words_[word].files;
  if (files.count() == 0) --unused_;
  files.add(file);
}

void share_words::remove(std::uint32_t word, std::uint32_t file) {
  auto& files = words_[word].files;
  if (files.count() == 0) return;
  files.remove(file);
  if (files.count() == 0) ++unused_;
}

bool share_words::find_endings(std::string_view ending, std::size_t limit,
                               std::vector<std::uint32_t>& out) const {
  const auto begin = out.size();
  const auto take = [&](std::uint32_t id) {
    if (words_[id].files.count() == 0) return true;
    if (out.size() - begin == limit) return false;
    out.push_back(id);
    return true;
  };
  auto at = std::partition_point(by_ending_.begin(), by_ending_.end(),
                                 [&](std::uint32_t id) { return ends_before(text_of(id), ending); });
  for (; at != by_ending_.end() && text_of(*at).ends_with(ending); ++at)
    if (!take(*at)) return false;
  for (auto id = static_cast<std::uint32_t>(by_ending_.size()); id < words_.size(); ++id)
    if (text_of(id).ends_with(ending) && !take(id)) return false;
  return true;
}

void share_words::sort_endings() {
  const auto before = [&](std::uint32_t a, std::uint32_t b) { return ends_before(text_of(a), text_of(b)); };
  const auto sorted = static_cast<std::uint32_t>(by_ending_.size());
  by_ending_.reserve(words_.size());
  for (auto id = sorted; id < words_.size(); ++id) by_ending_.push_back(id);
  const auto middle = by_ending_.begin() + sorted;
  std::sort(middle, by_ending_.end(), before);
  std::inplace_merge(by_ending_.begin(), middle, by_ending_.end(), before);
}

void share_words::drop_unused() {
  share_words kept;
  for (std::uint32_t id = 0; id < words_.size(); ++id) {
    if (words_[id].files.count() == 0) continue;
    const auto now = kept.intern(text_of(id));
    kept.words_[now].files = std::move(words_[id].files);
    --kept.unused_;
  }
  *this = std::move(kept);
}

void share_words::pack() {
  if (unused_ > least_unsorted && unused_ > words_.size() / 2) drop_unused();
  for (std::uint32_t id = 0; id < words_.size(); ++id) words_[id].files.pack();
  if (by_ending_.size() < words_.size()) sort_endings();
  by_ending_.shrink_to_fit();
}

std::size_t share_words::memory_bytes() const {
  auto out = words_.memory_bytes() + texts_.memory_bytes() + table_.memory_bytes() +
             by_ending_.capacity() * sizeof(std::uint32_t);
  for (std::uint32_t id = 0; id < words_.size(); ++id) out += words_[id].files.memory_bytes();
  return out;
}

}  // namespace vsf::soulseek
