#include "messages/shared_bytes.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <random>

namespace vsf {

/// The bytes follow it in the same piece of memory.
struct shared_bytes::node {
  node* next = nullptr;  // in the same bucket
  shared_bytes part;
  std::atomic<std::uint32_t> holders{1};
  std::uint32_t hash = 0;
  std::size_t size = 0;

  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

/// Nobody walks through it: where a node is has no influence on what a process does.
class shared_bytes::table {
 public:
  shared_bytes get(byte_view raw, shared_bytes&& part) {
    const auto hash = hash_of(raw, part.node_);
    const std::lock_guard lock(mutex_);
    if (count_ >= buckets_.size()) grow();
    auto& bucket = buckets_[hash & (buckets_.size() - 1)];
    shared_bytes out;
    for (auto* n = bucket; n != nullptr; n = n->next)
      if (n->hash == hash && n->size == raw.size() && n->part == part &&
          std::equal(raw.begin(), raw.end(), n->data())) {
        hold(n);
        out.node_ = n;
        return out;
      }
    auto* fresh = new (::operator new(sizeof(node) + raw.size())) node;
    fresh->next = bucket;
    fresh->part = std::move(part);
    fresh->hash = hash;
    fresh->size = raw.size();
    std::copy(raw.begin(), raw.end(), fresh->data());
    bucket = fresh;
    ++count_;
    out.node_ = fresh;
    return out;
  }

  /// The last holder's word, unless somebody found the node before the lock was had.
  void drop(node* n) {
    {
      const std::lock_guard lock(mutex_);
      if (n->holders.fetch_sub(1) != 1) return;
      auto** link = &buckets_[n->hash & (buckets_.size() - 1)];
      while (*link != n) link = &(*link)->next;
      *link = n->next;
      --count_;
    }
    n->~node();  // without the lock: its part may be the last of its kind, too
    ::operator delete(n);
  }

  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

  static table& instance() {
    static auto* const all = new table;  // never destroyed: bytes may outlive everything else
    return *all;
  }

 private:
  table() {
    std::random_device secret;
    for (auto& k : keys_) k = std::uint64_t{secret()} << 32 | secret();
  }

  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using wide = unsigned __int128;
    const auto product = static_cast<wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  /// Keyed, since strangers choose what is hashed.
  std::uint32_t hash_of(byte_view raw, const node* part) const {
    auto out = mix(keys_[0] ^ raw.size(), keys_[1] ^ reinterpret_cast<std::uintptr_t>(part));
    while (!raw.empty()) {
      std::array<std::uint64_t, 2> words{};
      const auto n = std::min(raw.size(), sizeof words);
      std::memcpy(words.data(), raw.data(), n);
      out = mix(words[0] ^ keys_[2] ^ out, words[1] ^ keys_[3]);
      raw = raw.subspan(n);
    }
    out = mix(out ^ keys_[0], keys_[1]);
    return static_cast<std::uint32_t>(out ^ out >> 32);
  }

  void grow() {
    std::vector<node*> more(std::max<std::size_t>(1024, 2 * buckets_.size()), nullptr);
    for (auto* n : buckets_)
      while (n != nullptr) {
        auto* const next = n->next;
        auto& bucket = more[n->hash & (more.size() - 1)];
        n->next = bucket;
        bucket = n;
        n = next;
      }
    buckets_ = std::move(more);
  }

  std::mutex mutex_;
  std::array<std::uint64_t, 4> keys_{};
  std::vector<node*> buckets_;  // a power of two
  std::size_t count_ = 0;
};

shared_bytes shared_bytes::of(byte_view raw, shared_bytes part) {
  return table::instance().get(raw, std::move(part));
}

byte_view shared_bytes::view() const {
  return node_ == nullptr ? byte_view{} : byte_view{node_->data(), node_->size};
}

const shared_bytes& shared_bytes::part() const {
  static const shared_bytes none;
  return node_ == nullptr ? none : node_->part;
}

void shared_bytes::hold(node* n) noexcept {
  if (n != nullptr) n->holders.fetch_add(1, std::memory_order_relaxed);
}

void shared_bytes::release(node* n) noexcept {
  // The last one goes under the table's lock, where alone a node is found without being held.
  auto seen = n->holders.load();
  while (seen > 1)
    if (n->holders.compare_exchange_weak(seen, seen - 1)) return;
  table::instance().drop(n);
}

std::size_t shared_bytes::count() { return table::instance().count(); }

}  // namespace vsf
