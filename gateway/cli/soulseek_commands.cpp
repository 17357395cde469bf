#include "gateway/cli/soulseek_commands.hpp"

#include <charconv>

#include "gateway/cli/soulseek_view.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using nlohmann::json;
using amount = soulseek_word::amount;
using value = soulseek_option::value;

const soulseek_option as_json{"--json", value::none, "as JSON"};
const soulseek_word user{"USER", "the user's name"};
const soulseek_word text{"TEXT", "words; put -- in front if the first begins with a dash", amount::many};
const soulseek_word item{"ITEM", "what it is about", amount::many};
const soulseek_word number{"NUMBER", "from vsf soulseek downloads or uploads"};
const soulseek_word somebody{"NAME", "a user, an address or a network like 10.0.0.0/8"};
const soulseek_option off{"--off", value::none, "no longer"};
const soulseek_option upload{"--upload", value::none, "it is an upload"};
const soulseek_option limit{"--limit", value::number, "so many at most", 1000};
const soulseek_option rows{"--limit", value::number, "so many at most (default: 100)", 100'000};

int show_at(const soulseek_call& call, const char* what, const std::vector<std::string>& parts,
            std::string (*as_text)(const json&)) {
  return show_answer(call, what, call.node.get(soulseek_path(parts)), as_text);
}

int set_interest(const soulseek_call& call, const char* kind, bool on, const std::string& done) {
  const auto what = call.text("ITEM");
  const auto path = soulseek_path({"interests", kind, what});
  return tell_done(call, "change what you like",
                   on ? call.node.put(path, json::object()) : call.node.remove(path),
                   done + " " + printable(what));
}

std::vector<soulseek_command> of_session() {
  return {{"status",
           "how it stands with the Soulseek server",
           {},
           {as_json},
           [](const soulseek_call& c) { return show_at(c, "show how it stands", {}, soulseek_status_text); }},
          {"login",
           "log in again after it stopped or after a logout",
           {},
           {},
           [](const soulseek_call& c) {
             return tell_done(c, "log in", c.node.post(soulseek_path({"login"})),
                              "the node logs in; see vsf soulseek status");
           }},
          {"logout",
           "leave the server until the next login",
           {},
           {},
           [](const soulseek_call& c) {
             return tell_done(c, "log out", c.node.post(soulseek_path({"logout"})),
                              "the node leaves the server; transfers with users go on");
           }},
          {"away",
           "be shown as away, or as here",
           {{"STATE", "on or off", amount::one, {"on", "off"}}},
           {},
           [](const soulseek_call& c) {
             const bool on = c.text("STATE") == "on";
             return tell_done(c, "change that", c.node.post(soulseek_path({"away"}), {{"away", on}}),
                              on ? "shown as away" : "shown as here");
           }},
          {"limits",
           "the limits of Soulseek transfers; with options, changes them until the node ends",
           {},
           {{"--upload-kib", value::number, "KiB a second to all users together; 0: no limit"},
            {"--download-kib", value::number, "KiB a second from all users together; 0: no limit"},
            {"--user-kib", value::number, "KiB a second to any one user; 0: no limit"},
            {"--slots", value::number, "uploads at the same time", 100},
            {"--user-slots", value::number, "of them to one user", 100},
            {"--active", value::number, "downloads at the same time", 256},
            {"--user-active", value::number, "of them from one user", 256},
            as_json},
           run_soulseek_limits}};
}

std::vector<soulseek_command> of_files() {
  return {
      {"search",
       "search all users, one user or a room; shows results as they come, best first",
       {text},
       {{"--user", value::text, "only this user"},
        {"--room", value::text, "only the users of this room"},
        {"--wait", value::number, "seconds to wait for results (default: 10)", 300},
        rows,
        as_json},
       run_soulseek_search},
      {"results",
       "what a search or a wish has found so far",
       {{"NUMBER", "of the search"}},
       {rows, as_json},
       run_soulseek_results},
      {"stop",
       "take no further results of a search, keeping those there are",
       {{"NUMBER", "of the search"}},
       {},
       [](const soulseek_call& c) {
         const auto search = c.text("NUMBER");
         return tell_done(c, "stop search " + search,
                          c.node.post(soulseek_path({"searches", search, "stop"})),
                          "search " + search + " takes no further results");
       }},
      {"browse",
       "what a user shares: all folders, or one with its files",
       {user, {"FOLDER", "as its owner calls it, with backslashes", amount::maybe}},
       {{"--files", value::none, "each file, too"},
        {"--offset", value::number, "how many folders to pass over"},
        limit,
        as_json},
       run_soulseek_browse,
       true},
      {"user",
       "what a user says of itself",
       {user},
       {as_json},
       [](const soulseek_call& c) {
         const auto name = c.text("USER");
         return show_answer(c, "ask " + printable(name), c.node.get(soulseek_path({"users", name})),
                            soulseek_user_text);
       },
       true},
      {"get",
       "download a user's file, or the RESULT of a search; prints the file's path at the end",
       {{"USER", "the user's name, or a RESULT like 12-abc234"},
        {"PATH", "as its owner calls it, with backslashes", amount::maybe}},
       {{"--folder", value::none, "PATH is a folder, or the folder of RESULT: all in it"},
        {"--no-wait", value::none, "print the download's number and don't wait for it"},
        as_json},
       run_soulseek_get,
       true},
      {"downloads", "downloads from Soulseek users", {}, {as_json}, run_soulseek_downloads},
      {"uploads", "uploads to Soulseek users", {}, {as_json}, run_soulseek_uploads},
      {"cancel", "stop a download or an upload", {number}, {upload}, run_soulseek_cancel},
      {"retry", "try a failed or waiting download again", {number}, {}, run_soulseek_retry},
      {"pause", "hold a download, keeping what it has", {number}, {}, run_soulseek_pause},
      {"resume", "go on with a paused download", {number}, {}, run_soulseek_resume},
      {"forget", "take an ended download off the list; its file stays", {number}, {}, run_soulseek_forget},
      {"move",
       "move a download within the queue",
       {number, {"PLACE", "among those that are not finished, 1 is next"}},
       {},
       run_soulseek_move}};
}

std::vector<soulseek_command> of_chat() {
  return {
      {"messages",
       "conversations, or the messages with a user, which count as read then",
       {{"USER", "with this user", amount::maybe}},
       {{"--before", value::number, "only older ones than the message with this id"},
        {"--forget", value::none, "forget those with USER"},
        limit,
        as_json},
       run_soulseek_messages},
      {"say", "write to a user", {user, text}, {}, run_soulseek_say},
      {"rooms", "chat rooms, joined ones first, then the largest", {}, {limit, as_json}, run_soulseek_rooms},
      {"room",
       "users, tickers and newest messages of a joined room",
       {{"ROOM", "its name"}},
       {limit, as_json},
       run_soulseek_room},
      {"join",
       "join a room, and again after each login",
       {{"ROOM", "its name"}},
       {{"--private", value::none, "if there is none of that name yet, make a private one"}},
       [](const soulseek_call& c) {
         const auto room = c.text("ROOM");
         return tell_done(
             c, "join " + printable(room),
             c.node.post(soulseek_path({"rooms"}), {{"room", room}, {"private", c.has("--private")}}),
             "joining " + printable(room) + "; see vsf soulseek room");
       }},
      {"leave",
       "leave a room",
       {{"ROOM", "its name"}},
       {},
       [](const soulseek_call& c) {
         const auto room = c.text("ROOM");
         return tell_done(c, "leave " + printable(room), c.node.remove(soulseek_path({"rooms", room})),
                          "left " + printable(room));
       }},
      {"tell",
       "say something in a joined room",
       {{"ROOM", "its name"}, text},
       {},
       [](const soulseek_call& c) {
         const auto room = c.text("ROOM");
         return tell_done(c, "speak in " + printable(room),
                          c.node.post(soulseek_path({"rooms", room, "messages"}), {{"text", c.text("TEXT")}}),
                          "said in " + printable(room));
       }},
      {"ticker",
       "set our ticker of a joined room; without TEXT, remove it",
       {{"ROOM", "its name"}, {"TEXT", "one line", amount::maybe}},
       {},
       [](const soulseek_call& c) {
         const auto room = c.text("ROOM");
         return tell_done(c, "set the ticker of " + printable(room),
                          c.node.put(soulseek_path({"rooms", room, "ticker"}), {{"text", c.text("TEXT")}}),
                          "the ticker of " + printable(room) + (c.has("TEXT") ? " is set" : " is removed"));
       }}};
}

std::vector<soulseek_command> of_taste() {
  return {{"wish list",
           "what is searched for again and again",
           {},
           {as_json},
           [](const soulseek_call& c) {
             return show_at(c, "list the wishes", {"wishes"}, soulseek_wishes_text);
           }},
          {"wish add",
           "wish for something, or change the rules of a wish of the same text",
           {text},
           {{"--download", value::none, "download by itself what fits the options below"},
            {"--extension", value::text, "like flac; may be given several times"},
            {"--without", value::text, "a word that must not be in the path; may be given several times"},
            {"--min-kbps", value::number, "least bitrate"},
            {"--min-size", value::number, "bytes"},
            {"--max-size", value::number, "bytes"},
            {"--most", value::number, "so many downloads of this wish", 1000},
            {"--free-slot", value::none, "only from users who have a free slot"}},
           run_soulseek_wish_add},
          {"wish remove",
           "end a wish and forget its results",
           {{"NUMBER", "from vsf soulseek wish list"}},
           {},
           run_soulseek_wish_remove},
          {"like",
           "like something",
           {item},
           {},
           [](const soulseek_call& c) { return set_interest(c, "likes", true, "you like"); }},
          {"unlike",
           "like something no longer",
           {item},
           {},
           [](const soulseek_call& c) { return set_interest(c, "likes", false, "you no longer like"); }},
          {"hate",
           "hate something",
           {item},
           {},
           [](const soulseek_call& c) { return set_interest(c, "hates", true, "you hate"); }},
          {"unhate",
           "hate something no longer",
           {item},
           {},
           [](const soulseek_call& c) { return set_interest(c, "hates", false, "you no longer hate"); }},
          {"interests",
           "what you like and hate, or what a user does",
           {{"USER", "this user", amount::maybe}},
           {as_json},
           run_soulseek_interests},
          {"recommendations",
           "what the server recommends: for your likes, for an item, or for everybody",
           {{"ITEM", "what others like who like this", amount::maybe}},
           {{"--global", value::none, "what everybody likes"}, as_json},
           run_soulseek_recommendations},
          {"similar",
           "users who like the same, or an item",
           {{"ITEM", "who like this", amount::maybe}},
           {as_json},
           [](const soulseek_call& c) {
             const auto about = c.has("ITEM") ? "?item=" + api_client::escaped(c.text("ITEM")) : "";
             return show_answer(c, "show who likes the same",
                                c.node.get(soulseek_path({"similar-users"}) + about), soulseek_similar_text);
           }}};
}

std::vector<soulseek_command> of_people() {
  return {{"people list",
           "buddies, banned and ignored users and networks",
           {},
           {as_json},
           [](const soulseek_call& c) {
             return show_at(c, "list the people", {"people"}, soulseek_people_text);
           }},
          {"people buddy", "make somebody a buddy", {somebody}, {off}, run_soulseek_buddy},
          {"people ban", "serve somebody nothing", {somebody}, {off}, run_soulseek_ban},
          {"people ignore", "don't hear somebody", {somebody}, {off}, run_soulseek_ignore},
          {"people note", "remember something about somebody", {somebody, text}, {}, run_soulseek_note},
          {"people forget", "forget what was set for somebody", {somebody}, {}, [](const soulseek_call& c) {
             const auto name = c.text("NAME");
             return tell_done(c, "forget " + printable(name), c.node.remove(soulseek_path({"people", name})),
                              printable(name) + " is nobody special any more");
           }}};
}

}  // namespace

