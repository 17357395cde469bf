#pragma once

#include <string>

#include "gateway/cli/api_client.hpp"
#include "gateway/cli/console.hpp"

/// The commands that ask a node. Each gives the program's exit code.
namespace vsf::cli {

int run_status(api_client& node, const console& to, bool json);
int run_search(api_client& node, const console& to, const std::string& query, bool json);

struct get_options {
  bool wait = false;
  std::string out_dir{};  // empty: leave the file with the node
};
/// Without `wait`: until the mesh has said whether anybody has it, 4 s at most.
int run_get(api_client& node, const console& to, const mbid& what, const get_options& how);
int run_downloads(api_client& node, const console& to, bool json);
/// `verb`: cancel or retry.
int run_control(api_client& node, const console& to, const std::string& id, const std::string& verb);
int run_rescan(api_client& node, const console& to);
/// The last 20 events and then each as it happens, until interrupted; asks once a second.
int run_events(api_client& node, const console& to, bool json);

}  // namespace vsf::cli
