#include "gateway/routes.hpp"

#include <charconv>
#include <functional>
#include <initializer_list>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/schema.hpp"
#include "gateway/assets.hpp"
#include "gateway/soulseek_asks.hpp"
#include "gateway/soulseek_social.hpp"

namespace vsf::gateway {

namespace {

using answer = std::variant<want, response>;
/// The text that stands for `{x}`; empty for a pattern without one.
using handler = std::function<answer(const request& asked, const std::string& segment)>;

struct row {
  route what;
  handler handle;
};

answer bad(std::string_view code, std::string_view message) { return problem(400, code, message); }

constexpr std::uint32_t max_place = 1'000'000;
constexpr std::string_view priority_help = "priority must be low, normal or high";
constexpr std::string_view mbid_help = "an MBID looks like 8f3471b5-7e6a-48da-86a9-c1c07a0f47ae";

std::optional<std::uint32_t> number(const request& asked, const std::string& key, std::uint32_t fallback,
                                    std::uint32_t most) {
  const auto it = asked.query.find(key);
  if (it == asked.query.end()) return fallback;
  std::uint32_t out = 0;
  const auto& text = it->second;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc{} || end != text.data() + text.size() || text.empty() || out > most)
    return std::nullopt;
  return out;
}

template <class Make>
answer with_limit(const request& asked, std::uint32_t fallback, std::uint32_t most, Make make) {
  const auto limit = number(asked, "limit", fallback, most);
  if (!limit || *limit == 0)
    return bad("bad_limit", "limit must be a number from 1 to " + std::to_string(most));
  return make(*limit);
}

std::string text_of(const request& asked, const std::string& key) {
  const auto it = asked.query.find(key);
  return it == asked.query.end() ? std::string{} : it->second;
}

/// As the swarm writes it: lower case.
bool is_transfer_id(const std::string& id) {
  const auto raw = from_hex(id);
  return id.size() == 32 && raw && to_hex(*raw) == id;
}

template <class Make>
answer with_transfer(const std::string& id, Make make) {
  if (!is_transfer_id(id)) return bad("bad_id", "a download's id is 32 hex digits in lower case");
  return make();
}

answer resolve(const request& asked, const std::string& segment) {
  const auto id = parse_mbid(segment);
  if (!id) return bad("bad_mbid", mbid_help);
  const auto kind = text_of(asked, "kind");
  if (!kind.empty() && kind != "recording" && kind != "release")
    return bad("bad_kind", "kind must be recording or release");
  return want(want_resolve{*id, kind == "release" ? fb::LeafKind::release : fb::LeafKind::recording,
                           text_of(asked, "fresh") == "true"});
}

/// The member `priority` of a body; nullopt: it is something else than low, normal or high.
std::optional<fb::Priority> priority_of(const nlohmann::json& body) {
  if (!body["priority"].is_string()) return std::nullopt;
  for (const auto priority : fb::EnumValuesPriority())
    if (body["priority"] == fb::EnumNamePriority(priority)) return priority;
  return std::nullopt;
}

/// A member that is a whole number from `least` to `most`.
std::optional<std::uint32_t> whole(const nlohmann::json& body, const std::string& name, std::uint32_t least,
                                   std::uint32_t most) {
  const auto it = body.find(name);
  if (it == body.end() || !it->is_number_unsigned()) return std::nullopt;
  const auto value = it->get<std::uint64_t>();
  if (value < least || value > most) return std::nullopt;
  return static_cast<std::uint32_t>(value);
}

answer fetch(const request& asked, const std::string&) {
  const auto body = nlohmann::json::parse(asked.body, nullptr, false);
  if (!body.is_object() || !body.contains("mbid") || !body["mbid"].is_string())
    return bad("bad_body", R"(the body must be JSON like {"mbid": "..."})");
  const auto id = parse_mbid(body["mbid"].get<std::string>());
  if (!id) return bad("bad_mbid", mbid_help);
  const auto priority = body.contains("priority") ? priority_of(body) : fb::Priority::normal;
  if (!priority) return bad("bad_priority", priority_help);
  return want(want_fetch{*id, *priority});
}

handler control(fb::FetchVerb verb) {
  return [verb](const request&, const std::string& id) {
    return with_transfer(id, [&] { return answer(want(want_control{id, verb})); });
  };
}

answer prioritize(const request& asked, const std::string& id) {
  return with_transfer(id, [&] {
    const auto body = nlohmann::json::parse(asked.body, nullptr, false);
    if (!body.is_object() || !body.contains("priority"))
      return bad("bad_body", R"(the body must be JSON like {"priority": "high"})");
    const auto priority = priority_of(body);
    if (!priority) return bad("bad_priority", priority_help);
    return answer(want(want_control{id, fb::FetchVerb::prioritize, *priority}));
  });
}

answer move_in_queue(const request& asked, const std::string& id) {
  return with_transfer(id, [&] {
    const auto body = nlohmann::json::parse(asked.body, nullptr, false);
    if (!body.is_object() || !body.contains("place"))
      return bad("bad_body", R"(the body must be JSON like {"place": 1})");
    const auto place = whole(body, "place", 1, max_place);
    if (!place)
      return bad("bad_place",
                 "place must be a whole number from 1, which is next, to " + std::to_string(max_place));
    return answer(want(want_control{id, fb::FetchVerb::move, fb::Priority::normal, *place - 1}));
  });
}

/// All limits at once, each within what the configuration takes for the key of the same name.
answer new_limits(const request& asked, const std::string&) {
  const auto body = nlohmann::json::parse(asked.body, nullptr, false);
  if (!body.is_object()) return bad("bad_body", "the body must be JSON as GET gives it");
  fb::TransferLimitsT all;
  const std::initializer_list<std::pair<const char*, std::uint32_t&>> fields{
      {"upload_limit_kib", all.upload_limit_kib},
      {"download_limit_kib", all.download_limit_kib},
      {"upload_limit_per_peer_kib", all.upload_limit_per_peer_kib},
      {"upload_slots", all.upload_slots},
      {"active_downloads", all.active_downloads}};
  for (const auto& [name, into] : fields) {
    const auto* spec = config::find_key(std::string("transfers.") + name);
    const auto value = whole(body, name, spec->min, spec->max);
    if (!value) return bad("bad_limits", std::string(name) + " must be " + config::expectation(*spec));
    into = *value;
  }
  return want(want_new_limits{all});
}

answer downloads(const request& asked, const std::string&) {
  const auto offset = number(asked, "offset", 0, 1'000'000);
  if (!offset) return bad("bad_offset", "offset must be a number");
  return with_limit(asked, 100, 1000, [&](std::uint32_t limit) {
    return answer(want(want_downloads{*offset, limit}));
  });
}

answer search(const request& asked, const std::string&) {
  const auto text = text_of(asked, "q");
  if (text.empty() || text.size() > 256)
    return bad("bad_query", "q must be an MBID or 1 to 256 bytes of text");
  return with_limit(asked, 50, 200, [&](std::uint32_t limit) {
    return answer(want(want_search{text, limit}));
  });
}

template <class Want>
handler plain(Want what) {
  return [what](const request&, const std::string&) { return answer(want(what)); };
}

handler soulseek_verb(fb::SoulseekVerb verb, bool upload) {
  return [=](const request&, const std::string& id) { return soulseek_control(id, verb, upload); };
}

std::vector<row> node_rows() {
  return {
      {{"GET", "/health", "whether the node is up, and whether its mesh is"}, plain(want_health{})},
      {{"GET", "/metrics", "counters and gauges for Prometheus"}, plain(want_metrics{})},
      {{"GET", "/api/v1/status", "the node, its components, actors and peers"}, plain(want_status{})},
      {{"GET", "/api/v1/shadow-index/{mbid}", "who serves a recording or release, best first"}, resolve},
      {{"GET", "/api/v1/search", "recordings by MBID (mesh) or words (own library)"}, search},
      {{"GET", "/api/v1/downloads", "downloads, newest first"}, downloads},
      {{"POST", "/api/v1/downloads", "begin a download"}, fetch},
      {{"GET", "/api/v1/downloads/{id}", "one download"},
       [](const request&, const std::string& id) {
         return with_transfer(id, [&] { return answer(want(want_download{id})); });
       }},
      {{"DELETE", "/api/v1/downloads/{id}", "forget an ended download"}, control(fb::FetchVerb::forget)},
      {{"GET", "/api/v1/downloads/{id}/content", "the finished file"},
       [](const request&, const std::string& id) {
         return with_transfer(id, [&] { return answer(want(want_content{id})); });
       }},
      {{"POST", "/api/v1/downloads/{id}/cancel", "stop a download"}, control(fb::FetchVerb::cancel)},
      {{"POST", "/api/v1/downloads/{id}/retry", "try a failed or waiting download again"},
       control(fb::FetchVerb::retry)},
      {{"POST", "/api/v1/downloads/{id}/pause", "hold a download, keeping what it has"},
       control(fb::FetchVerb::pause)},
      {{"POST", "/api/v1/downloads/{id}/resume", "go on with a paused download"},
       control(fb::FetchVerb::resume)},
      {{"POST", "/api/v1/downloads/{id}/priority", "how soon a download gets its turn"}, prioritize},
      {{"POST", "/api/v1/downloads/{id}/move", "move a waiting download within the queue"}, move_in_queue},
      {{"GET", "/api/v1/transfers/limits", "the limits that hold now"}, plain(want_limits{})},
      {{"PUT", "/api/v1/transfers/limits", "change the limits until the node ends"}, new_limits},
      {{"GET", "/api/v1/library", "files of the library in path order, after a path"},
       [](const request& asked, const std::string&) {
         return with_limit(asked, 100, 1000, [&](std::uint32_t limit) {
           return answer(want(want_library{text_of(asked, "after"), limit}));
         });
       }},
      {{"POST", "/api/v1/library/rescan", "look at the folders now"}, plain(want_rescan{})},
      {{"GET", "/api/v1/events/history", "the newest events, oldest first"},
       [](const request& asked, const std::string&) {
         return with_limit(asked, 100, 1000,
                           [](std::uint32_t limit) { return answer(want(want_events{limit})); });
       }},
      {{"GET", "/api/v1/events", "events as they happen, over a WebSocket"}, plain(want_event_stream{})},
      {{"GET", "/api/v1/openapi.json", "this interface, described"},
       [](const request&, const std::string&) {
         return answer(response{200, "application/json", std::string(openapi_json())});
       }},
  };
}

std::vector<row> soulseek_rows() {
  return {
      {{"GET", "/api/v1/soulseek", "how it stands with the Soulseek server"}, soulseek_status},
      {{"POST", "/api/v1/soulseek/login", "log in again after it stopped"}, soulseek_login},
      {{"POST", "/api/v1/soulseek/logout", "leave the server until the next login"}, soulseek_logout},
      {{"POST", "/api/v1/soulseek/searches", "search all users, one user or a room"}, soulseek_search},
      {{"GET", "/api/v1/soulseek/searches/{search}", "what a search has found so far"}, soulseek_results},
      {{"DELETE", "/api/v1/soulseek/searches/{search}", "end a search and forget its results"},
       [](const request&, const std::string& search) { return soulseek_end_search(search, false); }},
      {{"POST", "/api/v1/soulseek/searches/{search}/stop",
        "take no further results, keeping those there are"},
       [](const request&, const std::string& search) { return soulseek_end_search(search, true); }},
      {{"POST", "/api/v1/soulseek/away", "be shown as away, or as here"}, soulseek_away},
      {{"POST", "/api/v1/soulseek/downloads/{id}/move", "move a download within the queue"}, soulseek_move},
      {{"GET", "/api/v1/soulseek/users/{user}", "what a user says of itself"}, soulseek_user},
      {{"GET", "/api/v1/soulseek/users/{user}/shares", "what a user shares"}, soulseek_shares},
      {{"GET", "/api/v1/soulseek/downloads", "downloads from Soulseek users"}, soulseek_downloads},
      {{"POST", "/api/v1/soulseek/downloads", "download a file or a folder of a user"}, soulseek_download},
      {{"DELETE", "/api/v1/soulseek/downloads/{id}", "forget an ended download"},
       soulseek_verb(fb::SoulseekVerb::forget, false)},
      {{"POST", "/api/v1/soulseek/downloads/{id}/cancel", "stop a download"},
       soulseek_verb(fb::SoulseekVerb::cancel, false)},
      {{"POST", "/api/v1/soulseek/downloads/{id}/retry", "try a failed or waiting download again"},
       soulseek_verb(fb::SoulseekVerb::retry, false)},
      {{"POST", "/api/v1/soulseek/downloads/{id}/pause", "hold a download, keeping what it has"},
       soulseek_verb(fb::SoulseekVerb::pause, false)},
      {{"POST", "/api/v1/soulseek/downloads/{id}/resume", "go on with a paused download"},
       soulseek_verb(fb::SoulseekVerb::resume, false)},
      {{"GET", "/api/v1/soulseek/uploads", "uploads to Soulseek users"}, soulseek_uploads},
      {{"POST", "/api/v1/soulseek/uploads/{id}/cancel", "stop an upload"},
       soulseek_verb(fb::SoulseekVerb::cancel, true)},
      {{"POST", "/api/v1/soulseek/messages", "write to a user or into a room"}, soulseek_message},
  };
}

handler interest(bool hated, bool on) {
  return [=](const request&, const std::string& item) { return soulseek_interest(item, hated, on); };
}

/// Talk, wishes and people.
std::vector<row> soulseek_social_rows() {
  return {
      {{"GET", "/api/v1/soulseek/messages", "private conversations, the latest first"},
       soulseek_conversations},
      {{"GET", "/api/v1/soulseek/messages/{user}", "messages with a user, newest last; they count as read"},
       soulseek_conversation},
      {{"DELETE", "/api/v1/soulseek/messages/{user}", "forget the messages with a user"},
       soulseek_forget_conversation},
      {{"GET", "/api/v1/soulseek/rooms", "chat rooms, joined ones first, then the largest"}, soulseek_rooms},
      {{"POST", "/api/v1/soulseek/rooms", "join a room, and again after each login"}, soulseek_join},
      {{"GET", "/api/v1/soulseek/rooms/{room}", "users, tickers and newest messages of a joined room"},
       soulseek_room},
      {{"DELETE", "/api/v1/soulseek/rooms/{room}", "leave a room"}, soulseek_leave},
      {{"POST", "/api/v1/soulseek/rooms/{room}/messages", "say something in a joined room"}, soulseek_say},
      {{"PUT", "/api/v1/soulseek/rooms/{room}/ticker",
        "set our ticker of a joined room; an empty one removes it"},
       soulseek_ticker},
      {{"GET", "/api/v1/soulseek/wishes", "what is searched for again and again"}, soulseek_wishes},
      {{"POST", "/api/v1/soulseek/wishes",
        "wish for something, or change the rules of a wish of the same text"},
       soulseek_wish},
      {{"DELETE", "/api/v1/soulseek/wishes/{wish}", "end a wish and forget its results"}, soulseek_end_wish},
      {{"GET", "/api/v1/soulseek/interests", "what this user likes and hates"}, soulseek_interests},
      {{"PUT", "/api/v1/soulseek/interests/likes/{item}", "like something"}, interest(false, true)},
      {{"DELETE", "/api/v1/soulseek/interests/likes/{item}", "like something no longer"},
       interest(false, false)},
      {{"PUT", "/api/v1/soulseek/interests/hates/{item}", "hate something"}, interest(true, true)},
      {{"DELETE", "/api/v1/soulseek/interests/hates/{item}", "hate something no longer"},
       interest(true, false)},
      {{"GET", "/api/v1/soulseek/recommendations",
        "what the server recommends: for our likes, an item, or everybody"},
       soulseek_recommendations},
      {{"GET", "/api/v1/soulseek/similar-users", "users who like the same, or this item"},
       soulseek_similar_users},
      {{"GET", "/api/v1/soulseek/users/{user}/interests", "what a user likes and hates"}, soulseek_interests},
      {{"GET", "/api/v1/soulseek/people", "buddies, banned and ignored users and networks"}, soulseek_people},
      {{"PUT", "/api/v1/soulseek/people/{name}", "make somebody a buddy, banned or ignored"},
       soulseek_person},
      {{"DELETE", "/api/v1/soulseek/people/{name}", "forget what was set for somebody"}, soulseek_nobody},
      {{"GET", "/api/v1/soulseek/limits", "the limits of Soulseek transfers that hold now"}, soulseek_limits},
      {{"PUT", "/api/v1/soulseek/limits", "change the limits of Soulseek transfers until the node ends"},
       soulseek_new_limits},
  };
}

const std::vector<row>& table() {
  static const std::vector<row> rows = [] {
    std::vector<row> all;
    for (auto&& part : {node_rows(), soulseek_rows(), soulseek_social_rows()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return rows;
}

/// The segment that `{x}` stands for, "" for a pattern without one; nullopt: no match.
std::optional<std::string> match(std::string_view pattern, std::string_view path) {
  const auto open = pattern.find('{');
  if (open == std::string_view::npos) return pattern == path ? std::optional<std::string>("") : std::nullopt;
  const auto tail = pattern.substr(pattern.find('}') + 1);
  const auto head = pattern.substr(0, open);
  if (path.size() <= head.size() + tail.size() || !path.starts_with(head) || !path.ends_with(tail))
    return std::nullopt;
  const auto segment = path.substr(head.size(), path.size() - head.size() - tail.size());
  if (segment.find('/') != std::string_view::npos) return std::nullopt;
  return decode_segment(segment);
}

}  // namespace

const std::vector<route>& routes() {
  static const std::vector<route> out = [] {
    std::vector<route> all;
    for (const auto& r : table()) all.push_back(r.what);
    return all;
  }();
  return out;
}

std::variant<want, response> route_request(const request& asked) {
  std::string allowed;
  for (const auto& r : table()) {
    const auto segment = match(r.what.pattern, asked.path);
    if (!segment) continue;
    if (r.what.method == asked.method || (asked.method == "HEAD" && r.what.method == "GET"))
      return r.handle(asked, *segment);
    allowed += (allowed.empty() ? "" : ", ") + std::string(r.what.method);
  }
  if (!allowed.empty()) {
    auto out = problem(405, "wrong_method", "this address takes " + allowed);
    out.headers.emplace_back("Allow", allowed);
    return out;
  }
  if (asked.method == "GET" || asked.method == "HEAD")
    if (const auto* asset = find_asset(asked.path)) return asset_response(*asset);
  return problem(404, "not_found", "there is nothing at this address; see /api/v1/openapi.json");
}

}  // namespace vsf::gateway
