#include "actors/library/library_index.hpp"

#include <algorithm>

#include "actors/library/sketch.hpp"
#include "net/analyzer_process/wire.hpp"

namespace vsf::library {
namespace {

constexpr std::size_t max_wanted_folders = 1000;

std::vector<std::string> without_nested(std::vector<std::string> folders) {
  for (auto& folder : folders)
    while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  std::erase_if(folders, [](const std::string& folder) { return folder.empty(); });
  std::ranges::sort(folders);
  std::vector<std::string> out;
  for (auto& folder : folders)
    if (std::ranges::none_of(out, [&](const std::string& above) { return is_beneath(folder, above); }))
      out.push_back(std::move(folder));
  return out;
}

}  // namespace

library_index::library_index(const std::shared_ptr<storage::kv_store>& store, index_settings settings)
    : store_(store), settings_(std::move(settings)) {
  settings_.roots = without_nested(std::move(settings_.roots));
}

void library_index::want_scan(const std::vector<std::string>& folders) {
  if (folders.empty()) want_full_ = true;
  for (const auto& folder : folders) {
    const bool ours = std::ranges::any_of(settings_.roots,
                                          [&](const std::string& root) { return is_beneath(folder, root); });
    if (ours) want_folders_.insert(folder);
  }
  // So many changes at once are a change of everything.
  if (want_folders_.size() > max_wanted_folders) want_full_ = true;
  if (want_full_) want_folders_.clear();
}

std::optional<library_index::walk_order> library_index::begin(std::chrono::nanoseconds now) {
  if (scanning() || (!want_full_ && want_folders_.empty())) return std::nullopt;
  const bool full = std::exchange(want_full_, false);
  scope_ = full ? settings_.roots
                : without_nested({std::make_move_iterator(want_folders_.begin()),
                                  std::make_move_iterator(want_folders_.end())});
  want_folders_.clear();
  ++(full ? counters_.scans : counters_.partial_scans);
  plan_.emplace(scope_, settings_.max_files);
  // What lies beneath no folder any more has to go, too: a full scan goes through all of the store.
  to_sweep_.clear();
  if (full)
    to_sweep_.emplace_back();
  else
    to_sweep_.assign(scope_.begin(), scope_.end());
  sweep_from_ = to_sweep_.front();
  summary_ = {};
  summary_.full = full;
  started_ = now;
  problems_.clear();
  problem_count_ = 0;
  stage_ = stage::walking;
  return walk_order{++walk_, scope_};
}

void library_index::problem(std::string text) {
  ++problem_count_;
  if (problems_.size() < settings_.problems_kept) problems_.push_back(net::clean_text(text, 512));
}

void library_index::check_store(const result<void>& done) {
  if (done) return;
  ++counters_.store_errors;
  problem(done.error().message);
}

void library_index::see(std::uint64_t walk, const std::vector<listed_file>& files) {
  if (stage_ != stage::walking || walk != walk_) return;
  for (const auto& file : files) {
    ++counters_.listed;
    const auto entry = store_.get(file.path);
    if (!entry) {
      ++counters_.store_errors;
      problem(entry.error().message);
      // Unknown is not gone: seen, but left alone until the store can be read.
      const known_file same{file.size, file.mtime_ns};
      plan_->see(file.path, file.size, file.mtime_ns, &same);
      continue;
    }
    known_file known;
    if (*entry) known = {(**entry)->size(), (**entry)->mtime_ns()};
    const auto verdict = plan_->see(file.path, file.size, file.mtime_ns, *entry ? &known : nullptr);
    if (verdict != scan_plan::verdict::unchanged) queue_.push_back(file.path);
  }
}

void library_index::walked(std::uint64_t walk, bool complete, std::vector<std::string> unread,
                           const std::vector<std::string>& problems) {
  if (stage_ != stage::walking || walk != walk_) return;
  for (const auto& text : problems) problem(text);
  plan_->finish(complete, std::move(unread));
  const auto& counts = plan_->counted();
  if (counts.over_limit > 0)
    problem(std::to_string(counts.over_limit) + " files beyond the limit of " +
            std::to_string(settings_.max_files) + " were left out.");
  summary_.added = counts.added;
  summary_.changed = counts.changed;
  summary_.unchanged = counts.unchanged;
  stage_ = stage::sweeping;
}

void library_index::sweep_some() {
  if (stage_ != stage::sweeping) return;
  const auto prefix = to_sweep_.front();
  std::vector<std::string> gone;
  std::size_t n = 0;
  bool more = false;
  const auto done = store_.for_each(
      [&](const record<fb::FileEntry>& entry) {
        const auto path = string_of(entry->path());
        if (!path.starts_with(prefix)) return false;
        if (n++ == settings_.swept_per_step) {
          sweep_from_ = path;
          more = true;
          return false;
        }
        if ((prefix.empty() || is_beneath(path, prefix)) && plan_->is_gone(path)) gone.push_back(path);
        return true;
      },
      sweep_from_);
  check_store(done);
  summary_.removed += gone.size();
  remove(gone);
  if (more && done) return;
  to_sweep_.pop_front();
  if (!to_sweep_.empty()) {
    sweep_from_ = to_sweep_.front();
    return;
  }
  plan_.reset();
  stage_ = stage::analysing;
}

void library_index::remove(const std::vector<std::string>& paths) {
  if (paths.empty()) return;
  for (const auto& path : paths) note_change(path);
  counters_.removed += paths.size();
  check_store(store_.remove(paths));
}

void library_index::note_change(const fb::FileEntry& entry) {
  if (entry.recording() != nullptr) recordings_.insert(from_fb<mbid>(*entry.recording()));
  if (entry.release() != nullptr) releases_.insert(from_fb<mbid>(*entry.release()));
}

void library_index::note_change(const std::string& path) {
  const auto old = store_.get(path);
  if (old && *old) note_change(***old);
}

std::vector<analysis> library_index::take_orders() {
  std::vector<analysis> out;
  while (!queue_.empty() && flying_.size() < settings_.in_flight) {
    const auto id = next_id_++;
    out.push_back({id, std::move(queue_.front())});
    queue_.pop_front();
    flying_[id] = out.back().path;
  }
  return out;
}

void library_index::analyzed(std::uint64_t id, const result<record<fb::FileEntry>>& entry) {
  const auto at = flying_.find(id);
  if (at == flying_.end()) return;
  const auto path = std::move(at->second);
  flying_.erase(at);
  // Both what it said before and what it says now is published otherwise from here on.
  note_change(path);
  if (!entry) {
    // What it was is no longer so; what it is can't be told. The next scan tries again.
    ++counters_.unreadable;
    ++summary_.failed;
    problem(path + ": " + entry.error().message);
    check_store(store_.remove({path}));
    return;
  }
  auto native = entry->unpack();
  native.path = path;
  const auto answered = entry->unpack();
  keep_sketch(answered, native);
  ++counters_.analyzed;
  if (!native.problem.empty()) {
    ++counters_.bad_files;
    ++summary_.failed;
    problem(path + ": " + native.problem);
  }
  check_store(store_.put(native));
  note_change(**entry);
}

std::optional<scan_summary> library_index::take_finished(std::chrono::nanoseconds now) {
  if (stage_ != stage::analysing || !queue_.empty() || !flying_.empty()) return std::nullopt;
  stage_ = stage::idle;
  summary_.took = now - started_;
  return summary_;
}

std::optional<fb::LibraryChangedT> library_index::take_changes(bool all) {
  const auto waiting = recordings_.size() + releases_.size();
  if (waiting == 0 || (!all && waiting < settings_.changes_per_batch)) return std::nullopt;
  fb::LibraryChangedT out;
  const auto take = [&](std::set<mbid>& from, std::vector<fb::Bytes16>& to) {
    while (!from.empty() && out.recordings.size() + out.releases.size() < settings_.changes_per_batch) {
      to.push_back(to_fb(*from.begin()));
      from.erase(from.begin());
    }
  };
  take(recordings_, out.recordings);
  take(releases_, out.releases);
  return out;
}

storage::library_stats library_index::stats() const {
  return store_.stats().value_or(storage::library_stats{});
}

}  // namespace vsf::library
