#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/library/scan_plan.hpp"
#include "messages/schemas.hpp"
#include "storage/library_store.hpp"

namespace vsf::library {

struct index_settings {
  std::vector<std::string> roots;  // folders; those beneath another are dropped
  std::size_t max_files = 2'000'000;
  std::size_t in_flight = 8;  // files with the analyzer
  std::size_t swept_per_step = 1024;
  std::size_t problems_kept = 20;
  std::size_t changes_per_batch = 256;
};

struct index_counters {
  std::uint64_t scans = 0, partial_scans = 0, listed = 0, analyzed = 0, unreadable = 0, bad_files = 0,
                removed = 0, store_errors = 0;
};

/// A file the analyzer should look into; its answer carries the id.
struct analysis {
  std::uint64_t id = 0;
  std::string path;
};

/// What one scan found; whoever tells people about it needs no more.
struct scan_summary {
  std::uint64_t added = 0, changed = 0, removed = 0, unchanged = 0, failed = 0;
  bool full = true;
  std::chrono::nanoseconds took{};
  bool anything() const { return added + changed + removed > 0; }
};

/// What the library component decides: compares listings with library_store, has new and changed files
/// analysed, takes out what is gone, and collects the MBIDs whose files changed. One scan at a time, of
/// everything or of some folders.
class library_index {
 public:
  library_index(const std::shared_ptr<storage::kv_store>& store, index_settings settings);

  const std::vector<std::string>& roots() const { return settings_.roots; }
  bool scanning() const { return stage_ != stage::idle; }
  /// Asks for a scan as soon as none runs; of everything if `folders` is empty, otherwise of those that lie
  /// beneath a root.
  void want_scan(const std::vector<std::string>& folders = {});
  /// Begins a wanted scan if none runs: the folders to list now. The list may be empty: then nothing is
  /// listed.
  struct walk_order {
    std::uint64_t walk = 0;
    std::vector<std::string> folders;
  };
  std::optional<walk_order> begin(std::chrono::nanoseconds now);

  struct listed_file {
    std::string path;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
  };
  /// A part of the listing; of another walk than the present one: ignored.
  void see(std::uint64_t walk, const std::vector<listed_file>& files);
  /// The listing has ended. `complete`: all that was not seen is beneath one of `unread`.
  void walked(std::uint64_t walk, bool complete, std::vector<std::string> unread,
              const std::vector<std::string>& problems);

  /// Files to hand to the analyzer now.
  std::vector<analysis> take_orders();
  /// Its answer. One that was not asked for is ignored.
  void analyzed(std::uint64_t id, const result<record<fb::FileEntry>>& entry);
  /// Takes out a part of what is gone. Call again while work() says so.
  void sweep_some();
  bool work() const { return stage_ == stage::sweeping; }
  /// Once for each scan, when it has ended.
  std::optional<scan_summary> take_finished(std::chrono::nanoseconds now);

  /// A batch of changed MBIDs. Not `all`: only a full batch or the last of a scan.
  std::optional<fb::LibraryChangedT> take_changes(bool all);
  /// Something else about the files of this recording changed.
  void changed(const mbid& recording) { recordings_.insert(recording); }
  bool has_changes() const { return !recordings_.empty() || !releases_.empty(); }

  std::size_t queued() const { return queue_.size(); }
  std::size_t in_flight() const { return flying_.size(); }
  storage::library_stats stats() const;
  const index_counters& counters() const { return counters_; }
  /// What could not be read in the last scan, the first of them word by word.
  const std::vector<std::string>& problems() const { return problems_; }
  std::uint64_t problem_count() const { return problem_count_; }

 private:
  enum class stage : std::uint8_t { idle, walking, sweeping, analysing };
  void problem(std::string text);
  void note_change(const fb::FileEntry& entry);
  void note_change(const std::string& path);
  void remove(const std::vector<std::string>& paths);
  void check_store(const result<void>& done);

  storage::library_store store_;
  index_settings settings_;
  bool want_full_ = false;
  std::set<std::string> want_folders_;
  stage stage_ = stage::idle;
  std::uint64_t walk_ = 0;
  std::optional<scan_plan> plan_;
  std::vector<std::string> scope_;    // folders of the present scan
  std::deque<std::string> to_sweep_;  // prefixes of the store still to go through; "" is all of it
  std::string sweep_from_;
  std::deque<std::string> queue_;
  std::map<std::uint64_t, std::string> flying_;
  std::uint64_t next_id_ = 1;
  std::set<mbid> recordings_, releases_;
  scan_summary summary_;
  std::chrono::nanoseconds started_{};
  std::vector<std::string> problems_;
  std::uint64_t problem_count_ = 0;
  index_counters counters_;
};

}  // namespace vsf::library
