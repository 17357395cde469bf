// vsfd, the headless node: puts sockets, RocksDB, disk and the kernel's randomness under the actors, and
// waits.

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/identity/identity_file.hpp"
#include "actors/node/node_actor.hpp"
#include "config/load.hpp"
#include "config/schema.hpp"
#include "gateway/service.hpp"
#include "net/analyzer_process/analyzer_process.hpp"
#include "net/asio/asio_network.hpp"
#include "net/port_mapping/router_mapper.hpp"

namespace {

using namespace vsf;
namespace fs = std::filesystem;

struct arguments {
  std::string config_file;
  std::string data_dir;
  bool check_config = false;
  bool print_sample = false;
};

int complain(const std::string& message) {
  std::cerr << "vsfd: " << message << '\n';
  return 1;
}

/// The chosen file, or the usual one if it is there, or the defaults; --data-dir wins over all of them.
config::load_report load_settings(const arguments& args) {
  config::load_options options;
  if (!args.data_dir.empty()) options.data_dir = args.data_dir;
  if (!args.config_file.empty()) return config::check_file(args.config_file, options);
  const auto usual = config::default_config_path();
  if (usual && fs::exists(*usual)) return config::check_file(*usual, options);
  return config::check_text("", "defaults", options);
}

std::shared_ptr<spdlog::logger> make_logger(const config::settings& settings) {
  std::shared_ptr<spdlog::logger> logger;
  if (settings.log.file.empty())
    logger = spdlog::stderr_color_mt("vsfd");
  else
    logger = spdlog::rotating_logger_mt("vsfd", settings.log.file, 10 * 1024 * 1024, 5);
  logger->set_level(spdlog::level::from_str(settings.log.level == "warning" ? "warn" : settings.log.level));
  // The JSON shape is fixed; texts are escaped before they get here.
  logger->set_pattern(settings.log.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                                        : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  logger->flush_on(spdlog::level::warn);
  return logger;
}

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  return out;
}

std::function<void(log_level, std::string_view, std::string_view)> log_function(
    std::shared_ptr<spdlog::logger> logger, bool json) {
  return [logger, json](log_level level, std::string_view component, std::string_view text) {
    constexpr std::array levels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                spdlog::level::err};
    const auto l = levels[static_cast<std::size_t>(level)];
    if (json)
      logger->log(l, R"("component":"{}","text":"{}")", json_escaped(component), json_escaped(text));
    else
      logger->log(l, "{}: {}", component, json_escaped(text));
  };
}

/// The store, files and network of this machine under one environment.
std::shared_ptr<net::port_mapper> make_port_mapper(const config::settings::network_block& settings) {
  if (settings.port_mapping == "off") return nullptr;
  using protocols = net::mapping_options::protocols;
  net::mapping_options out;
  out.ask = settings.port_mapping == "upnp"      ? protocols::upnp
            : settings.port_mapping == "nat-pmp" ? protocols::nat_pmp
                                                 : protocols::any;
  out.router = settings.router;
  out.bind = settings.bind;
  return net::make_router_mapper(std::move(out));
}

result<std::shared_ptr<environment>> make_environment(const config::settings& settings,
                                                      const std::shared_ptr<spdlog::logger>& logger) {
  auto env = std::make_shared<environment>();
  env->settings = settings;
  auto store = storage::open_rocksdb(settings.node.data_dir + "/store");
  if (!store) return tl::unexpected(store.error());
  env->store = std::move(*store);
  auto files = storage::open_disk_files(settings.transfers.download_dir, settings.transfers.incomplete_dir);
  if (!files) return tl::unexpected(files.error());
  env->files = std::move(*files);
  env->analyzer = std::make_shared<net::analyzer_process>(net::analyzer_settings{});
  env->walker = std::make_shared<library::disk_walker>();
  env->network = net::make_asio_network(settings.network.bind);
  env->port_mapper = make_port_mapper(settings.network);
  env->random = std::make_shared<crypto::system_random>();
  // Wall time is read once and then follows the actor clock: a jump of the machine's clock can't expire
  // anything.
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto steady = std::chrono::steady_clock::now().time_since_epoch();
  const auto offset = std::chrono::duration_cast<std::chrono::nanoseconds>(wall - steady);
  env->unix_ms = [offset](std::chrono::nanoseconds actor_now) {
    return static_cast<std::uint64_t>((actor_now + offset) / std::chrono::milliseconds(1));
  };
  env->log = log_function(logger, settings.log.json);
  return env;
}

