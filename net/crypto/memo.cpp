#include "net/crypto/memo.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>

namespace vsf::crypto {
namespace memo {
namespace {

std::atomic<bool> on{false};
std::atomic<std::uint64_t> hits{0};
std::atomic<std::uint64_t> misses{0};
std::atomic<std::uint64_t> dropped{0};

using key_pair = std::array<std::uint8_t, 64>;

/// The keys are hashes or public keys already: any 8 bytes of them spread well.
struct take_bytes {
  template <std::size_t N>
  std::size_t operator()(const std::array<std::uint8_t, N>& x) const {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::memcpy(&first, x.data(), 8);
    std::memcpy(&last, x.data() + N - 8, 8);
    return static_cast<std::size_t>(first ^ (last * 0x9e3779b97f4a7c15ULL));
  }
};

/// Two generations: when the young one holds half of the bound, the old one is forgotten.
template <class Key, class Value>
class cache {
 public:
  std::optional<Value> find(const Key& key) {
    auto& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    if (const auto it = part.young.find(key); it != part.young.end()) return found(it->second);
    const auto it = part.old.find(key);
    if (it == part.old.end()) {
      misses.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    const Value value = it->second;
    part.put(key, value);
    return found(value);
  }
  void keep(const Key& key, const Value& value) {
    auto& part = part_of(key);
    const std::lock_guard lock(part.mutex);
    part.put(key, value);
  }
  void clear() {
    for (auto& part : parts_) {
      const std::lock_guard lock(part.mutex);
      part.young.clear();
      part.old.clear();
    }
  }

 private:
  static constexpr std::size_t part_count = 16;
  static constexpr std::size_t generation = memo_entries / part_count / 2;
  using map = std::unordered_map<Key, Value, take_bytes>;
  struct part_type {
    std::mutex mutex;
    map young;
    map old;
    void put(const Key& key, const Value& value) {
      if (young.size() >= generation) {
        dropped.fetch_add(old.size(), std::memory_order_relaxed);
        old = std::move(young);
        young.clear();
      }
      young.insert_or_assign(key, value);
    }
  };
  static Value found(const Value& value) {
    hits.fetch_add(1, std::memory_order_relaxed);
    return value;
  }
  part_type& part_of(const Key& key) { return parts_[key[8] % part_count]; }
  std::array<part_type, part_count> parts_;
};

cache<std::array<std::uint8_t, 32>, bool>& verdicts() {
  static cache<std::array<std::uint8_t, 32>, bool> all;
  return all;
}
cache<key_pair, std::optional<digest>>& secrets() {
  static cache<key_pair, std::optional<digest>> all;
  return all;
}

/// Both sides of a pair compute the same secret, so the pair is sorted.
key_pair sorted(const static_key& a, const static_key& b) {
  const auto& [low, high] = std::minmax(a, b);
  key_pair out;
  std::copy(low.begin(), low.end(), out.begin());
  std::copy(high.begin(), high.end(), out.begin() + 32);
  return out;
}

}  // namespace

bool enabled() { return on.load(std::memory_order_relaxed); }
std::optional<bool> find_verdict(const digest& question) { return verdicts().find(question); }
void keep_verdict(const digest& question, bool good) { verdicts().keep(question, good); }
std::optional<std::optional<digest>> find_secret(const static_key& a, const static_key& b) {
  return secrets().find(sorted(a, b));
}
void keep_secret(const static_key& a, const static_key& b, const std::optional<digest>& secret) {
  secrets().keep(sorted(a, b), secret);
}

}  // namespace memo

void memoise(bool on) {
  memo::on.store(on, std::memory_order_relaxed);
  if (!on) {
    memo::verdicts().clear();
    memo::secrets().clear();
  }
}

memo_counters memo_stats() { return {memo::hits.load(), memo::misses.load(), memo::dropped.load()}; }

}  // namespace vsf::crypto
