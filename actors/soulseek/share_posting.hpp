#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <roaring/roaring.hh>

namespace vsf::soulseek {

/// A set of file ids. Most words belong to the files of one folder, whose ids follow each other: those are
/// kept as one range without any allocation, some ranges as a list, many as a Roaring bitmap.
class posting {
 public:
  std::uint32_t count() const { return big_ ? big_->count : count_; }
  bool contains(std::uint32_t id) const;
  void add(std::uint32_t id);
  void remove(std::uint32_t id);
  /// Ascending, until `visit` returns false.
  template <class Visit>
  void for_each(Visit visit) const;
  /// The set as a bitmap: its own, or made in `room`.
  const Roaring& bitmap(Roaring& room) const;
  /// Packs a bitmap after many additions.
  void pack();
  std::size_t memory_bytes() const;

 private:
  struct range {
    std::uint32_t first, count;
  };
  struct many {
    std::vector<range> ranges;
    std::unique_ptr<Roaring> bits;  // then ranges is empty
    std::uint32_t count = 0;
    bool packed = false;
  };
  static constexpr std::size_t max_ranges = 64;

  void add_range_to_list(std::uint32_t id);
  void remove_from_list(std::uint32_t id);
  void widen();

  std::uint32_t first_ = 0, count_ = 0;  // while there is no big_
  std::unique_ptr<many> big_;
};

template <class Visit>
void posting::for_each(Visit visit) const {
  const auto run = [&](std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
      if (!visit(first + i)) return false;
    return true;
  };
  if (!big_) {
    run(first_, count_);
  } else if (!big_->bits) {
    for (const auto& one : big_->ranges)
      if (!run(one.first, one.count)) return;
  } else {
    for (const auto id : *big_->bits)
      if (!visit(id)) return;
  }
}

}  // namespace vsf::soulseek
