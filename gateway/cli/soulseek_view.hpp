#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

/// What a person sees of the Soulseek side. Pure; shapes are those of openapi.json.
namespace vsf::cli {

std::string soulseek_status_text(const nlohmann::json& status);
std::string soulseek_user_text(const nlohmann::json& user);
/// Folders with how much is in each; files too if `with_files`. `offset`: which folder the first one is.
std::string soulseek_shares_text(const nlohmann::json& shares, std::uint64_t offset, bool with_files);
std::string soulseek_downloads_text(const nlohmann::json& transfers);
std::string soulseek_uploads_text(const nlohmann::json& transfers);
std::string soulseek_limits_text(const nlohmann::json& limits);
std::string soulseek_conversations_text(const nlohmann::json& conversations);
std::string soulseek_conversation_text(const nlohmann::json& conversation);
std::string soulseek_rooms_text(const nlohmann::json& rooms);
std::string soulseek_room_text(const nlohmann::json& room);
std::string soulseek_wishes_text(const nlohmann::json& wishes);
std::string soulseek_interests_text(const nlohmann::json& interests);
std::string soulseek_recommendations_text(const nlohmann::json& recommendations);
std::string soulseek_similar_text(const nlohmann::json& users);
std::string soulseek_people_text(const nlohmann::json& people);

/// "320 kbit/s", "~245 kbit/s" (variable), "96 kHz/24 bit", or the name's extension.
std::string soulseek_quality(const nlohmann::json& file);

/// A file that a search found.
struct soulseek_found {
  std::string id{};  // of six letters and digits: the same for this user and path in every search
  nlohmann::json user{};
  nlohmann::json file{};
};
/// What a search found, best first: users with a free slot, then faster ones, then better files (lossless by
/// resolution, then by bitrate).
std::vector<soulseek_found> soulseek_ranked(const nlohmann::json& results);
/// As a table of the first `most`, each named "SEARCH-ID".
std::string soulseek_found_text(std::uint64_t search, const std::vector<soulseek_found>& found,
                                std::size_t most);

/// The results, each file by itself with its user and its name as `result`, best first.
nlohmann::json soulseek_found_json(const nlohmann::json& results, const std::vector<soulseek_found>& found);

/// "requested, number 3", "waiting: anna is not online".
std::string soulseek_transfer_words(const nlohmann::json& transfer);

}  // namespace vsf::cli
