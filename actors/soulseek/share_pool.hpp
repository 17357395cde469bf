#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

/// The containers under the share index: they grow in chunks, so that a million entries are neither copied
/// nor reserved twice over.
namespace vsf::soulseek {

inline constexpr std::uint32_t no_id = std::numeric_limits<std::uint32_t>::max();

/// Entries 0 to size() - 1 that never move.
template <class T>
class chunked {
 public:
  T& operator[](std::uint32_t i) { return chunks_[i / per_chunk][i % per_chunk]; }
  const T& operator[](std::uint32_t i) const { return chunks_[i / per_chunk][i % per_chunk]; }
  std::uint32_t size() const { return size_; }
  /// Appends an entry made by default.
  std::uint32_t grow() {
    if (size_ % per_chunk == 0) chunks_.push_back(std::make_unique<T[]>(per_chunk));
    return size_++;
  }
  std::size_t memory_bytes() const { return chunks_.size() * (per_chunk * sizeof(T) + sizeof(T*)); }

 private:
  static constexpr std::uint32_t per_chunk = 2048;
  std::vector<std::unique_ptr<T[]>> chunks_;
  std::uint32_t size_ = 0;
};

/// Short texts by offset; at most 4 GiB in all. What is dropped stays until the owner copies the rest into a
/// new pool.
class string_pool {
 public:
  static constexpr std::size_t max_text_bytes = 0xFFFF - 2;

  /// no_id: the pool is full or the text too long.
  std::uint32_t add(std::string_view text) {
    const auto needed = text.size() + 2;
    if (text.size() > max_text_bytes) return no_id;
    if (chunks_.empty() || used_ + needed > chunk_bytes) {
      if (chunks_.size() >= max_chunks) return no_id;
      chunks_.push_back(std::make_unique<char[]>(chunk_bytes));
      used_ = 0;
    }
    const auto at = static_cast<std::uint32_t>((chunks_.size() - 1) * chunk_bytes + used_);
    char* to = chunks_.back().get() + used_;
    const auto length = static_cast<std::uint16_t>(text.size());
    std::memcpy(to, &length, 2);
    std::copy(text.begin(), text.end(), to + 2);
    used_ += needed;
    return at;
  }
  std::string_view get(std::uint32_t at) const {
    const char* from = chunks_[at / chunk_bytes].get() + at % chunk_bytes;
    std::uint16_t length = 0;
    std::memcpy(&length, from, 2);
    return {from + 2, length};
  }
  void drop(std::uint32_t at) { dropped_ += get(at).size() + 2; }
  /// More than a third is dropped text.
  bool wasteful() const { return dropped_ > chunk_bytes * 4 && dropped_ * 3 > memory_bytes(); }
  std::size_t memory_bytes() const { return chunks_.size() * chunk_bytes; }

 private:
  static constexpr std::size_t chunk_bytes = 1 << 16;
  static constexpr std::size_t max_chunks = (1 << 16) - 1;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;
  std::size_t dropped_ = 0;
};

/// Finds ids by a hash that the owner keeps beside each; open addressing, 4 bytes a place.
class id_table {
 public:
  /// The first id of this hash for which `is(id)`; no_id: none.
  template <class Is>
  std::uint32_t find(std::uint32_t hash, Is is) const {
    if (places_.empty()) return no_id;
    for (auto i = hash & mask(); places_[i] != no_id; i = (i + 1) & mask())
      if (is(places_[i])) return places_[i];
    return no_id;
  }
  /// `hash_of(id)` for the ids already there.
  template <class HashOf>
  void insert(std::uint32_t id, std::uint32_t hash, HashOf hash_of) {
    if ((count_ + 1) * 5 > places_.size() * 4) {
      std::vector<std::uint32_t> old(std::max<std::size_t>(64, places_.size() * 2), no_id);
      old.swap(places_);
      for (const auto one : old)
        if (one != no_id) place(one, hash_of(one));
    }
    place(id, hash);
    ++count_;
  }
  template <class HashOf>
  void erase(std::uint32_t id, std::uint32_t hash, HashOf hash_of) {
    if (places_.empty()) return;
    auto hole = hash & mask();
    while (places_[hole] != id) {
      if (places_[hole] == no_id) return;
      hole = (hole + 1) & mask();
    }
    // What comes behind moves up unless it would then be before its own place.
    for (auto i = (hole + 1) & mask(); places_[i] != no_id; i = (i + 1) & mask()) {
      const auto home = hash_of(places_[i]) & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      places_[hole] = places_[i];
      hole = i;
    }
    places_[hole] = no_id;
    --count_;
  }
  std::size_t memory_bytes() const { return places_.capacity() * 4; }

 private:
  std::uint32_t mask() const { return static_cast<std::uint32_t>(places_.size() - 1); }
  void place(std::uint32_t id, std::uint32_t hash) {
    auto i = hash & mask();
    while (places_[i] != no_id) i = (i + 1) & mask();
    places_[i] = id;
  }
  std::vector<std::uint32_t> places_;
  std::size_t count_ = 0;
};

/// FNV-1a with a last mix; `seed` carries the hash of what stands before.
inline std::uint32_t hash_text(std::string_view text, std::uint32_t seed = 0) {
  std::uint64_t h = 0xcbf29ce484222325U ^ (std::uint64_t{seed} * 0x9e3779b97f4a7c15U);
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93U;
  return static_cast<std::uint32_t>(h >> 32);
}

}  // namespace vsf::soulseek
