#include "config/load.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>

#include "config/read_value.hpp"
#include "config/schema.hpp"
#include "config/yaml_tree.hpp"

namespace vsf::config {

namespace {

constexpr std::size_t max_diagnostics = 100;

/// One reading of one text.
class reader {
 public:
  reader(std::string name, const load_options& options) : name_(std::move(name)), options_(options) {}

  load_report read(const std::string& text) {
    const auto root = parse_yaml(text);
    if (!root) {
      complain(root.error().place, root.error().message);
      return std::move(report_);
    }
    if ((*root)->what == yaml_node::kind::map)
      read_section("", **root);
    else if ((*root)->what != yaml_node::kind::null)
      complain((*root)->place,
               "a configuration consists of sections (node:, mesh:, library: ...), and this has none");
    derive();
    cross_check();
    std::stable_sort(report_.errors.begin(), report_.errors.end(), [](const auto& a, const auto& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return std::move(report_);
  }

 private:
  void complain(const text_place& place, std::string message) {
    if (report_.errors.size() < max_diagnostics)
      report_.errors.push_back({name_, place.line, place.column, std::move(message)});
  }

  void read_section(const std::string& section, const yaml_node& node) {
    std::map<std::string_view, text_place> seen;
    for (const auto& member : node.members) {
      const auto key = section.empty() ? member.key : section + '.' + member.key;
      if (const auto [it, fresh] = seen.emplace(member.key, member.place); !fresh) {
        complain(member.place, shown(key) + " is given twice, first in line " +
                                   std::to_string(it->second.line) + ": keep one of them");
        continue;
      }
      if (const auto* spec = find_key(key))
        read_key(*spec, member);
      else if (is_section(key))
        enter_section(key, member);
      else
        unknown(section, key, member.place);
    }
  }

  void enter_section(const std::string& key, const yaml_node::member& member) {
    if (member.value->what == yaml_node::kind::map)
      read_section(key, *member.value);
    else if (member.value->what != yaml_node::kind::null)
      complain(member.value->place, key + " is a section: put its keys beneath it, indented");
  }

  void read_key(const key_spec& spec, const yaml_node::member& member) {
    const auto done = read_value(spec, *member.value, options_.environment, spec.field(report_.values));
    if (!done) {
      // What isn't there stands nowhere; the key does.
      const bool absent = member.value->what == yaml_node::kind::null;
      complain(absent ? member.place : done.error().place,
               std::string(spec.key) + ' ' + done.error().message);
      return;
    }
    given_[std::string(spec.key)] = member.place;
    if (!spec.waits_for.empty() && report_.warnings.size() < max_diagnostics)
      report_.warnings.push_back({name_, member.place.line, member.place.column,
                                  std::string(spec.key) + " is accepted, but has no effect in " +
                                      std::string(program_version()) + ": " + std::string(spec.waits_for)});
  }

  void unknown(const std::string& section, const std::string& key, const text_place& place) {
    const auto near = nearest_key(key);
    if (!near.empty()) return complain(place, "unknown key " + shown(key) + ": did you mean " + near + "?");
    std::string valid;
    const auto prefix = section.empty() ? section : section + '.';
    const auto add = [&](std::string_view candidate) {
      if (!candidate.starts_with(prefix)) return;
      candidate.remove_prefix(prefix.size());
      if (candidate.find('.') == std::string_view::npos)
        valid += (valid.empty() ? "" : ", ") + std::string(candidate);
    };
    for (const auto& spec : schema()) add(spec.key);
    for (const auto& each : sections()) add(each.key);
    complain(place, "unknown key " + shown(key) + ": " +
                        (section.empty() ? "the sections" : "the keys of " + section) + " are " + valid);
  }

  /// Defaults that follow from the user and from other keys.
  void derive() {
    auto& values = report_.values;
    if (options_.data_dir) {
      std::error_code ec;
      auto absolute = std::filesystem::absolute(*options_.data_dir, ec).lexically_normal().string();
      while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
      if (options_.data_dir->empty() || ec) complain({0, 0}, "--data-dir is no folder: give a path");
      values.node.data_dir = absolute;
    } else if (values.node.data_dir.empty()) {
      auto expanded = expand_path(find_key("node.data_dir")->default_text, options_.environment);
      if (expanded)
        values.node.data_dir = *expanded;
      else
        complain({0, 0}, "node.data_dir has no default: " + expanded.error().message);
    }
    if (values.transfers.download_dir.empty())
      values.transfers.download_dir = values.node.data_dir + "/downloads";
    if (values.transfers.incomplete_dir.empty())
      values.transfers.incomplete_dir = values.node.data_dir + "/incomplete";
  }

  text_place place_of(const std::string& key) const {
    const auto it = given_.find(key);
    return it == given_.end() ? text_place{0, 0} : it->second;
  }

  void cross_check() {
    const auto& values = report_.values;
    if (scope_of(values.gateway.listen) != address_scope::loopback && values.gateway.api_key.empty())
      complain(place_of("gateway.listen"),
               "gateway.listen " + to_string(values.gateway.listen) +
                   " can be reached by others: set gateway.api_key, or listen on 127.0.0.1");
    if (!values.gateway.api_key.empty() && values.gateway.api_key.size() < 8)
      complain(place_of("gateway.api_key"),
               "gateway.api_key is too easy to guess: take at least 8 characters");
    if (values.gateway.tls_cert.empty() != values.gateway.tls_key.empty())
      complain(place_of(values.gateway.tls_cert.empty() ? "gateway.tls_key" : "gateway.tls_cert"),
               "gateway.tls_cert and gateway.tls_key need each other: set both or none");
    if (values.transfers.download_dir == values.transfers.incomplete_dir)
      complain(place_of(given_.count("transfers.incomplete_dir") != 0 ? "transfers.incomplete_dir"
                                                                      : "transfers.download_dir"),
               "transfers.download_dir and transfers.incomplete_dir are the same folder: take two");
    if (values.soulseek.enabled && (values.soulseek.username.empty() || values.soulseek.password.empty()))
      complain(place_of("soulseek.enabled"),
               "soulseek.enabled needs soulseek.username and soulseek.password");
  }

  std::string name_;
  const load_options& options_;
  load_report report_;
  std::map<std::string, text_place> given_;
};

/// At most 1 MiB and one byte of a file; the byte tells that there is more.
result<std::string> read_bounded(const std::string& path, bool& open_to_others) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return fail("can't be opened (" + std::string(std::strerror(errno)) +
                "): check the path and its permissions");
  struct stat info {};
  open_to_others = ::fstat(fd, &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)) != 0;
  std::string text;
  std::array<char, 65536> part{};
  while (text.size() <= max_yaml_bytes) {
    const auto n = ::read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string reason = std::strerror(errno);
      ::close(fd);
      return fail("can't be read (" + reason + "): it must be a file");
    }
    if (n == 0) break;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return text;
}

result<settings> values_or_errors(load_report report) {
  if (report.errors.empty()) return std::move(report.values);
  std::string all;
  for (const auto& each : report.errors) all += (all.empty() ? "" : "\n") + to_string(each);
  return fail(std::move(all));
}

}  // namespace

std::string to_string(const diagnostic& x) {
  if (x.line == 0) return x.name + ": " + x.message;
  return x.name + ':' + std::to_string(x.line) + ':' + std::to_string(x.column) + ": " + x.message;
}

load_report check_text(const std::string& text, const std::string& name, const load_options& options) {
  return reader(name, options).read(text);
}

load_report check_file(const std::string& path, const load_options& options) {
  bool open_to_others = false;
  const auto text = read_bounded(path, open_to_others);
  if (!text) {
    load_report report;
    report.errors.push_back({path, 0, 0, text.error().message});
    return report;
  }
  auto report = check_text(*text, path, options);
  const auto& values = report.values;
  const bool secrets = !values.gateway.api_key.empty() || !values.soulseek.password.empty() ||
                       !values.musicbrainz.acoustid_key.empty();
  if (open_to_others && secrets)
    report.warnings.push_back({path, 0, 0, "holds a secret and can be read by other users: chmod 600 it"});
  return report;
}

result<settings> load_text(const std::string& text, const std::string& name, const load_options& options) {
  return values_or_errors(check_text(text, name, options));
}

result<settings> load_file(const std::string& path, const load_options& options) {
  return values_or_errors(check_file(path, options));
}

result<settings> defaults(const load_options& options) { return load_text("", "defaults", options); }

result<std::string> default_config_path(const path_environment& environment) {
  return expand_path("$XDG_CONFIG_HOME/vsf/vsf.yml", environment);
}

}  // namespace vsf::config