result<identity::identity> load_identity(const config::settings& settings, const std::string& file) {
  const auto network = identity::parse_network(settings.node.network);
  if (!network) return tl::unexpected(network.error());
  crypto::system_random random;
  // A new one is kept before its puzzle is solved, so that a stop in between doesn't change who we are.
  return identity::open_identity(file, *network, random);
}

/// Blocks the signals before any thread exists; then only sigwait sees them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

/// Shells allow 1,024 open files, of which connections alone may want more.
void allow_open_files() {
  constexpr rlim_t wanted = 8192;
  rlimit now{};
  if (getrlimit(RLIMIT_NOFILE, &now) != 0 || now.rlim_cur >= wanted) return;
  now.rlim_cur = std::min(wanted, now.rlim_max);
  setrlimit(RLIMIT_NOFILE, &now);
}

int serve(const config::settings& settings) {
  const auto signals = block_signals();
  allow_open_files();
  std::error_code made;
  fs::create_directories(settings.node.data_dir, made);
  if (made)
    return complain("cannot create the data folder " + settings.node.data_dir + ": " + made.message() +
                    "; choose another with --data-dir or node.data_dir");
  const auto logger = make_logger(settings);
  auto env = make_environment(settings, logger);
  if (!env) return complain(env.error().message);
  const auto identity_file = settings.node.data_dir + "/identity";
  auto who = load_identity(settings, identity_file);
  if (!who) return complain(who.error().message);

  caf::actor_system_config config;
  // docs/decisions/0009: half of the cores run actors, the others the io thread and the workers that hash and
  // write.
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::max<std::size_t>(1, std::thread::hardware_concurrency() / 2));
  config.set("scheduler.max-throughput", std::size_t{64});
  caf::actor_system system{config};
  node::node_options options{std::move(*who), [identity_file](const identity::identity& solved) {
                               return identity::save_identity(identity_file, solved);
                             }};
  const auto root = system.spawn(node::node, environment_ptr(*env), std::move(options));
  auto web = gateway::start(system, *env, root);
  if (!web) {
    caf::anon_send(root, shut_down{});
    return complain(web.error().message);
  }
  (*env)->log(log_level::info, "node",
              std::string("page and API on ") + (settings.gateway.tls_cert.empty() ? "http://" : "https://") +
                  to_string((*web)->local()));

  int number = 0;
  sigwait(&signals, &number);
  (*env)->log(log_level::info, "node", "stopping");
  (*web)->stop();
  caf::scoped_actor self{system};
  self->monitor(root);
  caf::anon_send(root, shut_down{});
  self->receive([](const caf::down_msg&) {});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"vsfd: a Virtual Soulfind node"};
  arguments args;
  app.add_option("--config", args.config_file,
                 "configuration file (default: $XDG_CONFIG_HOME/vsf/vsf.yml, if it exists)");
  app.add_option("--data-dir", args.data_dir,
                 "where the node keeps everything (default: $XDG_DATA_HOME/vsf)");
  app.add_flag("--check-config", args.check_config, "say what is wrong with the configuration, and end");
  app.add_flag("--print-sample-config", args.print_sample,
               "print a configuration file with every key explained, and end");
  app.set_version_flag("--version", std::string("vsfd ") + VSF_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  if (args.print_sample) {
    std::cout << config::sample();
    return 0;
  }
  const auto loaded = load_settings(args);
  for (const auto& warning : loaded.warnings) std::cerr << "warning: " << config::to_string(warning) << '\n';
  for (const auto& error : loaded.errors) std::cerr << config::to_string(error) << '\n';
  if (!loaded.errors.empty()) return args.check_config ? 1 : 2;
  if (args.check_config) {
    std::cout << "the configuration is valid\n";
    return 0;
  }
  return serve(loaded.values);
}
