// Other people: messages, rooms, wishes, what is liked, who is a buddy.
#include "gateway/cli/soulseek_commands.hpp"
#include "gateway/cli/soulseek_view.hpp"
#include "gateway/cli/terminal.hpp"

namespace vsf::cli {

namespace {

using nlohmann::json;
constexpr std::uint64_t usual_messages = 100;
constexpr std::uint64_t usual_rooms = 100;

/// Sets one thing of somebody and leaves the others as they are; true or false by --off.
int set_person(const soulseek_call& call, const char* member, const json& value, const std::string& done) {
  const auto name = call.text("NAME");
  const auto what = "change what " + printable(name) + " is";
  const auto people = call.node.get(soulseek_path({"people"}));
  if (!people) return tell_done(call, what, people, "");
  json person{{"buddy", false}, {"banned", false}, {"ignored", false}, {"note", ""}};
  for (const auto& p : list_of(*people, "people")) {
    if (!p.is_object() || p.value("name", json()) != json(name)) continue;
    for (auto& [key, kept] : person.items()) kept = p.value(key, kept);
  }
  person[member] = value;
  return tell_done(call, what, call.node.put(soulseek_path({"people", name}), person),
                   printable(name) + done);
}

int set_flag(const soulseek_call& call, const char* member, const std::string& as) {
  const bool on = !call.has("--off");
  return set_person(call, member, on, (on ? " is " : " is no longer ") + as);
}

json words_of(const soulseek_call& call, const std::string& option) {
  const auto it = call.given.find(option);
  return it == call.given.end() ? json::array() : json(it->second);
}

}  // namespace

int run_soulseek_messages(const soulseek_call& call) {
  const auto limit = call.number("--limit", usual_messages);
  if (!call.has("USER"))
    return show_answer(call, "list the messages", call.node.get(paged(soulseek_path({"messages"}), 0, limit)),
                       soulseek_conversations_text);
  const auto user = call.text("USER");
  if (call.has("--forget"))
    return tell_done(call, "forget the messages with " + printable(user),
                     call.node.remove(soulseek_path({"messages", user})),
                     "the messages with " + printable(user) + " are forgotten");
  auto path = soulseek_path({"messages", user}) + "?limit=" + std::to_string(limit);
  if (call.has("--before")) path += "&before=" + std::to_string(call.number("--before", 0));
  return show_answer(call, "show the messages with " + printable(user), call.node.get(path),
                     soulseek_conversation_text);
}

int run_soulseek_say(const soulseek_call& call) {
  const auto user = call.text("USER");
  return tell_done(call, "write to " + printable(user),
                   call.node.post(soulseek_path({"messages"}), {{"user", user}, {"text", call.text("TEXT")}}),
                   "sent to " + printable(user));
}

int run_soulseek_rooms(const soulseek_call& call) {
  return show_answer(call, "list the rooms",
                     call.node.get(paged(soulseek_path({"rooms"}), 0, call.number("--limit", usual_rooms))),
                     soulseek_rooms_text);
}

int run_soulseek_room(const soulseek_call& call) {
  const auto room = call.text("ROOM");
  return show_answer(
      call, "show the room " + printable(room),
      call.node.get(paged(soulseek_path({"rooms", room}), 0, call.number("--limit", usual_rooms))),
      soulseek_room_text);
}

int run_soulseek_wish_add(const soulseek_call& call) {
  const auto text = call.text("TEXT");
  json wanted{{"text", text}};
  if (call.has("--download")) {
    json rules = json::object();
    if (call.has("--extension")) rules["extensions"] = words_of(call, "--extension");
    if (call.has("--without")) rules["without"] = words_of(call, "--without");
    if (call.has("--min-kbps")) rules["min_bitrate_kbps"] = call.number("--min-kbps", 0);
    if (call.has("--min-size")) rules["min_size"] = call.number("--min-size", 0);
    if (call.has("--max-size")) rules["max_size"] = call.number("--max-size", 0);
    if (call.has("--most")) rules["max_downloads"] = call.number("--most", 1);
    if (call.has("--free-slot")) rules["free_slot"] = true;
    wanted["download"] = std::move(rules);
  }
  const auto done = call.node.post(soulseek_path({"wishes"}), wanted);
  const auto number = done ? std::to_string(number_of(*done, "wish")) : "";
  return tell_done(call, "wish for " + printable(text), done,
                   "wish " + number + " is " + printable(text) +
                       (call.has("--download") ? "; what fits is downloaded by itself" : ""));
}

int run_soulseek_wish_remove(const soulseek_call& call) {
  const auto number = call.text("NUMBER");
  return tell_done(call, "end wish " + number, call.node.remove(soulseek_path({"wishes", number})),
                   "wish " + number + " is over");
}

int run_soulseek_interests(const soulseek_call& call) {
  if (!call.has("USER"))
    return show_answer(call, "show the interests", call.node.get(soulseek_path({"interests"})),
                       soulseek_interests_text);
  const auto user = call.text("USER");
  return show_answer(call, "show what " + printable(user) + " likes",
                     call.node.get(soulseek_path({"users", user, "interests"})), soulseek_interests_text);
}

int run_soulseek_recommendations(const soulseek_call& call) {
  auto path = soulseek_path({"recommendations"});
  if (call.has("--global")) path += "?global=true";
  if (call.has("ITEM"))
    path += (call.has("--global") ? "&item=" : "?item=") + api_client::escaped(call.text("ITEM"));
  return show_answer(call, "show recommendations", call.node.get(path), soulseek_recommendations_text);
}

int run_soulseek_buddy(const soulseek_call& call) { return set_flag(call, "buddy", "a buddy"); }
int run_soulseek_ban(const soulseek_call& call) { return set_flag(call, "banned", "banned"); }
int run_soulseek_ignore(const soulseek_call& call) { return set_flag(call, "ignored", "ignored"); }
int run_soulseek_note(const soulseek_call& call) {
  return set_person(call, "note", call.text("TEXT"), " has a new note");
}

}  // namespace vsf::cli
