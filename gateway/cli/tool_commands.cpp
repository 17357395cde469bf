#include "gateway/cli/tool_commands.hpp"

#include <cmath>
#include <future>

#include <nlohmann/json.hpp>

#include "actors/library/variant.hpp"
#include "actors/shadow_index/keys.hpp"
#include "gateway/cli/terminal.hpp"
#include "net/analyzer_process/analyzer_process.hpp"

namespace vsf::cli {

namespace {

int misused(const console& to, const std::string& message) {
  complain(to, message);
  return exit_usage;
}

nlohmann::ordered_json text_or_null(const flatbuffers::String* text) {
  if (text == nullptr || text->size() == 0) return nullptr;
  return text->str();
}

nlohmann::ordered_json hex_or_null(const fb::Bytes32* x) {
  if (x == nullptr) return nullptr;
  return to_hex(from_fb<digest>(*x));
}

}  // namespace

int run_tool_keys(const console& to, const std::string& kind, const std::vector<std::string>& words) {
  dht_key key;
  if (kind == "recording" || kind == "release") {
    const auto id = words.size() == 1 ? parse_mbid(words.front()) : std::nullopt;
    if (!id)
      return misused(to,
                     "vsf tool keys " + kind + " takes one MBID, like 8f3471b5-7e6a-48da-86a9-c1c07a0f47ae");
    key = kind == "recording" ? shadow_index::recording_key(*id) : shadow_index::release_key(*id);
  } else if (kind == "scene") {
    if (words.size() != 1)
      return misused(to, "vsf tool keys scene takes one id, like scene:label:warp-records");
    key = shadow_index::scene_key(words.front());
  } else if (kind == "name") {
    if (words.size() != 2) return misused(to, "vsf tool keys name takes ARTIST and TITLE, each in quotes");
    key = shadow_index::name_key(words[0], words[1]);
  } else {
    return misused(to, "vsf tool keys knows recording, release, scene and name, not " + printable(kind));
  }
  to.out << to_hex(key) << std::endl;
  return exit_done;
}

int run_tool_analyze(const console& to, const std::string& file) {
  // Outlives the pool, which answers every file before it ends.
  std::promise<result<record<fb::FileEntry>>> promise;
  auto answer = promise.get_future();
  net::analyzer_process pool{net::analyzer_settings{}};
  pool.analyze(file, {.fingerprint = true}, [&promise](auto found) { promise.set_value(std::move(found)); });
  const auto entry = answer.get();
  if (!entry)
    return complain(to, "cannot analyse " + printable(file) + ": " + printable(entry.error().message));
  const auto& e = **entry;
  if (const auto problem = string_of(e.problem()); !problem.empty())
    return complain(to, "cannot analyse " + printable(file) + ": " + printable(problem));
  const auto quality = library::quality_of(e.codec(), e.bitrate_kbps(), e.bit_depth(), e.sample_rate_hz());
  const nlohmann::ordered_json out{{"codec", text_or_null(e.codec_name())},
                                   {"container", text_or_null(e.container())},
                                   {"sample_rate_hz", e.sample_rate_hz()},
                                   {"bit_depth", e.bit_depth()},
                                   {"channels", e.channels()},
                                   {"bitrate_kbps", e.bitrate_kbps()},
                                   {"duration_ms", e.duration_ms()},
                                   {"fingerprint", text_or_null(e.fingerprint())},
                                   {"sha256", hex_or_null(e.sha256())},
                                   {"tree_root", hex_or_null(e.root())},
                                   {"quality_score", std::round(quality / 255.0 * 1000) / 1000},
                                   {"transcode_suspect", nullptr},
                                   {"transcode_reason", nullptr}};
  to.out << out.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
  return exit_done;
}

}  // namespace vsf::cli
