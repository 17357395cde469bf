#include "net/analyzer_process/analyzer_process.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "net/analyzer_process/wire.hpp"
#include "net/analyzer_process/worker.hpp"

namespace vsf::net {
namespace {

struct job {
  std::string path;
  analyze_options what;
  analyzer::done on_done;
};

class descriptor {
 public:
  explicit descriptor(int raw) : raw_(raw) {}
  ~descriptor() {
    if (raw_ >= 0) ::close(raw_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return raw_; }

 private:
  int raw_;
};

std::int64_t mtime_ns(const struct stat& info) {
  return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

tl::unexpected<error> cannot_open(const std::string& path, const std::string& why) {
  return fail("Can't read " + path + ": " + why);
}

}  // namespace

struct analyzer_process::state {
  explicit state(analyzer_settings s)
      : settings(std::move(s)), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake.get() < 0)
      throw std::runtime_error("no descriptor left for the analyzer; raise the limit of open files");
    if (settings.program.empty()) settings.program = analyzer_beside_this_program();
    settings.workers = std::clamp<std::uint32_t>(settings.workers, 1, 64);
  }

  void run(std::size_t index);
  result<record<fb::FileEntry>> analyze_one(worker& process, std::uint32_t& served, std::size_t index,
                                            const job& work);
  result<void> make_ready(worker& process, std::uint32_t& served, std::size_t index);
  void note_pid(std::size_t index, int pid) {
    std::lock_guard guard(lock);
    pids[index] = pid;
  }

  analyzer_settings settings;
  descriptor wake;
  analyzer_counters counters;
  mutable std::mutex lock;
  std::condition_variable changed;
  std::deque<job> queue;
  std::vector<int> pids;
  bool stopping = false;
  std::vector<std::thread> threads;
};

void analyzer_process::state::run(std::size_t index) {
  worker process;
  std::uint32_t served = 0;
  while (true) {
    job work;
    {
      std::unique_lock guard(lock);
      changed.wait(guard, [&] { return stopping || !queue.empty(); });
      if (stopping) return;
      work = std::move(queue.front());
      queue.pop_front();
    }
    work.on_done(analyze_one(process, served, index, work));
  }
}

result<void> analyzer_process::state::make_ready(worker& process, std::uint32_t& served, std::size_t index) {
  if (process.running() && served < settings.files_per_worker) return {};
  process.end();
  served = 0;
  auto started = process.start(settings.program, wake.get());
  if (started) counters.started.fetch_add(1, std::memory_order_relaxed);
  note_pid(index, process.pid());
  return started;
}

result<record<fb::FileEntry>> analyzer_process::state::analyze_one(worker& process, std::uint32_t& served,
                                                                   std::size_t index, const job& work) {
  // Not blocking: a pipe without a writer must not hold the thread.
  const descriptor file(::open(work.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat before {};
  if (file.get() < 0 || ::fstat(file.get(), &before) != 0) {
    counters.unreadable.fetch_add(1, std::memory_order_relaxed);
    return cannot_open(work.path, std::strerror(errno));
  }
  if (!S_ISREG(before.st_mode)) {
    counters.unreadable.fetch_add(1, std::memory_order_relaxed);
    return cannot_open(work.path, "it is not a regular file");
  }
  if (auto ready = make_ready(process, served, index); !ready) return tl::unexpected(ready.error());
  ++served;

  const auto size = static_cast<std::uint64_t>(before.st_size);
  fb::AnalyzeFileT request;
  request.fingerprint = work.what.fingerprint;
  const auto allowed =
      std::chrono::milliseconds(settings.deadline_base_ms + (size >> 20) * settings.deadline_per_mib_ms);
  auto answer = process.ask(record<fb::AnalyzeFile>::pack(request), file.get(),
                            worker::clock::now() + allowed, wake.get());
  note_pid(index, process.pid());

  fb::FileEntryT entry;
  switch (answer.how) {
    case worker::outcome::answered:
      answer.entry->UnPackTo(&entry);
      break;
    case worker::outcome::stopped:
      return fail("The analyzer was stopped before it looked at " + work.path);
    case worker::outcome::timed_out:
      counters.timed_out.fetch_add(1, std::memory_order_relaxed);
      entry.problem =
          "the analyzer did not finish with it within " + std::to_string(allowed.count() / 1000) + " s";
      break;
    case worker::outcome::crashed:
      counters.crashed.fetch_add(1, std::memory_order_relaxed);
      entry.problem = "the analyzer failed on it: " + answer.reason;
      break;
  }
  if (answer.how != worker::outcome::answered) entry.fault = fb::FileFault::unread;
  clean_entry(entry);
  struct stat after {};
  if (entry.problem.empty() && (::fstat(file.get(), &after) != 0 || after.st_size != before.st_size ||
                                mtime_ns(after) != mtime_ns(before) || entry.size != size)) {
    entry.problem = "it changed while it was read";
    entry.fault = fb::FileFault::unread;
  }
  entry.path = work.path;
  entry.size = size;
  entry.mtime_ns = mtime_ns(before);
  counters.analyzed.fetch_add(1, std::memory_order_relaxed);
  if (!entry.problem.empty()) counters.problems.fetch_add(1, std::memory_order_relaxed);
  return record<fb::FileEntry>::pack(entry);
}

analyzer_process::analyzer_process(analyzer_settings settings)
    : state_(std::make_unique<state>(std::move(settings))) {
  state_->pids.resize(state_->settings.workers, -1);
  for (std::size_t i = 0; i < state_->settings.workers; ++i)
    state_->threads.emplace_back([s = state_.get(), i] { s->run(i); });
}

analyzer_process::~analyzer_process() {
  std::deque<job> left;
  {
    std::lock_guard guard(state_->lock);
    state_->stopping = true;
    left.swap(state_->queue);
  }
  const std::uint64_t one = 1;
  // Can't fail: the counter is nowhere near its end.
  [[maybe_unused]] const auto written = ::write(state_->wake.get(), &one, sizeof(one));
  state_->changed.notify_all();
  for (auto& thread : state_->threads) thread.join();
  for (auto& work : left) work.on_done(fail("The analyzer was stopped before it looked at " + work.path));
}

void analyzer_process::analyze(std::string path, analyze_options what, done on_done) {
  {
    std::lock_guard guard(state_->lock);
    if (!state_->stopping && state_->queue.size() < state_->settings.max_waiting) {
      state_->queue.push_back({std::move(path), what, std::move(on_done)});
      state_->changed.notify_one();
      return;
    }
  }
  state_->counters.refused_full.fetch_add(1, std::memory_order_relaxed);
  on_done(fail("Too many files wait for the analyzer; " + path + " has to be asked for again"));
}

const analyzer_counters& analyzer_process::counters() const { return state_->counters; }

std::size_t analyzer_process::waiting() const {
  std::lock_guard guard(state_->lock);
  return state_->queue.size();
}

std::vector<int> analyzer_process::process_ids() const {
  std::lock_guard guard(state_->lock);
  std::vector<int> out;
  for (int pid : state_->pids)
    if (pid > 0) out.push_back(pid);
  return out;
}

std::string analyzer_beside_this_program() {
  std::array<char, 4096> link{};
  const auto size = ::readlink("/proc/self/exe", link.data(), link.size());
  std::string path(link.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "vsf-analyzer" : path.substr(0, slash + 1) + "vsf-analyzer";
}

}  // namespace vsf::net
