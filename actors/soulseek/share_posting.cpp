#include "actors/soulseek/share_posting.hpp"

#include <algorithm>

namespace vsf::soulseek {
namespace {

/// The first range that ends at or behind `id`.
template <class Ranges>
auto first_reaching(Ranges& ranges, std::uint32_t id) {
  return std::partition_point(ranges.begin(), ranges.end(),
                              [id](const auto& one) { return one.first + one.count < id; });
}

}  // namespace

bool posting::contains(std::uint32_t id) const {
  if (!big_) return id - first_ < count_;
  if (big_->bits) return big_->bits->contains(id);
  const auto at = std::partition_point(big_->ranges.begin(), big_->ranges.end(),
                                       [id](const range& one) { return one.first + one.count <= id; });
  return at != big_->ranges.end() && at->first <= id;
}

void posting::add(std::uint32_t id) {
  if (big_) {
    if (!big_->bits) return add_range_to_list(id);
    if (!big_->bits->addChecked(id)) return;
    ++big_->count;
    big_->packed = false;
    return;
  }
  if (count_ == 0) {
    first_ = id;
    count_ = 1;
  } else if (id == first_ + count_) {
    ++count_;
  } else if (id + 1 == first_) {
    first_ = id;
    ++count_;
  } else if (!contains(id)) {
    big_ = std::make_unique<many>();
    big_->ranges.reserve(2);
    big_->ranges.push_back({first_, count_});
    big_->count = count_;
    add_range_to_list(id);
  }
}

void posting::add_range_to_list(std::uint32_t id) {
  auto& ranges = big_->ranges;
  const auto at = first_reaching(ranges, id);
  if (at != ranges.end() && at->first <= id && id < at->first + at->count) return;
  ++big_->count;
  if (at != ranges.end() && at->first + at->count == id) {
    ++at->count;
    const auto next = at + 1;
    if (next == ranges.end() || next->first != id + 1) return;
    at->count += next->count;
    ranges.erase(next);
  } else if (at != ranges.end() && at->first == id + 1) {
    --at->first;
    ++at->count;
  } else if (ranges.size() < max_ranges) {
    // Vectors double; most lists stay short, and there is one for every other word.
    const auto where = at - ranges.begin();
    if (ranges.size() == ranges.capacity())
      ranges.reserve(ranges.size() + std::max<std::size_t>(1, ranges.size() / 2));
    ranges.insert(ranges.begin() + where, {id, 1});
  } else {
    widen();
    big_->bits->add(id);
  }
}

void posting::widen() {
  auto bits = std::make_unique<Roaring>();
  for (const auto& one : big_->ranges) bits->addRange(one.first, std::uint64_t{one.first} + one.count);
  big_->bits = std::move(bits);
  big_->ranges = {};
}

void posting::remove_from_list(std::uint32_t id) {
  auto& ranges = big_->ranges;
  const auto at = std::partition_point(ranges.begin(), ranges.end(),
                                       [id](const range& one) { return one.first + one.count <= id; });
  --big_->count;
  const auto end = at->first + at->count;
  if (at->count == 1) {
    ranges.erase(at);
  } else if (at->first == id) {
    ++at->first;
    --at->count;
  } else if (end == id + 1) {
    --at->count;
  } else {
    at->count = id - at->first;
    ranges.insert(at + 1, {id + 1, end - id - 1});
    if (ranges.size() > max_ranges) widen();
  }
}

void posting::remove(std::uint32_t id) {
  if (!contains(id)) return;
  if (!big_) {
    if (id == first_) {
      ++first_;
      --count_;
      return;
    }
    if (id + 1 == first_ + count_) {
      --count_;
      return;
    }
    big_ = std::make_unique<many>();
    big_->ranges.push_back({first_, count_});
    big_->count = count_;
  }
  if (big_->bits) {
    big_->bits->remove(id);
    --big_->count;
  } else {
    remove_from_list(id);
  }
  if (big_->count > 0) return;
  big_.reset();
  first_ = count_ = 0;
}

const Roaring& posting::bitmap(Roaring& room) const {
  if (big_ && big_->bits) return *big_->bits;
  room = Roaring();
  if (!big_) {
    if (count_ > 0) room.addRange(first_, std::uint64_t{first_} + count_);
  } else {
    for (const auto& one : big_->ranges) room.addRange(one.first, std::uint64_t{one.first} + one.count);
  }
  return room;
}

void posting::pack() {
  if (!big_ || big_->packed) return;
  if (big_->bits) {
    big_->bits->runOptimize();
    big_->bits->shrinkToFit();
  }
  big_->packed = true;
}

std::size_t posting::memory_bytes() const {
  if (!big_) return 0;
  constexpr std::size_t of_allocation = 16;
  std::size_t out = sizeof(many) + of_allocation;
  if (big_->ranges.capacity() > 0) out += big_->ranges.capacity() * sizeof(range) + of_allocation;
  if (big_->bits) out += sizeof(Roaring) + 2 * of_allocation + big_->bits->getSizeInBytes(false);
  return out;
}

}  // namespace vsf::soulseek
