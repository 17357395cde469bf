#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "messages/schemas.hpp"

namespace vsf::telemetry {

/// One collection of reports: open until every asked component answered or the deadline passed. Pure.
class status_round {
 public:
  status_round(std::uint64_t id, std::size_t expected, std::chrono::nanoseconds deadline)
      : id_(id), expected_(expected), deadline_(deadline) {}

  /// True when this report was the last one missing. A second report of the same path replaces the first.
  bool add(const record<fb::ComponentReport>& report);
  bool complete() const { return reports_.size() >= expected_; }
  bool due(std::chrono::nanoseconds now) const { return now >= deadline_; }
  std::uint64_t id() const { return id_; }
  std::chrono::nanoseconds deadline() const { return deadline_; }

  /// Sorted by path.
  std::vector<std::unique_ptr<fb::ComponentReportT>> take_reports();

 private:
  std::uint64_t id_;
  std::size_t expected_;
  std::chrono::nanoseconds deadline_;
  std::map<std::string, record<fb::ComponentReport>> reports_;
};

/// The tree of supervised actors as their supervisors report it: restarts by path, kept after an actor has
/// gone (bounded), so that what was restarted stays visible.
class actor_tree {
 public:
  static constexpr std::size_t max_rows = 4096;

  struct row {
    std::string kind;
    bool running = false;
    std::uint32_t restarts = 0;
    std::string last_error;
  };

  /// Whether it is news that this actor was restarted: a telemetry that was restarted itself is told of all
  /// restarts so far again, and only its own is news then.
  bool is_restart(const std::string& path, bool running, std::uint32_t restarts) const;
  void changed(const std::string& path, const std::string& kind, bool running, std::uint32_t restarts,
               const std::string& reason);
  const std::map<std::string, row>& rows() const { return rows_; }
  std::uint64_t restarts_total() const { return restarts_total_; }
  std::uint64_t rows_dropped() const { return rows_dropped_; }

 private:
  std::map<std::string, row> rows_;
  std::uint64_t restarts_total_ = 0;
  std::uint64_t rows_dropped_ = 0;
};

}  // namespace vsf::telemetry
