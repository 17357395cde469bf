// The pool with real vsf-analyzer processes, and with programs that only pretend to be one.

#include "net/analyzer_process/analyzer_process.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/audio/make_audio.hpp"

namespace vsf::net {
namespace {

namespace fs = std::filesystem;
using answer = result<record<fb::FileEntry>>;
using test::audio_kind;

template <class Change>
analyzer_settings with(Change change) {
  analyzer_settings out;
  change(out);
  return out;
}

class analyzer_process_test : public testing::Test {
 protected:
  void SetUp() override {
    auto name = (fs::temp_directory_path() / "vsf-pool-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string audio(const std::string& name, audio_kind kind = audio_kind::flac) const {
    test::audio_spec spec;
    spec.kind = kind;
    spec.path = folder_ + "/" + name;
    spec.duration_ms = 1500;
    spec.tags.artist = "A";
    spec.tags.recording = test::seeded_mbid("r", 1);
    EXPECT_TRUE(test::make_audio(spec).has_value());
    return spec.path;
  }
  /// Audio that takes seconds to hash: nearly three hours of silence, none of it on the disk.
  std::string long_audio() const {
    const auto path = folder_ + "/long.wav";
    const std::uint32_t data = 1'900'000'000;
    std::string head("RIFF....WAVEfmt \x10\0\0\0\1\0\2\0\x44\xAC\0\0\x10\xB1\2\0\4\0\x10\0data....", 44);
    for (unsigned i = 0; i < 4; ++i) {
      head[4 + i] = static_cast<char>((data + 36) >> (8 * i) & 0xFF);
      head[40 + i] = static_cast<char>(data >> (8 * i) & 0xFF);
    }
    std::ofstream(path, std::ios::binary) << head;
    fs::resize_file(path, 44 + std::uint64_t{data});
    return path;
  }
  /// A program that is ready at once and then runs `rest` for its first request.
  std::string pretender(const std::string& rest) const {
    const auto path = folder_ + "/pretender";
    std::ofstream(path) << "#!/bin/sh\nprintf '\\0\\0\\0\\0' >&3\n" << rest << "\n";
    ::chmod(path.c_str(), 0700);
    return path;
  }
  static std::future<answer> ask(analyzer& pool, const std::string& path, analyze_options what = {}) {
    auto promise = std::make_shared<std::promise<answer>>();
    auto out = promise->get_future();
    pool.analyze(path, what, [promise](answer got) { promise->set_value(std::move(got)); });
    return out;
  }
  static fb::FileEntryT entry_of(std::future<answer> got) {
    if (got.wait_for(std::chrono::seconds(120)) != std::future_status::ready) {
      ADD_FAILURE() << "no answer";
      std::abort();
    }
    auto value = got.get();
    EXPECT_TRUE(value.has_value()) << (value ? "" : value.error().message);
    return value ? value->unpack() : fb::FileEntryT{};
  }
  static std::string error_of(std::future<answer> got) {
    auto value = got.get();
    EXPECT_FALSE(value.has_value());
    return value ? "" : value.error().message;
  }
  static std::string sha256sum(const std::string& path) {
    FILE* pipe = ::popen(("sha256sum '" + path + "'").c_str(), "r");
    std::array<char, 65> out{};
    const auto got = std::fread(out.data(), 1, 64, pipe);
    ::pclose(pipe);
    return std::string(out.data(), got);
  }
  static std::string proc(int pid, const std::string& file) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/" + file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Waits until the pool's only process has used processor time on the file it has.
  static int busy_process(const analyzer_process& pool) {
    for (int i = 0; i < 3000; ++i) {
      const auto pids = pool.process_ids();
      if (!pids.empty()) {
        const auto stat = proc(pids[0], "stat");
        const auto state = stat.find(") R");
        if (state != std::string::npos && proc(pids[0], "status").find("Seccomp:\t2") != std::string::npos)
          return pids[0];
      }
      std::this_thread::sleep_for(
          std::chrono::milliseconds(5));  // there is no event: it is another's process
    }
    ADD_FAILURE() << "no process got busy";
    return -1;
  }
  /// Signals a process of the pool's, and nothing else: kill() takes 0 and below for groups and -1 for
  /// everybody.
  static void signal_process(int pid, int signal) {
    if (pid > 1) ::kill(pid, signal);
  }

  std::string folder_;
};

TEST_F(analyzer_process_test, analyses_files_and_its_hash_is_that_of_sha256sum) {
  analyzer_process pool(with([](auto& x) { x.workers = 2; }));
  std::vector<std::pair<std::string, std::future<answer>>> asked;
  for (auto kind :
       {audio_kind::flac, audio_kind::mp3, audio_kind::vorbis, audio_kind::opus, audio_kind::aac}) {
    const auto path = audio("song" + std::string(extension_of(kind)), kind);
    asked.emplace_back(path, ask(pool, path));
  }
  for (auto& [path, future] : asked) {
    const auto entry = entry_of(std::move(future));
    EXPECT_EQ(entry.problem, "") << path;
    EXPECT_EQ(entry.path, path);
    EXPECT_EQ(entry.artist, "A");
    EXPECT_EQ(entry.size, fs::file_size(path));
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(entry.mtime_ns, std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec);
    ASSERT_TRUE(entry.sha256);
    EXPECT_EQ(to_hex(from_fb<digest>(*entry.sha256)), sha256sum(path));
  }
  EXPECT_EQ(pool.counters().analyzed, asked.size());
  EXPECT_EQ(pool.counters().problems, 0u);
  EXPECT_LE(pool.counters().started, 2u);
}

TEST_F(analyzer_process_test, its_process_is_locked_up_before_it_sees_a_file) {
  analyzer_process pool({});
  const auto path = audio("a.flac");
  entry_of(ask(pool, path));
  const auto pids = pool.process_ids();
  ASSERT_EQ(pids.size(), 1u);
  const auto status = proc(pids[0], "status");
  EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos) << status;
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
  std::vector<std::string> open;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pids[0]) + "/fd"))
    open.push_back(entry.path().filename());
  std::sort(open.begin(), open.end());
  EXPECT_EQ(open, (std::vector<std::string>{"0", "1", "2", "3"}));
}

