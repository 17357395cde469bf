#include "actors/library/library_actor.hpp"

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include <caf/scoped_actor.hpp>

#include "net/crypto/random.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::library {
namespace {

using namespace std::chrono_literals;

mbid song_of(const std::string& path) {
  mbid out{};
  const auto h = std::hash<std::string>{}(std::filesystem::path(path).filename().string());
  std::memcpy(out.data(), &h, sizeof h);
  out.back() = 1;
  return out;
}
const mbid album = [] {
  mbid out;
  out.fill(7);
  return out;
}();

/// Says about every file what its name says; "bad" is no audio file, "locked" can't be opened.
struct fake_analyzer final : analyzer {
  struct job {
    std::string path;
    bool fingerprint;
    done on_done;
  };
  table_walker* table = nullptr;
  std::map<std::string, std::uint64_t> sizes;
  std::map<std::string, std::int64_t> mtimes;
  std::vector<job> waiting;
  std::vector<std::string> analyzed, listened;
  std::size_t most_waiting = 0;
  bool hold = false;

  static fb::FileEntryT entry_for(const std::string& path, std::uint64_t size, std::int64_t mtime_ns) {
    fb::FileEntryT out;
    out.path = path;
    out.size = size;
    out.mtime_ns = mtime_ns;
    out.codec = fb::Codec::flac;
    if (path.find("bad") != std::string::npos) {
      out.problem = "not an audio file";
      return out;
    }
    out.recording = box(song_of(path));
    out.release = box(album);
    digest root{};
    std::memcpy(root.data(), song_of(path).data(), 16);
    root.back() = static_cast<std::uint8_t>(size);
    out.root = box(root);
    out.sha256 = box(root);
    return out;
  }
  void answer(job j) {
    if (j.path.find("locked") != std::string::npos) return j.on_done(fail("Permission denied"));
    (j.fingerprint ? listened : analyzed).push_back(j.path);
    auto entry = entry_for(j.path, sizes[j.path], mtimes[j.path]);
    entry.fingerprinted = j.fingerprint;
    if (j.fingerprint && j.path.find("short") == std::string::npos) entry.sub_fingerprints.assign(100, 7);
    j.on_done(record<fb::FileEntry>::pack(entry));
  }
  void analyze(std::string path, analyze_options what, done on_done) override {
    waiting.push_back({std::move(path), what.fingerprint, std::move(on_done)});
    most_waiting = std::max(most_waiting, waiting.size());
    if (!hold) flush();
  }
  void flush() {
    for (auto& j : std::exchange(waiting, {})) answer(std::move(j));
  }
};

struct heard {
  std::set<mbid> recordings, releases;
  std::size_t batches = 0;
  std::vector<fb::EventT> events;
  std::vector<fb::ComponentReportT> reports;
};

publisher_actor::behavior_type fake_publisher(publisher_actor::pointer, std::shared_ptr<heard> log) {
  return {
      [=](const record<fb::LibraryChanged>& change) {
        ++log->batches;
        if (change->recordings() != nullptr)
          for (const auto* id : *change->recordings()) log->recordings.insert(from_fb<mbid>(*id));
        if (change->releases() != nullptr)
          for (const auto* id : *change->releases()) log->releases.insert(from_fb<mbid>(*id));
      },
      [](const record<fb::DhtGetResult>&) {},
      [](const record<fb::DhtSweepResult>&) {},
      [](const record<fb::DhtFindResult>&) {},
      [](const component_links&) {},
      [](report_request) {},
      [](const alarm&) {},
  };
}

telemetry_actor::behavior_type fake_telemetry(telemetry_actor::pointer, std::shared_ptr<heard> log) {
  return {
      [](status_request) { return record<fb::NodeStatus>::pack({}); },
      [=](const record<fb::ComponentReport>& report, std::uint64_t) {
        log->reports.push_back(report.unpack());
      },
      [=](const record<fb::Event>& event) { log->events.push_back(event.unpack()); },
      [](const subscribe&) {},
      [](const child_changed&) {},
      [](const component_links&) {},
      [](const alarm&) {},
  };
}

struct library_component : tests::virtual_time {
  std::shared_ptr<storage::memory_store> store{storage::make_memory_store()};
  std::shared_ptr<fake_analyzer> looker = std::make_shared<fake_analyzer>();
  std::shared_ptr<table_walker> listing = std::make_shared<table_walker>();
  std::shared_ptr<environment> env = std::make_shared<environment>();
  std::shared_ptr<heard> log = std::make_shared<heard>();
  storage::library_store files{store};
  component_links links;

