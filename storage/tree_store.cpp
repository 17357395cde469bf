#include "storage/tree_store.hpp"

#include <algorithm>

namespace vsf::storage {

namespace {

// A header for each tree, apart from the hashes: all headers can be read without any of those.
constexpr std::uint8_t header_prefix = 0;
constexpr std::uint8_t hashes_prefix = 1;
// No value is larger than 128 KiB.
constexpr std::size_t hashes_per_value = 4096;

bytes header_key(const digest& root) { return key_builder().number(header_prefix).fixed(root).take(); }
bytes hashes_prefix_of(const digest& root) { return key_builder().number(hashes_prefix).fixed(root).take(); }
bytes hashes_key(const digest& root, std::uint32_t number) {
  return key_builder().number(hashes_prefix).fixed(root).number(number).take();
}

std::uint64_t weight(std::uint64_t leaves) { return leaves * digest::length + tree_store::overhead_bytes; }

}  // namespace

tree_store::tree_store(std::shared_ptr<kv_store> store, std::uint64_t limit_bytes)
    : trees_(std::move(store), family::trees), limit_bytes_(limit_bytes) {}

result<void> tree_store::load() {
  if (loaded_) return {};
  rows_.clear();
  kept_bytes_ = 0;
  std::vector<digest> unreadable;
  const bytes from{header_prefix}, to{hashes_prefix};
  auto scanned = trees_.store().scan(family::trees, from, to, [&](byte_view key, byte_view value) {
    digest root{};
    if (key.size() != 1 + digest::length) return true;
    std::copy(key.begin() + 1, key.end(), root.begin());
    const auto header = record<fb::StoredTree>::parse_copy(value);
    if (!header) {
      unreadable.push_back(root);
      return true;
    }
    rows_[root] = {(*header)->used(), weight((*header)->leaves())};
    kept_bytes_ += rows_[root].weight_bytes;
    next_use_ = std::max(next_use_, (*header)->used() + 1);
    return true;
  });
  if (!scanned) return scanned;
  for (const auto& root : unreadable) {
    ++corrupt_;
    if (auto done = remove(root); !done) return done;
  }
  loaded_ = true;
  return {};
}

result<void> tree_store::add_erasure(write_batch& batch, const digest& root) const {
  trees_.erase(batch, header_key(root));
  const auto prefix = hashes_prefix_of(root);
  return trees_.store().scan(family::trees, prefix, end_of_prefix(prefix), [&](byte_view key, byte_view) {
    trees_.erase(batch, key);
    return true;
  });
}

void tree_store::put_header(write_batch& batch, const digest& root, std::uint64_t leaves,
                            std::uint64_t used) const {
  fb::StoredTreeT header;
  header.leaves = leaves;
  header.used = used;
  trees_.put(batch, header_key(root), record<fb::StoredTree>::pack(header));
}

result<void> tree_store::remove(const digest& root) {
  write_batch batch;
  if (auto added = add_erasure(batch, root); !added) return added;
  if (auto written = trees_.store().write(batch, durability::buffered); !written) return written;
  if (const auto it = rows_.find(root); it != rows_.end()) {
    kept_bytes_ -= it->second.weight_bytes;
    rows_.erase(it);
  }
  return {};
}

result<std::optional<std::vector<digest>>> tree_store::get(const digest& root) {
  const std::lock_guard lock(mutex_);
  if (auto ready = load(); !ready) return tl::unexpected(ready.error());
  const auto it = rows_.find(root);
  if (it == rows_.end()) return std::nullopt;
  const auto leaves = (it->second.weight_bytes - overhead_bytes) / digest::length;
  std::vector<digest> out;
  out.reserve(leaves);
  bool whole = true;
  const auto prefix = hashes_prefix_of(root);
  // Not by record_family's visit: a value that can't be read must end it, not be left out.
  auto scanned =
      trees_.store().scan(family::trees, prefix, end_of_prefix(prefix), [&](byte_view key, byte_view value) {
        const auto part = record<fb::StoredTree>::parse_copy(value);
        const auto number = static_cast<std::uint32_t>(out.size() / hashes_per_value);
        const auto raw = part ? view_of((*part)->hashes()) : byte_view{};
        whole = to_bytes(key) == hashes_key(root, number) && !raw.empty() &&
                raw.size() % digest::length == 0 && raw.size() / digest::length <= leaves - out.size();
        if (!whole) return false;
        for (std::size_t at = 0; at < raw.size(); at += digest::length)
          std::copy_n(raw.begin() + static_cast<std::ptrdiff_t>(at), digest::length,
                      out.emplace_back().begin());
        return true;
      });
  if (!scanned) return tl::unexpected(scanned.error());
  if (!whole || out.size() != leaves) {
    ++corrupt_;
    if (auto done = remove(root); !done) return tl::unexpected(done.error());
    return std::nullopt;
  }
  it->second.used = next_use_++;
  write_batch batch;
  put_header(batch, root, leaves, it->second.used);
  if (auto written = trees_.store().write(batch, durability::buffered); !written)
    return tl::unexpected(written.error());
  return out;
}

result<void> tree_store::put(const digest& root, const std::vector<digest>& leaves) {
  const std::lock_guard lock(mutex_);
  if (auto ready = load(); !ready) return ready;
  const auto mine = weight(leaves.size());
  if (leaves.empty() || mine > limit_bytes_ / 4 || rows_.count(root) != 0) return {};
  write_batch batch;
  std::vector<std::pair<std::uint64_t, digest>> by_use;
  auto total = kept_bytes_ + mine;
  if (total > limit_bytes_)
    for (const auto& [other, r] : rows_) by_use.emplace_back(r.used, other);
  std::sort(by_use.begin(), by_use.end());
  std::size_t going = 0;
  for (; total > limit_bytes_ && going < by_use.size(); ++going) {
    total -= rows_.at(by_use[going].second).weight_bytes;
    if (auto added = add_erasure(batch, by_use[going].second); !added) return added;
  }
  for (std::size_t at = 0; at < leaves.size(); at += hashes_per_value) {
    fb::StoredTreeT part;
    for (auto i = at; i < std::min(at + hashes_per_value, leaves.size()); ++i)
      part.hashes.insert(part.hashes.end(), leaves[i].begin(), leaves[i].end());
    trees_.put(batch, hashes_key(root, static_cast<std::uint32_t>(at / hashes_per_value)),
               record<fb::StoredTree>::pack(part));
  }
  put_header(batch, root, leaves.size(), next_use_);
  if (auto written = trees_.store().write(batch, durability::buffered); !written) return written;
  for (std::size_t i = 0; i < going; ++i) rows_.erase(by_use[i].second);
  evicted_ += going;
  rows_[root] = {next_use_++, mine};
  kept_bytes_ = total;
  return {};
}

result<void> tree_store::reject(const digest& root) {
  const std::lock_guard lock(mutex_);
  ++corrupt_;
  return remove(root);
}

result<std::uint64_t> tree_store::count() {
  const std::lock_guard lock(mutex_);
  if (auto ready = load(); !ready) return tl::unexpected(ready.error());
  return rows_.size();
}

result<std::uint64_t> tree_store::bytes_kept() {
  const std::lock_guard lock(mutex_);
  if (auto ready = load(); !ready) return tl::unexpected(ready.error());
  return kept_bytes_;
}

std::uint64_t tree_store::evicted() const {
  const std::lock_guard lock(mutex_);
  return evicted_;
}

std::uint64_t tree_store::corrupt() const {
  const std::lock_guard lock(mutex_);
  return corrupt_;
}

}  // namespace vsf::storage
