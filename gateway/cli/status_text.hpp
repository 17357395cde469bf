#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace vsf::cli {

/// The node's state in some lines for a person. `downloads`: a DownloadList, null if it could not be had.
/// Pure.
std::string status_text(const nlohmann::json& status, const nlohmann::json& downloads);
/// Downloads as a table, or a sentence that there are none.
std::string downloads_text(const nlohmann::json& downloads);
/// The limits of transfers, and how long they hold.
std::string limits_text(const nlohmann::json& limits);
/// What a search found.
std::string search_text(const nlohmann::json& found);
/// "2026-11-22 09:30:00  warning  subject  text" in local time.
std::string event_text(const nlohmann::json& event);

}  // namespace vsf::cli
