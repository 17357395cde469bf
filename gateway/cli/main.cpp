// vsf, the command line: asks a node over HTTP; `vsf tool` needs none.

#include <unistd.h>

#include <iostream>
#include <optional>

#include <CLI/CLI.hpp>

#include "gateway/cli/interrupt.hpp"
#include "gateway/cli/node_commands.hpp"
#include "gateway/cli/soulseek_options.hpp"
#include "gateway/cli/terminal.hpp"
#include "gateway/cli/tool_commands.hpp"
#include "gateway/cli/torrent_command.hpp"

namespace {

using namespace vsf;

struct arguments {
  std::string url = "http://127.0.0.1:5030";
  std::string api_key_file;
  std::string data_dir;  // for tools that work on a store
  bool json = false;
  std::string subject;  // text, MBID, id or file
  std::string kind;
  std::vector<std::string> words;
  std::string priority;
  std::uint32_t place = 1;
  cli::get_options get;
  cli::limit_options limits;
  cli::torrent_request torrent;
  cli::soulseek_request soulseek;
};

/// The node gives up on another user after a minute.
constexpr long patient_timeout_ms = 75'000;
const std::vector<std::string> priorities{"low", "normal", "high"};

void add_json_flag(CLI::App* command, arguments& args, const char* help) {
  command->add_flag("--json", args.json, help);
}

CLI::App* add_for_download(CLI::App& app, arguments& args, const std::string& name, const char* help) {
  auto* command = app.add_subcommand(name, help);
  command->add_option("id", args.subject, "the download's id, from vsf downloads")
      ->required()
      ->type_name("ID");
  return command;
}

void declare_downloads(CLI::App& app, arguments& args) {
  auto* get = app.add_subcommand(
      "get", "download a recording; prints the download's id, or the file's path at the end");
  get->add_option("mbid", args.subject, "MusicBrainz id of the recording")->required()->type_name("MBID");
  get->add_option("--out", args.get.out_dir, "wait, then put the file into this folder here")
      ->type_name("DIR");
  get->add_flag("--wait", args.get.wait, "wait until the node has the file");
  get->add_option("--priority", args.get.priority, "how soon it gets its turn: low, normal or high")
      ->check(CLI::IsMember(priorities))
      ->type_name("P");
  add_json_flag(app.add_subcommand("downloads", "the node's downloads, newest first"), args, "as JSON");
  add_for_download(app, args, "cancel", "stop a download");
  add_for_download(app, args, "retry", "try a failed or waiting download again");
  add_for_download(app, args, "pause", "hold a download, keeping what it has");
  add_for_download(app, args, "resume", "go on with a paused download");
  add_for_download(app, args, "forget", "take an ended download off the list; its file stays");
  add_for_download(app, args, "priority", "how soon a download gets its turn")
      ->add_option("priority", args.priority, "low, normal or high")
      ->required()
      ->check(CLI::IsMember(priorities))
      ->type_name("P");
  add_for_download(app, args, "move", "move a waiting download within the queue")
      ->add_option("place", args.place, "among those of its priority, 1 is next")
      ->required()
      ->check(CLI::Range(1u, 1'000'000u))
      ->type_name("PLACE");
  auto* limits =
      app.add_subcommand("limits", "the limits of transfers; with options, changes them until the node ends");
  const auto add_limit = [limits](const char* name, std::optional<std::uint32_t>& into, const char* help) {
    limits->add_option(name, into, help)->type_name("N");
  };
  add_limit("--upload-kib", args.limits.upload_kib, "KiB a second to all peers together; 0: no limit");
  add_limit("--download-kib", args.limits.download_kib, "KiB a second from all peers together; 0: no limit");
  add_limit("--peer-kib", args.limits.peer_kib, "KiB a second to any one peer; 0: no limit");
  add_limit("--slots", args.limits.slots, "peers served at the same time");
  add_limit("--active", args.limits.active, "downloads that run at the same time");
  add_json_flag(limits, args, "as JSON");
}

void declare_tools(CLI::App& app, arguments& args) {
  auto* tool = app.add_subcommand("tool", "what needs no node");
  tool->require_subcommand(0, 1);
  auto* keys = tool->add_subcommand("keys", "DHT keys, in hex");
  keys->add_option("kind", args.kind, "recording, release, scene or name")->required();
  keys->add_option("id", args.words, "MBID, scene id, or ARTIST TITLE")->required();
  auto* analyze = tool->add_subcommand("analyze", "what is in an audio file, looked at in a sandbox");
  analyze->add_option("file", args.subject, "audio file")->required()->type_name("FILE");
  analyze->add_flag("--json", args.json, "as JSON (there is no other form)");
  auto* torrent =
      tool->add_subcommand("torrent", "make a BitTorrent v2 torrent of a file; prints its magnet link");
  torrent->add_option("file", args.torrent.file, "any file")->required()->type_name("FILE");
  torrent->add_option("--out", args.torrent.out, "where to write it (default: FILE's name with .torrent)")
      ->type_name("F.torrent");
  torrent->add_option("--tracker", args.torrent.trackers, "its address; may be given several times")
      ->type_name("URL")
      ->allow_extra_args(false);
  torrent
      ->add_option("--web-seed", args.torrent.web_seeds,
                   "where it is served: its address, or its folder's ending in /")
      ->type_name("URL")
      ->allow_extra_args(false);
  torrent->add_flag("--json", args.torrent.json, "root, infohash_v2, magnet and torrent as JSON");
  for (auto* command : tool->get_subcommands({})) command->fallthrough();
}

void declare(CLI::App& app, arguments& args) {
  // None at all is told apart from an unknown one below.
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.add_option("--url", args.url, "the node's address (default: http://127.0.0.1:5030)")->type_name("URL");
  app.add_option("--api-key-file", args.api_key_file, "a file whose first line is the node's API key")
      ->type_name("FILE");
  app.add_option("--data-dir", args.data_dir, "the store that tools work on")->type_name("DIR");
  app.set_version_flag("--version", std::string("vsf ") + VSF_VERSION);

  add_json_flag(app.add_subcommand("status", "how the node is doing"), args, "the whole state as JSON");
  auto* search =
      app.add_subcommand("search", "who has a recording (by MBID), or words in the node's own library");
  search->add_option("what", args.subject, "MBID or words")->required();
  add_json_flag(search, args, "as JSON");
  declare_downloads(app, args);
  add_json_flag(app.add_subcommand("events", "what happens at the node, as it happens"), args,
                "one JSON object a line");
  app.add_subcommand("rescan", "look through the library's folders now");
  declare_tools(app, args);
  cli::declare_soulseek(app, args.soulseek);
  for (auto* command : app.get_subcommands({})) command->fallthrough();
}

int misused(const std::string& message) {
  std::cerr << "vsf: " << message << std::endl;
  return cli::exit_usage;
}

int run_tool(const CLI::App& tool, const arguments& args, const cli::console& to) {
  if (tool.get_subcommands().empty()) return misused("vsf tool needs a command: keys, analyze or torrent");
  if (tool.got_subcommand("keys")) return cli::run_tool_keys(to, args.kind, args.words);
  if (tool.got_subcommand("torrent")) return cli::run_tool_torrent(to, args.torrent);
  return cli::run_tool_analyze(to, args.subject);
}

/// The commands about downloads; nullopt: it is another one.
std::optional<int> run_downloads(const CLI::App& app, const arguments& args, cli::api_client& node,
                                 const cli::console& to) {
  if (app.got_subcommand("get")) return cli::run_get(node, to, *parse_mbid(args.subject), args.get);
  if (app.got_subcommand("downloads")) return cli::run_downloads(node, to, args.json);
  for (const auto* verb : {"cancel", "retry", "pause", "resume"})
    if (app.got_subcommand(verb)) return cli::run_control(node, to, args.subject, verb);
  if (app.got_subcommand("forget")) return cli::run_forget(node, to, args.subject);
  if (app.got_subcommand("priority")) return cli::run_priority(node, to, args.subject, args.priority);
  if (app.got_subcommand("move")) return cli::run_move(node, to, args.subject, args.place);
  if (app.got_subcommand("limits")) return cli::run_limits(node, to, args.limits, args.json);
  return std::nullopt;
}

int run(const CLI::App& app, const arguments& args, const cli::console& to) {
  if (app.got_subcommand("tool")) return run_tool(*app.get_subcommand("tool"), args, to);
  cli::api_client::settings how;
  const auto url = cli::checked_url(args.url);
  if (!url) return misused(url.error().message);
  how.url = *url;
  if (app.got_subcommand("get") && !parse_mbid(args.subject))
    return misused(cli::printable(args.subject) +
                   " is no MBID; one looks like 8f3471b5-7e6a-48da-86a9-c1c07a0f47ae");
  const auto* soulseek = args.soulseek.command;
  if (app.got_subcommand("soulseek") && soulseek == nullptr)
    return misused("vsf soulseek needs a command; see vsf soulseek --help");
  if (soulseek != nullptr && soulseek->patient) how.timeout_ms = patient_timeout_ms;
  if (!args.api_key_file.empty()) {
    const auto key = cli::read_api_key(args.api_key_file);
    if (!key) return misused(key.error().message);
    how.api_key = *key;
  }
  cli::note_interrupts();
  cli::api_client node(how);
  if (soulseek != nullptr) return soulseek->run({node, to, args.soulseek.given});
  if (const auto done = run_downloads(app, args, node, to)) return *done;
  if (app.got_subcommand("status")) return cli::run_status(node, to, args.json);
  if (app.got_subcommand("search")) return cli::run_search(node, to, args.subject, args.json);
  if (app.got_subcommand("events")) return cli::run_events(node, to, args.json);
  return cli::run_rescan(node, to);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"vsf: the command line of Virtual Soulfind. Exit codes: 0 done, 1 failed, 2 usage."};
  arguments args;
  declare(app, args);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return app.exit(problem);
    return misused(cli::printable(problem.what()) + "; see vsf --help");
  }
  if (app.get_subcommands().empty()) return misused("a command is missing; see vsf --help");
  return run(app, args, {std::cout, std::cerr, ::isatty(STDERR_FILENO) == 1});
}