  void SetUp() override {
    env->settings.library.paths = {"/music"};
    env->settings.library.scan_interval_minutes = 60;
    env->store = store;
    env->analyzer = looker;
    env->walker = listing;
    env->random = std::make_shared<crypto::seeded_random>(1);
    env->unix_ms = [](std::chrono::nanoseconds) { return std::uint64_t{1}; };
    env->log = [](log_level, std::string_view, std::string_view) {};
    env->inline_workers = true;
    links.publisher = keep(system().spawn(fake_publisher, log));
    links.telemetry = keep(system().spawn(fake_telemetry, log));
  }
  library_actor start() {
    auto out = keep(system().spawn(library, environment_ptr(env)));
    caf::anon_send(out, links);
    settle();
    return out;
  }
  void put(const std::string& path, std::uint64_t size = 10, std::int64_t mtime_ns = 1) {
    listing->put({path, size, mtime_ns});
    looker->sizes[path] = size;
    looker->mtimes[path] = mtime_ns;
  }
  fb::ComponentReportT report_of(const library_actor& whom) {
    log->reports.clear();
    caf::anon_send(whom, report_request{1});
    settle();
    EXPECT_EQ(log->reports.size(), 1u);
    return std::move(log->reports.back());
  }
  static std::int64_t gauge(const fb::ComponentReportT& report, const std::string& name) {
    for (const auto& g : report.gauges)
      if (g->name == name) return g->value;
    return -1;
  }
  static std::uint64_t counter(const fb::ComponentReportT& report, const std::string& name,
                               const std::string& label = {}) {
    for (const auto& c : report.counters)
      if (c->name == name && c->label == label) return c->value;
    return ~0ull;
  }
};

TEST_F(library_component, a_first_scan_finds_everything_and_tells_the_publisher) {
  for (int i = 0; i < 700; ++i) put("/music/" + std::to_string(i) + ".flac");
  put("/music/cover.jpg");
  const auto who = start();
  run_for(5s);
  EXPECT_EQ(*files.count(), 700u);
  EXPECT_EQ(log->recordings.size(), 700u);
  EXPECT_EQ(log->releases, std::set<mbid>{album});
  EXPECT_GE(log->batches, 3u);
  EXPECT_LE(looker->most_waiting, 8u);
  const auto report = report_of(who);
  EXPECT_EQ(report.path, "library");
  EXPECT_EQ(gauge(report, "files_shareable"), 700);
  EXPECT_EQ(gauge(report, "scanning"), 0);
  ASSERT_EQ(log->events.size(), 1u);
  EXPECT_EQ(log->events[0].kind, fb::EventKind::library_changed);
  EXPECT_NE(log->events[0].text.find("700 files new"), std::string::npos);
}

TEST_F(library_component, later_scans_look_only_into_what_changed) {
  put("/music/a.flac");
  put("/music/b.flac");
  put("/music/c.flac");
  const auto who = start();
  run_for(5s);
  looker->analyzed.clear();
  *log = {};
  put("/music/b.flac", 11, 2);
  put("/music/d.mp3");
  listing->remove("/music/c.flac");
  run_for(58min);
  EXPECT_TRUE(looker->analyzed.empty());
  run_for(3min);
  EXPECT_EQ(looker->analyzed, (std::vector<std::string>{"/music/b.flac", "/music/d.mp3"}));
  EXPECT_EQ(log->recordings,
            (std::set<mbid>{song_of("/music/b.flac"), song_of("/music/c.flac"), song_of("/music/d.mp3")}));
  EXPECT_EQ(*files.count(), 3u);
  EXPECT_EQ(log->events.size(), 1u);
  // And nothing at all when nothing changed.
  *log = {};
  run_for(61min);
  EXPECT_EQ(log->batches, 0u);
  EXPECT_TRUE(log->events.empty());
  EXPECT_EQ(counter(report_of(who), "scans", "scope=\"all\""), 3u);
}

TEST_F(library_component, rescan_looks_now) {
  const auto who = start();
  run_for(1min);
  put("/music/a.flac");
  caf::anon_send(who, rescan{});
  run_for(2s);
  EXPECT_EQ(*files.count(), 1u);
}

TEST_F(library_component, a_rescan_during_a_scan_comes_after_it) {
  put("/music/a.flac");
  looker->hold = true;
  const auto who = start();
  run_for(1s);
  put("/music/b.flac");
  caf::anon_send(who, rescan{});
  run_for(1s);
  EXPECT_EQ(looker->waiting.size(), 1u);
  EXPECT_EQ(gauge(report_of(who), "scanning"), 1);
  looker->hold = false;
  looker->flush();
  run_for(2s);
  EXPECT_EQ(*files.count(), 2u);
}

TEST_F(library_component, after_a_restart_everything_comes_from_the_store) {
  put("/music/a.flac");
  put("/music/bad.flac");
  auto who = start();
  run_for(5s);
  caf::anon_send_exit(who, caf::exit_reason::kill);
  settle();
  looker->analyzed.clear();
  *log = {};
  who = start();
  run_for(5s);
  EXPECT_TRUE(looker->analyzed.empty());
  EXPECT_EQ(log->batches, 0u);
  EXPECT_EQ(gauge(report_of(who), "files"), 2);
  EXPECT_EQ(gauge(report_of(who), "files_shareable"), 1);
}

TEST_F(library_component, bad_files_are_counted_and_listed_and_the_scan_goes_on) {
  for (int i = 0; i < 30; ++i) put("/music/locked" + std::to_string(i) + ".flac");
  put("/music/bad.flac");
  put("/music/\xff\xfe.flac");
  put("/music/z.flac");
  const auto who = start();
  run_for(5s);
  EXPECT_EQ(*files.count(), 3u);
  const auto report = report_of(who);
  EXPECT_EQ(counter(report, "files_failed", "reason=\"unreadable\""), 30u);
  EXPECT_EQ(counter(report, "files_failed", "reason=\"bad_content\""), 1u);
  EXPECT_EQ(report.notes.size(), 21u);
  EXPECT_NE(report.notes.back().find("11 more"), std::string::npos) << report.notes.back();
  EXPECT_TRUE(
      std::ranges::any_of(report.notes, [](const std::string& n) { return n.find("Permission") != n.npos; }));
}

TEST_F(library_component, a_file_that_can_no_longer_be_read_is_no_longer_shared) {
  put("/music/a.flac");
  start();
  run_for(5s);
  listing->remove("/music/a.flac");
  put("/music/locked.flac");
  ASSERT_TRUE(files.put(fake_analyzer::entry_for("/music/locked.flac", 99, 9)));
  run_for(1h);
  EXPECT_EQ(*files.count(), 0u);
  EXPECT_TRUE(log->recordings.contains(song_of("/music/locked.flac")));
}

TEST_F(library_component, folders_that_are_no_longer_configured_are_forgotten) {
  put("/music/a.flac");
  auto who = start();
  run_for(5s);
  caf::anon_send_exit(who, caf::exit_reason::kill);
  settle();
  env->settings.library.paths.clear();
  *log = {};
  who = start();
  run_for(5s);
  EXPECT_EQ(*files.count(), 0u);
  EXPECT_EQ(log->recordings.size(), 1u);
  const auto report = report_of(who);
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("library.paths"), std::string::npos);
}

