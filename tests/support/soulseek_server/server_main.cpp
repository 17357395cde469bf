// vsf-soulseek-server: a Soulseek server on loopback for end-to-end tests. Its log is lines of JSON on
// stdout, the first one {"event": "listening", "port": ...}; it takes lines of JSON on stdin (control.hpp).

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <future>
#include <iostream>

#include "net/asio/asio_network.hpp"
#include "net/asio/io_core.hpp"
#include "tests/support/soulseek_server/control.hpp"

namespace vsf::soulseek::test_server {
namespace {

constexpr int tick_ms = 10;
constexpr std::size_t longest_line = 1u << 20;

time_ms clock_now() {
  return std::chrono::duration_cast<time_ms>(std::chrono::system_clock::now().time_since_epoch());
}

void print(const std::string& line) {
  std::fputs((line + '\n').c_str(), stdout);
  std::fflush(stdout);
}

/// Runs on the io thread, like all that the server does; returns when it's done.
void run_on(net::io_runtime& runtime, const std::function<void()>& task) {
  runtime.core()->run_and_wait(task);
}

/// What poll() finds at stdin. false: its end.
bool read_lines(std::string& pending, const std::function<void(const std::string&)>& on_line) {
  char chunk[4096];
  const auto got = read(STDIN_FILENO, chunk, sizeof chunk);
  if (got <= 0 || pending.size() > longest_line) return false;
  pending.append(chunk, static_cast<std::size_t>(got));
  for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
    const auto line = pending.substr(0, end);
    pending.erase(0, end + 1);
    if (!line.empty()) on_line(line);
  }
  return true;
}

int serve(std::uint16_t port, server_options options, bool without_stdin, bool quiet) {
  auto runtime = std::make_shared<net::io_runtime>();
  auto network = net::make_asio_network(runtime);
  std::shared_ptr<network_server> server;
  network_server::hooks hooks{clock_now, {}, [quiet](const event& e) {
                                if (!quiet) print(log_line(e));
                              }};
  result<endpoint> opened = fail("not opened");
  run_on(*runtime, [&] {
    server = std::make_shared<network_server>(network, std::move(hooks), std::move(options));
    opened = server->open(endpoint::v4(0x7F000001, port));
  });
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 1;
  }
  print("{\"event\": \"listening\", \"address\": \"127.0.0.1\", \"port\": " + std::to_string(opened->port) +
        "}");
  std::string pending;
  for (bool open = true; open;) {
    pollfd in{without_stdin ? -1 : STDIN_FILENO, POLLIN, 0};
    if (poll(&in, 1, tick_ms) > 0)
      open = read_lines(pending, [&](const std::string& line) {
        run_on(*runtime, [&] { print(control_line(*server, line)); });
      });
    run_on(*runtime, [&] { server->tick(); });
  }
  run_on(*runtime, [&] {
    server->close();
    server = nullptr;
  });
  return 0;
}

}  // namespace
}  // namespace vsf::soulseek::test_server

int main(int argc, char** argv) {
  using namespace vsf::soulseek::test_server;
  CLI::App app{"A Soulseek server on loopback for tests. It ends with its stdin."};
  std::uint16_t port = 0;
  server_options options;
  bool without_stdin = false, quiet = false, tree = false;
  std::vector<std::string> accounts;
  app.add_option("--port", port, "0: any, told in the first line");
  app.add_option("--motd", options.motd);
  app.add_option("--user", accounts, "NAME:PASSWORD, known from the start");
  app.add_option("--exclude", options.excluded_phrases, "a phrase that search results mustn't hold");
  app.add_option("--wishlist-interval", options.wishlist_interval_s, "s");
  app.add_option("--least-version", options.least_major_version);
  app.add_option("--most-users", options.most_users);
  app.add_option("--branch-roots", options.branch_roots);
  app.add_flag("--tree", tree, "searches go to branch roots, not to everybody");
  app.add_flag("--private", options.only_known_accounts, "nobody but --user");
  app.add_flag("--no-stdin", without_stdin, "go on until killed");
  app.add_flag("--quiet", quiet, "no log");
  CLI11_PARSE(app, argc, argv);
  for (const auto& account : accounts) {
    const auto colon = account.find(':');
    options.accounts[account.substr(0, colon)] = colon == std::string::npos ? "" : account.substr(colon + 1);
  }
  if (tree) options.searches = distribution::tree;
  return serve(port, std::move(options), without_stdin, quiet);
}
