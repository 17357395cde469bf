#include "actors/library/library_actor.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "net/analyzer_process/wire.hpp"

namespace vsf::library {

class walk_control {
 public:
  /// False: the walk shall end.
  bool acquire() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return credits_ > 0 || stop_; });
    if (stop_) return false;
    --credits_;
    return true;
  }
  void give_back(std::size_t n) {
    const std::lock_guard lock(mutex_);
    credits_ += n;
    wake_.notify_one();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }
  const std::atomic<bool>& stopped() const { return stop_; }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::size_t credits_ = 8;
  std::atomic<bool> stop_{false};
};

library_state::~library_state() {
  if (walk) walk->stop();
}

namespace {

using self_pointer = library_actor::stateful_pointer<library_state>;
using std::chrono::nanoseconds;

constexpr nanoseconds changes_within = std::chrono::seconds(1);
// Beyond that the walk waits for the analyzer, so that a first scan of a large library doesn't list it into
// memory.
constexpr std::size_t queue_for_walk = 2048;

/// Nothing that works for the library keeps it alive.
template <class Message>
void pass_on(const caf::actor_addr& weak, Message message) {
  if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak))
    caf::anon_send(caf::actor_cast<library_actor>(strong), std::move(message));
}

/// Lists the folders and hands the parts to `give`, the last with `finished`. `give` returns false to end it.
template <class Give>
void list_folders(walker& source, const library_index::walk_order& order, const std::atomic<bool>& stop,
                  Give give) {
  files_walked last;
  last.walk = order.walk;
  last.finished = last.complete = true;
  try {
    for (const auto& folder : order.folders) {
      auto report = source.walk(
          folder, net::walk_limits{}, is_audio_name,
          [&](std::vector<net::walked_file> batch) {
            files_walked part;
            part.walk = order.walk;
            for (auto& file : batch) part.entries.push_back({std::move(file.path), file.size, file.mtime_ns});
            return give(std::move(part));
          },
          stop);
      if (report.stopped) return;
      last.complete = last.complete && report.complete();
      std::ranges::move(report.problems, std::back_inserter(last.problems));
      std::ranges::move(report.unread_paths, std::back_inserter(last.unread));
    }
  } catch (const std::exception& e) {
    last.complete = false;
    last.problems.push_back(std::string("Listing the folders failed: ") + e.what());
  }
  give(std::move(last));
}

void work(self_pointer self);

void take_part(self_pointer self, const files_walked& part) {
  auto& index = *self->state.index;
  std::vector<library_index::listed_file> files;
  files.reserve(part.entries.size());
  for (const auto& e : part.entries) files.push_back({e.path, e.size, e.mtime_ns});
  index.see(part.walk, files);
  if (part.finished) index.walked(part.walk, part.complete, part.unread, part.problems);
}

void start_walk(self_pointer self, const library_index::walk_order& order) {
  auto& st = self->state;
  if (st.walk) st.walk->stop();
  st.walk.reset();
  st.credits_held = 0;
  if (st.env->inline_workers) {
    list_folders(*st.env->walker, order, std::atomic<bool>{false}, [&](const files_walked& part) {
      take_part(self, part);
      return true;
    });
    return;
  }
  st.walk = std::make_shared<walk_control>();
  self->spawn<caf::detached>(
      [source = st.env->walker, order, control = st.walk, me = self->address()](caf::event_based_actor*) {
        list_folders(*source, order, control->stopped(), [&](files_walked part) {
          if (!control->acquire()) return false;
          pass_on(me, std::move(part));
          return true;
        });
      });
}

void give_back_credits(library_state& st) {
  if (!st.walk || st.credits_held == 0 || st.index->queued() > queue_for_walk) return;
  st.walk->give_back(std::exchange(st.credits_held, 0));
}

void order_analyses(self_pointer self) {
  auto& st = self->state;
  for (auto& order : st.index->take_orders()) {
    const auto id = order.id;
    auto path = order.path;
    st.env->analyzer->analyze(std::move(path), {},
                              [me = self->address(), id](result<record<fb::FileEntry>> entry) {
                                pass_on(me, file_analyzed{id, {}, std::move(entry)});
                              });
  }
}

