#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "gateway/cli/api_client.hpp"
#include "gateway/cli/console.hpp"

namespace vsf::cli {

/// One of done, failed, cancelled.
bool has_ended(const nlohmann::json& download);

/// Asks for a download's state (2 to 10 times a second) and shows its progress, until `enough` says so or it
/// has ended; gives the last state. A node that is away is waited for during `patience`.
api_client::answer<nlohmann::json> follow_download(api_client& node, const console& to,
                                                   nlohmann::json download,
                                                   const std::function<bool(const nlohmann::json&)>& enough,
                                                   std::chrono::milliseconds patience);

/// Fetches the finished download's file into the folder and checks it against the node's SHA-256 if that is
/// known; gives its path.
api_client::answer<std::string> fetch_content(api_client& node, const console& to,
                                              const nlohmann::json& download, const std::string& folder);

}  // namespace vsf::cli
