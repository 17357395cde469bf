#include "sim/trial_pool.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <vector>

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace vsf::sim {

namespace {

std::string to_text(const trial_result& came) {
  return nlohmann::json{{"metrics", came.metrics},
                        {"failures", came.failures},
                        {"trace_hash", came.trace_hash},
                        {"wall_s", came.wall_s}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<trial_result> from_text(const std::string& text) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object()) return std::nullopt;
  trial_result out;
  parsed.at("metrics").get_to(out.metrics);
  parsed.at("failures").get_to(out.failures);
  parsed.at("trace_hash").get_to(out.trace_hash);
  parsed.at("wall_s").get_to(out.wall_s);
  return out;
}

[[noreturn]] void answer(int pipe, const trial& what) {
  std::string text;
  try {
    text = to_text(run_trial(what));
  } catch (const std::exception& problem) {
    text = to_text({{}, {std::string("crashed: ") + problem.what()}, 0, 0});
  }
  for (std::size_t at = 0; at < text.size();) {
    const auto sent = ::write(pipe, text.data() + at, text.size() - at);
    if (sent < 0 && errno != EINTR) ::_exit(1);
    if (sent > 0) at += static_cast<std::size_t>(sent);
  }
  ::_exit(0);  // what the parent has open is the parent's to close
}

double seconds_of(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

std::string end_of(int status) {
  if (WIFSIGNALED(status)) return std::string("crashed: ") + ::strsignal(WTERMSIG(status));
  return "crashed: the process ended with " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

trial_pool::~trial_pool() {
  for (const auto& [pipe, p] : running_) {
    ::close(pipe);
    ::kill(p.id, SIGKILL);
    ::waitpid(p.id, nullptr, 0);
  }
}

void trial_pool::begin(std::uint64_t number, trial what) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("no more pipes: give fewer --jobs");
  std::cout.flush();
  const auto id = ::fork();
  if (id < 0) throw std::runtime_error("no more processes: give fewer --jobs");
  if (id == 0) {
    ::close(ends[0]);
    answer(ends[1], what);
  }
  ::close(ends[1]);
  running_[ends[0]] = {number, std::move(what), id, {}};
}

std::optional<trial_pool::done> trial_pool::wait() {
  while (!running_.empty()) {
    std::vector<pollfd> all;
    for (const auto& [pipe, p] : running_) all.push_back({pipe, POLLIN, 0});
    if (::poll(all.data(), all.size(), -1) < 0) continue;
    for (const auto& one : all) {
      if (one.revents == 0) continue;
      std::array<char, 65536> part{};
      const auto got = ::read(one.fd, part.data(), part.size());
      if (got > 0)
        running_.at(one.fd).said.append(part.data(), static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        return finish(one.fd);
    }
  }
  return std::nullopt;
}

trial_pool::done trial_pool::finish(int pipe) {
  auto node = running_.extract(pipe);
  auto& p = node.mapped();
  ::close(pipe);
  int status = 0;
  rusage used{};
  while (::wait4(p.id, &status, 0, &used) < 0 && errno == EINTR) {
  }
  done out{p.number, std::move(p.what), {}};
  if (auto came = status == 0 ? from_text(p.said) : std::nullopt)
    out.came = *std::move(came);
  else
    out.came.failures.push_back(end_of(status));
  out.came.cpu_s = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
  return out;
}

trial_result trial_pool::run(const trial& what) {
  trial_pool alone;
  alone.begin(0, what);
  return alone.wait()->came;
}

}  // namespace vsf::sim