void order_fingerprint(self_pointer self, nanoseconds now) {
  auto& st = self->state;
  // A scan needs the analyzer more.
  if (st.index->scanning() || !st.fingerprints->running() || st.fingerprints->in_flight()) return;
  const auto order = st.fingerprints->take_order();
  if (order)
    st.env->analyzer->analyze(order->path, {.fingerprint = true},
                              [me = self->address(), id = order->id](result<record<fb::FileEntry>> entry) {
                                pass_on(me, file_analyzed{id, {}, std::move(entry)});
                              });
  else if (st.fingerprints->running())
    st.timer.arm(self, now);
}

void say_changes(self_pointer self, nanoseconds now, bool all) {
  auto& st = self->state;
  while (auto changes = st.index->take_changes(all)) {
    // The publisher reads the whole library when it comes up: what changed before need not be told.
    const auto told = record<fb::LibraryChanged>::pack(*changes);
    if (st.links.publisher) self->send(st.links.publisher, told);
    if (st.links.soulseek) self->send(st.links.soulseek, told);
  }
  if (!st.index->has_changes())
    st.changes_due.reset();
  else if (!st.changes_due)
    st.changes_due = now + changes_within;
}

void say_finished(self_pointer self, const scan_summary& scan) {
  auto& st = self->state;
  const auto stats = st.index->stats();
  const auto text = std::to_string(scan.added) + " files new, " + std::to_string(scan.changed) +
                    " changed, " + std::to_string(scan.removed) + " gone, " + std::to_string(scan.failed) +
                    " can't be read; " + std::to_string(stats.shareable) + " of " +
                    std::to_string(stats.files) + " files can be shared";
  st.env->log(log_level::info, "library", text);
  if (!scan.anything() || !st.links.telemetry) return;
  fb::EventT event;
  event.kind = fb::EventKind::library_changed;
  event.subject = "library";
  event.text = text;
  self->send(st.links.telemetry, record<fb::Event>::pack(event));
}

/// Does what can be done now and arms the timer for the rest.
void work(self_pointer self) {
  auto& st = self->state;
  const auto now = supervisor::now(self);
  if (st.next_scan && *st.next_scan <= now) {
    st.next_scan.reset();
    st.index->want_scan();
  }
  if (const auto order = st.index->begin(now)) start_walk(self, *order);
  st.index->sweep_some();
  order_analyses(self);
  give_back_credits(st);
  const auto finished = st.index->take_finished(now);
  say_changes(self, now, finished || (st.changes_due && *st.changes_due <= now));
  if (finished) {
    st.last_scan = *finished;
    st.scanned = true;
    say_finished(self, *finished);
    st.fingerprints->begin();
    const auto minutes = st.env->settings.library.scan_interval_minutes;
    if (minutes > 0 && finished->full) st.next_scan = now + std::chrono::minutes(minutes);
    // Something may have been asked for meanwhile.
    st.timer.arm(self, now);
  }
  order_fingerprint(self, now);
  if (st.index->work()) st.timer.arm(self, now);
  if (st.changes_due) st.timer.arm(self, *st.changes_due);
  if (st.next_scan) st.timer.arm(self, *st.next_scan);
}

void start_watch(self_pointer self) {
  auto& st = self->state;
  if (!st.env->settings.library.watch || st.index->roots().empty()) return;
  auto made = st.env->walker->watch(
      st.index->roots(),
      [me = self->address()](std::vector<std::string> folders) { pass_on(me, rescan{std::move(folders)}); });
  if (made) {
    st.watch = std::move(*made);
    return;
  }
  st.watch_problem = made.error().message;
  st.env->log(log_level::warning, "library", st.watch_problem);
}