TEST_F(library_component, nested_folders_are_listed_once) {
  env->settings.library.paths = {"/music/sub", "/music/", "/music"};
  put("/music/sub/a.flac");
  start();
  run_for(5s);
  EXPECT_EQ(looker->analyzed.size(), 1u);
}

TEST_F(library_component, an_interval_of_zero_scans_only_when_asked) {
  env->settings.library.scan_interval_minutes = 0;
  start();
  run_for(1min);
  EXPECT_TRUE(scheduler().clock().schedule().empty());
}

TEST_F(library_component, changes_of_a_long_scan_are_told_while_it_runs) {
  for (int i = 0; i < 40; ++i) put("/music/" + std::to_string(i) + ".flac");
  looker->hold = true;
  start();
  run_for(10ms);
  auto first = std::exchange(looker->waiting, {});
  for (auto& j : first) looker->answer(std::move(j));
  run_for(2s);
  EXPECT_EQ(log->recordings.size(), 8u);
  looker->hold = false;
  looker->flush();
  run_for(2s);
}

TEST_F(library_component, a_rescan_of_a_folder_leaves_the_others_alone) {
  put("/music/a/1.flac");
  put("/music/a/2.flac");
  put("/music/ab/3.flac");
  const auto who = start();
  run_for(5s);
  looker->analyzed.clear();
  *log = {};
  listing->remove("/music/a/1.flac");
  listing->remove("/music/ab/3.flac");
  put("/music/a/sub/4.flac");
  put("/music/ab/5.flac");
  caf::anon_send(who, rescan{{"/music/a", "/music/a/sub", "/etc"}});
  run_for(2s);
  EXPECT_EQ(looker->analyzed, std::vector<std::string>{"/music/a/sub/4.flac"});
  EXPECT_EQ(log->recordings, (std::set<mbid>{song_of("/music/a/1.flac"), song_of("/music/a/sub/4.flac")}));
  EXPECT_EQ(*files.count(), 3u);
  const auto report = report_of(who);
  EXPECT_EQ(counter(report, "scans", "scope=\"folders\""), 1u);
  EXPECT_EQ(counter(report, "scans", "scope=\"all\""), 1u);
  // The next full scan finds the rest.
  run_for(1h);
  EXPECT_EQ(*files.count(), 3u);
  EXPECT_TRUE(files.get("/music/ab/5.flac").value());
  EXPECT_FALSE(files.get("/music/ab/3.flac").value());
}

