#include "gateway/cli/soulseek_view.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <tuple>

#include "gateway/cli/terminal.hpp"
#include "net/crypto/crypto.hpp"

namespace vsf::cli {

namespace {

using nlohmann::json;
constexpr std::uint64_t lossless = 1ULL << 40;  // above every bitrate

std::string counted(std::uint64_t n, const char* one, const char* many) {
  return std::to_string(n) + " " + (n == 1 ? one : many);
}

const json& member_of(const json& object, const char* name) {
  static const json none;
  const auto it = object.find(name);
  return it == object.end() ? none : *it;
}

std::string extension_of(const std::string& path) {
  const auto dot = path.rfind('.');
  if (dot == std::string::npos || path.size() - dot > 6 || path.find('\\', dot) != std::string::npos)
    return "";
  return path.substr(dot + 1);
}

std::uint64_t quality_rank(const json& file) {
  const auto depth = number_of(file, "bit_depth");
  if (depth > 0) return lossless + depth * number_of(file, "sample_rate_hz");
  return number_of(file, "bitrate_kbps");
}

std::string length_of(const json& file) {
  const auto seconds = number_of(file, "duration_s");
  return seconds == 0 ? "-" : human_duration(seconds);
}

std::string id_of(const std::string& user, const std::string& path) {
  constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";  // none that look alike
  const auto hash = crypto::sha256(crypto::as_bytes(user + '\0' + path));
  std::string out;
  for (std::size_t i = 0; i < 6; ++i) out.push_back(letters[hash[i] % letters.size()]);
  return out;
}

std::string stands(const json& status) {
  const auto state = text_of(status, "state", "unknown");
  const auto reason = text_of(status, "reason");
  auto out = state == "logging_in" ? "logging in" : state;
  if (flag_of(status, "away")) out += ", away";
  if (!reason.empty()) out += ": " + reason;
  if (const auto until = number_of(status, "until_ms"); until > 0)
    out += "; next try at " + local_time(until);
  if (state == "stopped") out += " (vsf soulseek login tries again)";
  return out;
}

std::string tree_of(const json& status) {
  const auto parent = text_of(status, "parent");
  auto out = parent.empty() ? "no parent" : "below " + parent;
  if (const auto root = text_of(status, "branch_root"); !root.empty())
    out += ", level " + std::to_string(number_of(status, "branch_level")) + " of " + root;
  return out + ", " + counted(number_of(status, "children"), "child", "children");
}

std::uint64_t bytes_in(const json& folder) {
  std::uint64_t out = 0;
  for (const auto& f : list_of(folder, "files")) out += number_of(f, "size");
  return out;
}

std::string transfers_text(const json& list, const char* none, bool downloads) {
  const auto& all = list_of(list, "transfers");
  if (all.empty()) return none;
  std::vector<std::vector<std::string>> rows{
      {"NUMBER", "STATE", "DONE", "SIZE", "RATE", "USER", "FILE OR REASON"}};
  for (const auto& t : all) {
    const auto file = text_of(t, "file");
    const bool has_file = downloads && text_of(t, "state") == "completed" && !file.empty();
    const auto reason = text_of(t, "reason");
    rows.push_back(
        {std::to_string(number_of(t, "id")),
         soulseek_transfer_words({{"state", text_of(t, "state")}, {"place", number_of(t, "place")}}),
         share_of(number_of(t, "bytes_done"), number_of(t, "size")), size_of(t, "size"),
         rate_of(t, "rate_bytes_per_s"), text_of(t, "user"),
         has_file ? file : text_of(t, "path") + (reason.empty() ? "" : " (" + reason + ")")});
  }
  const auto total = number_of(list, "total");
  return table(rows) + (total > all.size() ? "and " + std::to_string(total - all.size()) + " more\n" : "");
}

std::string kib_text(const json& limits, const char* name) {
  const auto kib = number_of(limits, name);
  return kib == 0 ? "no limit" : std::to_string(kib) + " KiB/s";
}

std::string joined(const json& list) {
  std::string out;
  for (const auto& item : list)
    if (item.is_string()) out += (out.empty() ? "" : ", ") + printable(item.get_ref<const std::string&>());
  return out.empty() ? "-" : out;
}

std::string scored(const json& items, const char* heading, const char* name) {
  std::vector<std::vector<std::string>> rows{{"SCORE", heading}};
  for (const auto& item : items) {
    const auto& score = member_of(item, "score");
    rows.push_back(
        {score.is_number_integer() ? std::to_string(score.get<std::int64_t>()) : "-", text_of(item, name)});
  }
  return table(rows);
}

}  // namespace

std::string soulseek_status_text(const json& status) {
  constexpr std::size_t column = 14;
  const auto row = [](const char* label, const std::string& text) { return labelled(label, text, column); };
  std::string out = row("state", stands(status));
  out += row("user", text_of(status, "username", "-"));
  out += row("server",
             text_of(status, "server", "-") +
                 (flag_of(status, "server_answers")
                      ? ", answers in " + std::to_string(number_of(status, "server_latency_ms")) + " ms"
                      : ""));
  out += row("listens at", text_of(status, "listen").empty() ? "-" : text_of(status, "listen"));
  out += row("shares", counted(number_of(status, "shared_files"), "file", "files") + " in " +
                           counted(number_of(status, "shared_folders"), "folder", "folders"));
  out += row("links", counted(number_of(status, "peer_links"), "user", "users"));
  out += row("search tree", tree_of(status));
  out += row("downloads", std::to_string(number_of(status, "downloads_active")) + " active");
  out += row("uploads", std::to_string(number_of(status, "uploads_active")) + " active, " +
                            std::to_string(number_of(status, "uploads_queued")) + " queued");
  if (const auto left = number_of(status, "privileged_s"); left > 0)
    out += row("privileges", human_duration(left));
  return out;
}

std::string soulseek_user_text(const json& user) {
  constexpr std::size_t column = 14;
  std::string out = labelled("user", text_of(user, "user"), column);
  out += labelled("free slot", flag_of(user, "free_slot") ? "yes" : "no", column);
  out += labelled("upload slots", std::to_string(number_of(user, "upload_slots")), column);
  out += labelled("queue", std::to_string(number_of(user, "queue")), column);
  if (number_of(user, "picture_size") > 0) out += labelled("picture", size_of(user, "picture_size"), column);
  const auto says = text_of(user, "description");
  return out + labelled("says", says.empty() ? "nothing" : says, column);
}

std::string soulseek_shares_text(const json& shares, std::uint64_t offset, bool with_files) {
  const auto& folders = list_of(shares, "folders");
  const auto total = number_of(shares, "folders_total");
  const auto user = text_of(shares, "user");
  if (folders.empty())
    return user + (total == 0 ? " shares nothing there\n" : " has no folders behind that\n");
  std::vector<std::vector<std::string>> rows;
  if (!with_files) rows.push_back({"FILES", "SIZE", "FOLDER"});
  for (const auto& f : folders) {
    const auto& files = list_of(f, "files");
    const auto name = text_of(f, "path") + (flag_of(f, "restricted") ? " (for some only)" : "");
    if (!with_files) {
      rows.push_back({std::to_string(files.size()), human_bytes(bytes_in(f)), name});
      continue;
    }
    rows.push_back({"", "", "", name});
    for (const auto& x : files)
      rows.push_back({size_of(x, "size"), soulseek_quality(x), length_of(x), "  " + text_of(x, "path")});
  }
  return table(rows) + "folders " + std::to_string(offset + 1) + " to " +
         std::to_string(offset + folders.size()) + " of " + std::to_string(total) + ", " +
         counted(number_of(shares, "files_total"), "file", "files") + " in all\n";
}

std::string soulseek_downloads_text(const json& transfers) {
  return transfers_text(
      transfers, "there are no downloads from Soulseek users; begin one with: vsf soulseek get USER PATH\n",
      true);
}
std::string soulseek_uploads_text(const json& transfers) {
  return transfers_text(transfers, "nobody fetches anything\n", false);
}

std::string soulseek_limits_text(const json& limits) {
  constexpr std::size_t column = 28;
  const auto number = [&](const char* name) { return std::to_string(number_of(limits, name)); };
  return labelled("upload", kib_text(limits, "upload_limit_kib"), column) +
         labelled("upload per user", kib_text(limits, "upload_limit_per_peer_kib"), column) +
         labelled("download", kib_text(limits, "download_limit_kib"), column) +
         labelled("upload slots", number("upload_slots"), column) +
         labelled("upload slots per user", number("upload_slots_per_user"), column) +
         labelled("active downloads", number("active_downloads"), column) +
         labelled("active downloads per user", number("active_downloads_per_user"), column);
}

std::string soulseek_conversations_text(const json& conversations) {
  const auto& all = list_of(conversations, "conversations");
  if (all.empty()) return "there are no messages; write one with: vsf soulseek say USER TEXT\n";
  std::vector<std::vector<std::string>> rows{{"USER", "UNREAD", "MESSAGES", "AT", "LAST"}};
  for (const auto& c : all) {
    const auto& last = member_of(c, "last");
    rows.push_back({text_of(c, "user"), std::to_string(number_of(c, "unread")),
                    std::to_string(number_of(c, "messages")), local_time(number_of(last, "at_ms")),
                    (flag_of(last, "from_us") ? "you: " : "") + text_of(last, "text")});
  }
  return table(rows);
}

std::string soulseek_conversation_text(const json& conversation) {
  const auto user = text_of(conversation, "user");
  const auto& all = list_of(conversation, "messages");
  if (all.empty()) return "there are no messages with " + user + "\n";
  std::string out;
  if (flag_of(conversation, "more"))
    out += "older ones: vsf soulseek messages USER --before " + std::to_string(number_of(all.front(), "id")) +
           "\n";
  for (const auto& m : all)
    out += local_time(number_of(m, "at_ms")) + (flag_of(m, "unread") ? "  new  " : "  ") +
           (flag_of(m, "from_us") ? "you" : user) + ": " + text_of(m, "text") + "\n";
  return out;
}

std::string soulseek_rooms_text(const json& rooms) {
  const auto& all = list_of(rooms, "rooms");
  if (all.empty()) return "the server has told of no rooms yet\n";
  std::vector<std::vector<std::string>> rows{{"USERS", "KIND", "JOINED", "ROOM"}};
  for (const auto& r : all)
    rows.push_back({std::to_string(number_of(r, "users")), text_of(r, "kind"),
                    flag_of(r, "joined") ? "yes" : "-", text_of(r, "room")});
  const auto total = number_of(rooms, "total");
  return table(rows) +
         (total > all.size() ? "and " + std::to_string(total - all.size()) + " more; see --limit\n" : "");
}

std::string soulseek_room_text(const json& room) {
  const auto name = text_of(room, "room");
  std::string out = name + ": " + counted(number_of(room, "users_total"), "user", "users") +
                    (flag_of(room, "private") ? ", private, of " + text_of(room, "owner", "?") : "") +
                    (flag_of(room, "joined") ? "" : "; the server has not let us in yet") + "\n";
  std::string users;
  for (const auto& u : list_of(room, "users")) {
    const auto status = text_of(u, "status");
    users +=
        (users.empty() ? "" : ", ") + text_of(u, "user") + (status == "online" ? "" : " (" + status + ")");
  }
  if (!users.empty()) out += users + "\n";
  for (const auto& t : list_of(room, "tickers"))
    out += "  [" + text_of(t, "user") + "] " + text_of(t, "text") + "\n";
  for (const auto& m : list_of(room, "messages"))
    out += local_time(number_of(m, "at_ms")) + "  " + text_of(m, "user") + ": " + text_of(m, "text") + "\n";
  return out;
}

std::string soulseek_wishes_text(const json& wishes) {
  const auto& all = list_of(wishes, "wishes");
  if (all.empty()) return "there are no wishes; add one with: vsf soulseek wish add TEXT\n";
  std::vector<std::vector<std::string>> rows{
      {"NUMBER", "SEARCH", "FILES", "USERS", "DOWNLOADED", "LAST ASKED", "TEXT"}};
  for (const auto& w : all) {
    const auto asked = number_of(w, "searched_ms");
    const bool by_itself = member_of(w, "download").is_object();
    rows.push_back({std::to_string(number_of(w, "wish")), std::to_string(number_of(w, "search")),
                    std::to_string(number_of(w, "files")), std::to_string(number_of(w, "users")),
                    by_itself ? std::to_string(number_of(w, "downloaded")) : "-",
                    asked == 0 ? "not yet" : local_time(asked), text_of(w, "text")});
  }
  return table(rows) + "one is searched for every " + human_duration(number_of(wishes, "interval_s")) +
         "; what it found: vsf soulseek results SEARCH\n";
}

std::string soulseek_interests_text(const json& interests) {
  return labelled("likes", joined(list_of(interests, "likes")), 8) +
         labelled("hates", joined(list_of(interests, "hates")), 8);
}

std::string soulseek_recommendations_text(const json& recommendations) {
  const auto& good = list_of(recommendations, "recommended");
  const auto& bad = list_of(recommendations, "discouraged");
  std::string out;
  if (!good.empty()) out += scored(good, "RECOMMENDED", "item");
  if (!bad.empty()) out += scored(bad, "DISCOURAGED", "item");
  return out.empty() ? "the server recommends nothing; tell it more with: vsf soulseek like ITEM\n" : out;
}

std::string soulseek_similar_text(const json& users) {
  const auto& all = list_of(users, "users");
  return all.empty() ? "the server knows nobody who likes the same\n" : scored(all, "USER", "user");
}

std::string soulseek_people_text(const json& people) {
  const auto& all = list_of(people, "people");
  if (all.empty()) return "nobody is a buddy, banned or ignored; see vsf soulseek people --help\n";
  std::vector<std::vector<std::string>> rows{{"NAME", "IS", "STATUS", "FILES", "SPEED", "NOTE"}};
  for (const auto& p : all) {
    std::string is;
    for (const auto* what : {"buddy", "banned", "ignored"})
      if (flag_of(p, what)) is += (is.empty() ? "" : ", ") + std::string(what);
    if (flag_of(p, "configured")) is += " (configured)";
    rows.push_back({text_of(p, "name"), is.empty() ? "-" : is,
                    flag_of(p, "buddy") ? text_of(p, "status") : "-",
                    flag_of(p, "buddy") ? std::to_string(number_of(p, "files")) : "-",
                    rate_of(p, "speed_bytes_per_s"), text_of(p, "note")});
  }
  return table(rows);
}

std::string soulseek_quality(const json& file) {
  if (const auto depth = number_of(file, "bit_depth"); depth > 0) {
    const auto bits = std::to_string(depth) + " bit";
    const auto rate_hz = number_of(file, "sample_rate_hz");
    if (rate_hz == 0) return bits;
    std::array<char, 32> khz{};
    std::snprintf(khz.data(), khz.size(), "%g kHz/", static_cast<double>(rate_hz) / 1000);
    return khz.data() + bits;
  }
  if (const auto kbps = number_of(file, "bitrate_kbps"); kbps > 0)
    return (flag_of(file, "vbr") ? "~" : "") + std::to_string(kbps) + " kbit/s";
  const auto extension = extension_of(text_of(file, "path"));
  return extension.empty() ? "-" : extension;
}

std::vector<soulseek_found> soulseek_ranked(const json& results) {
  std::vector<soulseek_found> out;
  for (const auto& user : list_of(results, "results")) {
    if (text_of(user, "user").empty()) continue;
    auto alone = user;
    alone.erase("files");
    const auto name = text_of(user, "user");
    for (const auto& file : list_of(user, "files"))
      if (!text_of(file, "path").empty()) out.push_back({id_of(name, text_of(file, "path")), alone, file});
  }
  const auto key = [](const soulseek_found& f) {
    return std::tuple(flag_of(f.user, "free_slot"), number_of(f.user, "speed_bytes_per_s"),
                      quality_rank(f.file));
  };
  // Users come in the order of their names, and so they stay where nothing else decides.
  std::stable_sort(out.begin(), out.end(),
                   [&](const soulseek_found& a, const soulseek_found& b) { return key(a) > key(b); });
  return out;
}

std::string soulseek_found_text(std::uint64_t search, const std::vector<soulseek_found>& found,
                                std::size_t most) {
  if (found.empty())
    return "nothing was found so far; ask again with: vsf soulseek results " + std::to_string(search) + "\n";
  std::vector<std::vector<std::string>> rows{
      {"RESULT", "SLOT", "SPEED", "QUALITY", "LENGTH", "SIZE", "USER", "PATH"}};
  for (std::size_t i = 0; i < found.size() && i < most; ++i) {
    const auto& [id, user, file] = found[i];
    const auto queue = number_of(user, "queue");
    rows.push_back({std::to_string(search) + "-" + id,
                    flag_of(user, "free_slot") ? "free" : std::to_string(queue) + " wait",
                    rate_of(user, "speed_bytes_per_s"), soulseek_quality(file), length_of(file),
                    size_of(file, "size"), text_of(user, "user"),
                    text_of(file, "path") + (flag_of(file, "restricted") ? " (for some only)" : "")});
  }
  return table(rows) +
         (found.size() > most ? "and " + std::to_string(found.size() - most) + " more; see --limit\n" : "") +
         "get one with: vsf soulseek get RESULT\n";
}

json soulseek_found_json(const json& results, const std::vector<soulseek_found>& found) {
  auto out = results;
  out["results"] = json::array();
  const auto search = std::to_string(number_of(results, "search"));
  for (const auto& f : found) {
    json row{{"result", search + "-" + f.id}};
    row.update(f.user);
    row.update(f.file);
    out["results"].push_back(std::move(row));
  }
  return out;
}

std::string soulseek_transfer_words(const json& transfer) {
  const auto place = number_of(transfer, "place");
  const auto reason = text_of(transfer, "reason");
  return text_of(transfer, "state", "unknown") + (place == 0 ? "" : ", number " + std::to_string(place)) +
         (reason.empty() ? "" : ": " + reason);
}

}  // namespace vsf::cli