bool soulseek_call::has(const std::string& name) const { return given.contains(name); }

std::string soulseek_call::text(const std::string& name) const {
  std::string out;
  const auto it = given.find(name);
  if (it == given.end()) return out;
  for (const auto& word : it->second) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::uint64_t soulseek_call::number(const std::string& name, std::uint64_t otherwise) const {
  const auto digits = text(name);
  std::uint64_t out = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return digits.empty() || ec != std::errc{} || end != digits.data() + digits.size() ? otherwise : out;
}

const std::vector<soulseek_command>& soulseek_commands() {
  static const auto all = [] {
    std::vector<soulseek_command> out;
    for (const auto& part : {of_session(), of_files(), of_chat(), of_taste(), of_people()})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }();
  return all;
}

std::string soulseek_path(const std::vector<std::string>& parts) {
  std::string out = "/api/v1/soulseek";
  for (const auto& part : parts) out += "/" + api_client::escaped(part);
  return out;
}

std::string paged(const std::string& path, std::uint64_t offset, std::uint64_t limit_of_page) {
  return path + "?offset=" + std::to_string(offset) + "&limit=" + std::to_string(limit_of_page);
}

int show_answer(const soulseek_call& call, const std::string& what, const api_client::answer<json>& answer,
                std::string (*as_text)(const json&)) {
  if (!answer) return complain(call.to, "cannot " + what + ": " + answer.error().message);
  call.to.out << (call.has("--json") ? json_text(*answer) + "\n" : as_text(*answer)) << std::flush;
  return exit_done;
}

int tell_done(const soulseek_call& call, const std::string& what, const api_client::answer<json>& answer,
              const std::string& done) {
  if (!answer) return complain(call.to, "cannot " + what + ": " + answer.error().message);
  call.to.out << done << std::endl;
  return exit_done;
}

}  // namespace vsf::cli