// ---- With real threads and a real folder

TEST(library_on_disk, lists_with_a_worker_that_waits_for_the_analyzer) {
  std::string pattern = ::testing::TempDir() + "libraryXXXXXX";
  const std::filesystem::path folder = ::mkdtemp(pattern.data());
  constexpr std::size_t count = 3000;
  for (std::size_t i = 0; i < count; ++i) {
    const auto sub = folder / std::to_string(i % 10);
    std::filesystem::create_directories(sub);
    std::ofstream(sub / (std::to_string(i) + ".flac")) << "x";
  }
  struct counting_analyzer final : analyzer {
    std::mutex mutex;
    std::condition_variable enough;
    std::set<std::string> seen;
    void analyze(std::string path, analyze_options, done on_done) override {
      on_done(record<fb::FileEntry>::pack(fake_analyzer::entry_for(path, 1, 1)));
      const std::lock_guard lock(mutex);
      seen.insert(path);
      enough.notify_one();
    }
  };
  const auto looker = std::make_shared<counting_analyzer>();
  const auto env = std::make_shared<environment>();
  env->settings.library.paths = {folder.string()};
  env->store = storage::make_memory_store();
  env->analyzer = looker;
  env->walker = std::make_shared<disk_walker>();
  env->random = std::make_shared<crypto::system_random>();
  env->unix_ms = [](std::chrono::nanoseconds) { return std::uint64_t{1}; };
  env->log = [](log_level, std::string_view, std::string_view) {};
  {
    caf::actor_system_config config;
    caf::actor_system system(config);
    const auto who = system.spawn(library, environment_ptr(env));
    caf::anon_send(who, component_links{});
    std::unique_lock lock(looker->mutex);
    EXPECT_TRUE(looker->enough.wait_for(lock, 60s, [&] { return looker->seen.size() == count; }));
    // The watch sees a file that comes later; an interval scan would take an hour.
    lock.unlock();
    std::ofstream(folder / "3" / "new.flac") << "x";
    lock.lock();
    EXPECT_TRUE(looker->enough.wait_for(lock, 60s, [&] { return looker->seen.size() == count + 1; }));
    lock.unlock();
    // In the middle of the next one, it ends.
    caf::anon_send(who, rescan{});
    caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
  }
  std::filesystem::remove_all(folder);
}