TEST_F(analyzer_process_test, fingerprints_on_request) {
  analyzer_process pool({});
  test::audio_spec spec;
  spec.path = folder_ + "/f.mp3";
  spec.kind = audio_kind::mp3;
  spec.duration_ms = 8000;
  ASSERT_TRUE(test::make_audio(spec).has_value());
  EXPECT_EQ(entry_of(ask(pool, spec.path)).fingerprint, "");
  EXPECT_GT(entry_of(ask(pool, spec.path, {.fingerprint = true})).fingerprint.size(), 20u);
}

TEST_F(analyzer_process_test, hostile_files_are_problems_and_the_next_is_fine) {
  analyzer_process pool({});
  std::ofstream(folder_ + "/empty.flac").close();
  std::ofstream(folder_ + "/garbage.flac") << "fLaC" << std::string(5000, '\x7F');
  const auto huge = audio("huge.flac");
  fs::resize_file(huge, std::uint64_t{10} << 30);
  const auto cut = audio("cut.flac");
  fs::resize_file(cut, fs::file_size(cut) / 2);
  EXPECT_EQ(entry_of(ask(pool, folder_ + "/empty.flac")).problem, "it is empty");
  EXPECT_NE(entry_of(ask(pool, folder_ + "/garbage.flac")).problem, "");
  EXPECT_NE(entry_of(ask(pool, huge)).problem, "");
  EXPECT_TRUE(entry_of(ask(pool, cut)).problem.starts_with("truncated"));
  EXPECT_EQ(entry_of(ask(pool, audio("good.flac"))).problem, "");
  EXPECT_EQ(pool.counters().problems, 4u);
  EXPECT_EQ(pool.counters().started, 1u);
}

TEST_F(analyzer_process_test, a_killed_process_costs_its_file_only) {
  analyzer_process pool({});
  auto lost = ask(pool, long_audio());
  auto next = ask(pool, audio("good.flac"));
  signal_process(busy_process(pool), SIGKILL);
  EXPECT_EQ(entry_of(std::move(lost)).problem, "the analyzer failed on it: it was killed");
  EXPECT_EQ(entry_of(std::move(next)).problem, "");
  EXPECT_EQ(pool.counters().crashed, 1u);
  EXPECT_EQ(pool.counters().started, 2u);
}

TEST_F(analyzer_process_test, a_hanging_process_costs_its_file_only) {
  analyzer_process pool(with([](auto& x) {
    x.deadline_base_ms = 3000;
    x.deadline_per_mib_ms = 0;
  }));
  auto lost = ask(pool, long_audio());
  signal_process(busy_process(pool), SIGSTOP);
  EXPECT_EQ(entry_of(std::move(lost)).problem, "the analyzer did not finish with it within 3 s");
  EXPECT_EQ(pool.counters().timed_out, 1u);
}

