#include "gateway/cli/torrent_command.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include <nlohmann/json.hpp>

#include "actors/swarm/torrent_export.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

struct close_file {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using file_ptr = std::unique_ptr<std::FILE, close_file>;

std::string why() { return std::strerror(errno); }

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Reads a file once. Fails with a message that names it.
result<swarm::hash_tree> tree_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return fail("cannot read " + printable(path) + ": " + why());
  if (!S_ISREG(about.st_mode))
    return fail(printable(path) + " is no file; give one file, a torrent of several is not made");
  const file_ptr in(std::fopen(path.c_str(), "rbe"));
  if (!in) return fail("cannot read " + printable(path) + ": " + why());
  swarm::tree_builder builder(swarm::tree_builder::keep::leaves);
  bytes part(swarm::piece_size);
  while (const auto got = std::fread(part.data(), 1, part.size(), in.get()))
    builder.update(byte_view(part).first(got));
  if (std::ferror(in.get()) != 0) return fail("cannot read " + printable(path) + ": " + why());
  if (builder.size() != static_cast<std::uint64_t>(about.st_size))
    return fail(printable(path) + " changed while it was read; try again when it is whole");
  return builder.tree();
}

bool holds(const std::string& path, const std::string& content) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {}) == content;
}

result<void> write_new(const std::string& path, const std::string& content) {
  file_ptr out(std::fopen(path.c_str(), "wbxe"));
  if (!out && errno == EEXIST) {
    if (holds(path, content)) return {};
    return fail(printable(path) + " is there already and holds something else; choose another with --out");
  }
  if (!out) return fail("cannot write " + printable(path) + ": " + why());
  const bool written = std::fwrite(content.data(), 1, content.size(), out.get()) == content.size();
  if (std::fclose(out.release()) == 0 && written) return {};
  const auto reason = why();
  ::unlink(path.c_str());
  return fail("cannot write " + printable(path) + ": " + reason);
}

bool begins_with_one_of(const std::string& url, std::initializer_list<std::string_view> schemes) {
  for (const auto scheme : schemes)
    if (url.starts_with(scheme) && url.size() > scheme.size()) return printable(url) == url;
  return false;
}

int misused(const console& to, const std::string& message) {
  complain(to, message);
  return exit_usage;
}

}  // namespace

int run_tool_torrent(const console& to, const torrent_request& what) {
  for (const auto& url : what.trackers)
    if (!begins_with_one_of(url, {"udp://", "http://", "https://"}))
      return misused(to, "--tracker " + printable(url) + " is not an address like udp://host:port");
  const auto name = name_of(what.file);
  std::vector<std::string> web_seeds;
  for (const auto& url : what.web_seeds) {
    const auto folder = swarm::web_seed_folder(url, name);
    if (!begins_with_one_of(url, {"http://", "https://"}) || !folder)
      return misused(to,
                     "--web-seed " + printable(url) +
                         " is neither the file's address nor that of its folder, like https://host/music/");
    web_seeds.push_back(*folder);
  }
  if (printable(name) != name)
    return complain(to, "the name " + printable(name) + " is no plain UTF-8 text; rename the file first");
  const auto tree = tree_of(what.file);
  if (!tree) return complain(to, tree.error().message);
  const auto made = swarm::export_torrent(*tree, name, {what.trackers, web_seeds});
  if (!made)
    return complain(to, "cannot make a torrent of " + printable(what.file) + ": " + made.error().message);
  const auto path = what.out.empty() ? name + ".torrent" : what.out;
  if (const auto done = write_new(path, made->file); !done) return complain(to, done.error().message);
  if (!what.json) {
    to.out << made->magnet << std::endl;
    return exit_done;
  }
  const nlohmann::ordered_json out{{"root", to_hex(tree->root())},
                                   {"infohash_v2", to_hex(made->infohash_v2)},
                                   {"magnet", made->magnet},
                                   {"torrent", path}};
  to.out << out.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
  return exit_done;
}

}  // namespace vsf::cli