void report(self_pointer self, std::uint64_t round) {
  const auto& st = self->state;
  if (!st.links.telemetry) return;
  fb::ComponentReportT out;
  out.path = "library";
  out.kind = library_state::name;
  out.mailbox = supervisor::mailbox_size(self);
  const auto counter = [&](const char* name, std::uint64_t value, const char* label = "") {
    auto one = std::make_unique<fb::CounterT>();
    one->name = name;
    one->label = label;
    one->value = value;
    out.counters.push_back(std::move(one));
  };
  const auto gauge = [&](const char* name, std::uint64_t value) {
    auto one = std::make_unique<fb::GaugeT>();
    one->name = name;
    one->value = static_cast<std::int64_t>(value);
    out.gauges.push_back(std::move(one));
  };
  const auto& c = st.index->counters();
  counter("scans", c.scans, "scope=\"all\"");
  counter("scans", c.partial_scans, "scope=\"folders\"");
  counter("files_listed", c.listed);
  counter("files_analyzed", c.analyzed);
  counter("files_failed", c.unreadable, "reason=\"unreadable\"");
  counter("files_failed", c.bad_files, "reason=\"bad_content\"");
  counter("files_removed", c.removed);
  const auto& f = st.fingerprints->counted();
  counter("files_fingerprinted", f.fingerprinted, "outcome=\"sketch\"");
  counter("files_fingerprinted", f.without, "outcome=\"none\"");
  counter("files_fingerprinted", f.put_off, "outcome=\"put_off\"");
  counter("store_errors", c.store_errors + f.store_errors);
  const auto stats = st.index->stats();
  gauge("files", stats.files);
  gauge("files_shareable", stats.shareable);
  gauge("bytes_shareable", stats.bytes);
  gauge("scanning", st.index->scanning() ? 1 : 0);
  // Also while the publisher was not told of the last one yet.
  gauge("fingerprinting", st.fingerprints->running() || st.index->has_changes() ? 1 : 0);
  gauge("files_to_analyze", st.index->queued() + st.index->in_flight());
  gauge("last_scan_ms", static_cast<std::uint64_t>(st.last_scan.took / std::chrono::milliseconds(1)));
  if (st.index->roots().empty()) out.notes.push_back("library.paths is empty: this node shares nothing.");
  if (st.watch) {
    const auto watched = st.watch->status();
    gauge("folders_watched", watched.folders);
    counter("folder_events", watched.events);
    if (!watched.problem.empty()) out.notes.push_back(net::clean_text(watched.problem, 512));
  }
  if (!st.watch_problem.empty()) out.notes.push_back(st.watch_problem);
  if (st.index->scanning())
    out.notes.push_back("Scanning: " + std::to_string(st.index->queued() + st.index->in_flight()) +
                        " files are still to be looked into.");
  for (const auto& text : st.index->problems()) out.notes.push_back(text);
  if (st.index->problem_count() > st.index->problems().size())
    out.notes.push_back("... and " + std::to_string(st.index->problem_count() - st.index->problems().size()) +
                        " more problems in the last scan.");
  self->send(st.links.telemetry, record<fb::ComponentReport>::pack(out), round);
}

}  // namespace

library_actor::behavior_type library(self_pointer self, environment_ptr env) {
  supervisor::prepare(self);
  auto& st = self->state;
  st.env = env;
  index_settings settings;
  settings.roots = env->settings.library.paths;
  st.index.emplace(env->store, std::move(settings));
  st.fingerprints.emplace(env->store);
  st.index->want_scan();
  start_watch(self);
  return {
      [=](const rescan& request) {
        self->state.index->want_scan(request.folders);
        work(self);
      },
      [=](const files_walked& part) {
        ++self->state.credits_held;
        take_part(self, part);
        work(self);
      },
      [=](const file_analyzed& answer) {
        auto& state = self->state;
        state.index->analyzed(answer.id, answer.entry);
        if (const auto sketched = state.fingerprints->analyzed(answer.id, answer.entry))
          state.index->changed(*sketched);
        work(self);
      },
      [=](const component_links& links) {
        self->state.links = links;
        work(self);
      },
      [=](report_request request) { report(self, request.round); },
      [=](const alarm& message) {
        if (self->state.timer.take(message)) work(self);
      },
  };
}

}  // namespace vsf::library
