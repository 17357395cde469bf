#include "sim/operation_log.hpp"

#include <array>

#include <nlohmann/json.hpp>

namespace vsf::sim {

namespace {

constexpr std::array<const char*, 2> kinds{"resolve", "download"};
constexpr std::array<const char*, 8> outcomes{"pending", "ok",        "empty",     "wrong",
                                              "failed",  "node_died", "timed_out", "fake"};

}  // namespace

result<operation_log> operation_log::open(const std::optional<std::string>& path) {
  operation_log out;
  if (!path) return out;
  out.out_.emplace(*path, std::ios::trunc);
  if (!*out.out_)
    return fail("cannot write the operation log " + *path + ": no such folder or no permission");
  return out;
}

void operation_log::write(const operation& done) {
  if (out_) *out_ << to_json_line(done) << '\n';
  done_.push_back(done);
}

std::string to_json_line(const operation& op) {
  nlohmann::ordered_json line;
  line["op"] = kinds[static_cast<std::size_t>(op.what)];
  line["t_us"] = op.started_us;
  line["elapsed_us"] = op.elapsed_us;
  line["node"] = op.node;
  line["mbid"] = to_string(op.target);
  line["outcome"] = outcomes[static_cast<std::size_t>(op.end)];
  line["holders_alive"] = op.holders_alive;
  line["holders_found"] = op.holders_found;
  line["replicas"] = op.replicas;
  line["asked"] = op.asked;
  line["bytes"] = op.bytes;
  if (!op.sha256.empty()) line["sha256"] = op.sha256;
  if (!op.reason.empty()) line["reason"] = op.reason;
  return line.dump();
}

}  // namespace vsf::sim
