#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace vsf {

/// Rows in the order in which they are inserted, kept in short runs: a row costs little more than its own
/// size, and an insertion moves few others. For rows that are small and cheap to move. A change makes all
/// positions invalid but those it returns.
template <class Row>
class sorted_runs {
 public:
  struct position {
    std::size_t run = 0, row = 0;
    bool operator==(const position&) const = default;
  };

  std::size_t size() const { return size_; }
  position begin() const { return {}; }
  position end() const { return {runs_.size(), 0}; }
  position next(position at) const {
    return at.row + 1 < runs_[at.run].size() ? position{at.run, at.row + 1} : position{at.run + 1, 0};
  }
  Row& operator[](position at) { return runs_[at.run][at.row]; }
  const Row& operator[](position at) const { return runs_[at.run][at.row]; }

  /// The first row that is not `before`; those that are come first.
  template <class Before>
  position first_not(const Before& before) const {
    // A run whose last row is before has none that is not.
    const auto run = std::partition_point(runs_.begin(), runs_.end(),
                                          [&](const auto& rows) { return before(rows.back()); });
    if (run == runs_.end()) return end();
    const auto row = std::partition_point(run->begin(), run->end(), before);
    return {static_cast<std::size_t>(run - runs_.begin()), static_cast<std::size_t>(row - run->begin())};
  }

  /// Before the row at `at`.
  void insert(position at, Row row) {
    if (at.row == 0 && at.run > 0) at = {at.run - 1, runs_[at.run - 1].size()};
    if (runs_.empty()) runs_.emplace_back();
    if (runs_[at.run].size() == longest_run) at = split(at);
    auto& rows = runs_[at.run];
    if (rows.size() == rows.capacity()) rows.reserve(rows.size() + spare_rows);
    rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(at.row), std::move(row));
    ++size_;
  }

  /// Where the row after it is now.
  position erase(position at) {
    auto& rows = runs_[at.run];
    rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(at.row));
    --size_;
    if (rows.empty()) {
      runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(at.run));
      return {at.run, 0};
    }
    return at.row < rows.size() ? at : position{at.run + 1, 0};
  }

  void clear() {
    runs_ = {};
    size_ = 0;
  }

  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const auto& rows : runs_)
      for (const auto& row : rows) visit(row);
  }

 private:
  static constexpr std::size_t longest_run = 64;
  static constexpr std::size_t spare_rows = 8;

  /// Both halves in memory of their own size.
  position split(position at) {
    auto& rows = runs_[at.run];
    const auto middle = rows.begin() + longest_run / 2;
    std::vector<Row> first, second;
    first.reserve(longest_run / 2 + spare_rows);
    second.reserve(longest_run / 2 + spare_rows);
    first.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(middle));
    second.assign(std::make_move_iterator(middle), std::make_move_iterator(rows.end()));
    rows = std::move(first);
    runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(at.run) + 1, std::move(second));
    return at.row <= longest_run / 2 ? at : position{at.run + 1, at.row - longest_run / 2};
  }

  std::vector<std::vector<Row>> runs_;  // none is empty
  std::size_t size_ = 0;
};

}  // namespace vsf