TEST_F(analyzer_process_test, wrong_answers_cost_their_file_only) {
  for (const auto* rest : {"exit 0", "printf '\\0\\0\\0\\10garbage!' >&3; sleep 20",
                           "printf '\\377\\377\\377\\377' >&3; sleep 20",
                           "printf '\\0\\0\\0\\0' >&3; sleep 20", "kill -SEGV $$"}) {
    SCOPED_TRACE(rest);
    analyzer_process pool(with([&](auto& x) { x.program = pretender(rest); }));
    const auto path = audio("a.flac");
    EXPECT_TRUE(entry_of(ask(pool, path)).problem.starts_with("the analyzer failed on it"));
    EXPECT_TRUE(entry_of(ask(pool, path)).problem.starts_with("the analyzer failed on it"));
    EXPECT_EQ(pool.counters().crashed, 2u);
    EXPECT_EQ(pool.counters().started, 2u);
  }
}

TEST_F(analyzer_process_test, without_the_program_the_error_says_what_to_do) {
  const auto path = audio("a.flac");
  analyzer_process none(with([&](auto& x) { x.program = folder_ + "/no-such-program"; }));
  EXPECT_NE(error_of(ask(none, path)).find("install vsf-analyzer"), std::string::npos);
  analyzer_process other(with([&](auto& x) { x.program = "/bin/true"; }));
  EXPECT_NE(error_of(ask(other, path)).find("did not get ready"), std::string::npos);
  EXPECT_EQ(other.counters().analyzed, 0u);
}

TEST_F(analyzer_process_test, what_cannot_be_opened_is_an_error) {
  analyzer_process pool({});
  EXPECT_NE(error_of(ask(pool, folder_ + "/none.flac")).find("No such file"), std::string::npos);
  EXPECT_NE(error_of(ask(pool, folder_)).find("not a regular file"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder_ + "/pipe.flac").c_str(), 0600), 0);
  EXPECT_NE(error_of(ask(pool, folder_ + "/pipe.flac")).find("not a regular file"), std::string::npos);
  EXPECT_EQ(pool.counters().unreadable, 3u);
}

TEST_F(analyzer_process_test, too_many_waiting_files_are_refused_at_once) {
  analyzer_process pool(with([](auto& x) { x.max_waiting = 1; }));
  auto first = ask(pool, long_audio());
  const int pid = busy_process(pool);
  const auto path = audio("a.flac");
  auto second = ask(pool, path);
  auto third = ask(pool, path);
  EXPECT_NE(error_of(std::move(third)).find("Too many"), std::string::npos);
  EXPECT_EQ(pool.counters().refused_full, 1u);
  signal_process(pid, SIGKILL);  // enough of that one
  EXPECT_NE(entry_of(std::move(first)).problem, "");
  EXPECT_EQ(entry_of(std::move(second)).problem, "");
}

TEST_F(analyzer_process_test, processes_are_replaced_after_their_share) {
  analyzer_process pool(with([](auto& x) { x.files_per_worker = 2; }));
  const auto path = audio("a.flac");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(entry_of(ask(pool, path)).problem, "");
  EXPECT_EQ(pool.counters().started, 3u);
  EXPECT_EQ(pool.counters().crashed, 0u);
}

TEST_F(analyzer_process_test, its_end_leaves_no_process_and_answers_everybody) {
  auto pool = std::make_unique<analyzer_process>(analyzer_settings{});
  auto running = ask(*pool, long_audio());
  auto waiting = ask(*pool, audio("a.flac"));
  const int pid = busy_process(*pool);
  ASSERT_GT(pid, 1);
  pool.reset();
  EXPECT_NE(error_of(std::move(running)).find("stopped"), std::string::npos);
  EXPECT_NE(error_of(std::move(waiting)).find("stopped"), std::string::npos);
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);  // its status was taken
}

TEST_F(analyzer_process_test, processes_end_with_the_one_that_started_them) {
  const auto path = long_audio();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t owner = ::fork();
  if (owner == 0) {
    analyzer_process pool({});
    auto lost = ask(pool, path);
    const int pid = busy_process(pool);
    if (::write(pipe[1], &pid, sizeof(pid)) != static_cast<ssize_t>(sizeof(pid))) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  }
  int pid = -1;
  ASSERT_EQ(::read(pipe[0], &pid, sizeof(pid)), static_cast<ssize_t>(sizeof(pid)));
  ASSERT_EQ(::waitpid(owner, nullptr, 0), owner);
  ASSERT_GT(pid, 1);
  // It is not our child: gone, or a zombie until its new parent looks.
  bool ended = false;
  for (int i = 0; i < 2000 && !ended; ++i) {
    const auto stat = proc(pid, "stat");
    ended = stat.empty() || stat.find(") Z") != std::string::npos;
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_TRUE(ended);
  for (int x : pipe) ::close(x);
}

TEST_F(analyzer_process_test, the_program_started_by_hand_says_what_it_is) {
  const int status = std::system((std::string(VSF_BIN_DIR) + "/vsf-analyzer 2>/dev/null </dev/null").c_str());
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

}  // namespace
}  // namespace vsf::net
