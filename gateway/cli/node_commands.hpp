#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/cli/api_client.hpp"
#include "gateway/cli/console.hpp"

/// The commands that ask a node. Each gives the program's exit code.
namespace vsf::cli {

int run_status(api_client& node, const console& to, bool json);
int run_search(api_client& node, const console& to, const std::string& query, bool json);

struct get_options {
  bool wait = false;
  std::string out_dir{};   // empty: leave the file with the node
  std::string priority{};  // low, normal or high; empty: the node's choice
};
/// Without `wait`: until the mesh has said whether anybody has it, 4 s at most.
int run_get(api_client& node, const console& to, const mbid& what, const get_options& how);
int run_downloads(api_client& node, const console& to, bool json);
/// `verb`: cancel, retry, pause or resume.
int run_control(api_client& node, const console& to, const std::string& id, const std::string& verb);
/// Takes an ended download off the list.
int run_forget(api_client& node, const console& to, const std::string& id);
/// `priority`: low, normal or high.
int run_priority(api_client& node, const console& to, const std::string& id, const std::string& priority);
/// `place`: among those that wait with the same priority, 1 is next.
int run_move(api_client& node, const console& to, const std::string& id, std::uint32_t place);

/// What is not given stays as it is.
struct limit_options {
  std::optional<std::uint32_t> upload_kib{}, download_kib{}, peer_kib{}, slots{}, active{};
};
/// Changes limits until the node ends, if any is given; shows what holds then.
int run_limits(api_client& node, const console& to, const limit_options& wanted, bool json);
int run_rescan(api_client& node, const console& to);
/// The last 20 events and then each as it happens, until interrupted; asks once a second.
int run_events(api_client& node, const console& to, bool json);

}  // namespace vsf::cli