TEST_F(library_component, sketches_follow_after_the_scan_one_by_one) {
  for (int i = 0; i < 20; ++i) put("/music/" + std::to_string(i) + ".flac");
  put("/music/short.flac");
  put("/music/bad.flac");
  looker->hold = true;
  const auto who = start();
  for (int i = 0; i < 10 && looker->analyzed.size() < 22; ++i) {
    looker->flush();
    run_for(100ms);
  }
  run_for(2s);
  EXPECT_EQ(log->recordings.size(), 21u) << "shared before anything was listened to";
  EXPECT_TRUE(looker->listened.empty());
  log->recordings.clear();
  looker->most_waiting = 0;
  looker->hold = false;
  looker->flush();
  run_for(5s);
  EXPECT_EQ(looker->listened.size(), 21u) << "not what can't be shared";
  EXPECT_EQ(looker->most_waiting, 1u);
  EXPECT_EQ(log->recordings.size(), 20u) << "leaves of those with a sketch are built again";
  const auto entry = files.get("/music/3.flac");
  ASSERT_TRUE(entry && *entry);
  EXPECT_TRUE((**entry)->fingerprinted());
  ASSERT_NE((**entry)->sketch(), nullptr);
  EXPECT_EQ((**entry)->sub_fingerprints(), nullptr);
  EXPECT_EQ((**files.get("/music/short.flac"))->sketch(), nullptr);
  const auto report = report_of(who);
  EXPECT_EQ(counter(report, "files_fingerprinted", "outcome=\"sketch\""), 20u);
  EXPECT_EQ(counter(report, "files_fingerprinted", "outcome=\"none\""), 1u);
  EXPECT_EQ(gauge(report, "fingerprinting"), 0);
  // Later scans listen only to what is new or changed.
  looker->listened.clear();
  put("/music/4.flac", 11, 2);
  run_for(61min);
  EXPECT_EQ(looker->listened, std::vector<std::string>{"/music/4.flac"});
}

TEST_F(library_component, records_of_before_there_were_sketches_get_theirs) {
  put("/music/a.flac");
  auto old = fake_analyzer::entry_for("/music/a.flac", 10, 1);
  ASSERT_TRUE(files.put(old));
  start();
  run_for(5s);
  EXPECT_TRUE(looker->analyzed.empty());
  EXPECT_EQ(looker->listened, std::vector<std::string>{"/music/a.flac"});
  EXPECT_NE((**files.get("/music/a.flac"))->sketch(), nullptr);
}

TEST_F(library_component, a_sketch_of_a_file_that_changed_meanwhile_is_not_kept) {
  put("/music/a.flac");
  const auto who = start();
  run_for(5s);
  looker->listened.clear();
  put("/music/a.flac", 11, 2);
  looker->hold = true;
  caf::anon_send(who, rescan{});
  settle();
  looker->flush();
  settle();
  ASSERT_EQ(looker->waiting.size(), 1u);
  ASSERT_TRUE(looker->waiting[0].fingerprint);
  looker->sizes["/music/a.flac"] = 12;
  looker->hold = false;
  looker->flush();
  settle();
  EXPECT_EQ((**files.get("/music/a.flac"))->sketch(), nullptr);
}

}  // namespace
}  // namespace vsf::library
