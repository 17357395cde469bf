#include "gateway/soulseek_social.hpp"

#include <initializer_list>

#include "gateway/soulseek_parts.hpp"

namespace vsf::gateway {
namespace {

constexpr std::uint32_t most_slots = 100, most_kib = 100'000'000, most_downloads = 1000, most_active = 256;
constexpr std::size_t most_words = 50;
constexpr std::string_view text_help = R"(the body must be JSON like {"text": "..."}, of 1 to 4096 bytes)";
constexpr std::string_view rules_help =
    "the rules of a wish are {extensions: [text], min_bitrate_kbps, min_size, max_size, without: [text], "
    "max_downloads: 1 to 1000, free_slot: true or false}, each of which may be left out";

/// A member that is missing (nullopt), or into `to`; false: it is something else.
bool take(const json& body, const char* name, flatbuffers::Optional<bool>& to) {
  const auto it = body.find(name);
  if (it == body.end()) return true;
  if (!it->is_boolean()) return false;
  to = it->get<bool>();
  return true;
}
template <class Number>
bool take(const json& body, const char* name, Number& to, std::uint64_t least, std::uint64_t most) {
  const auto it = body.find(name);
  if (it == body.end()) return true;
  if (!it->is_number_unsigned()) return false;
  const auto value = it->get<std::uint64_t>();
  if (value < least || value > most) return false;
  if constexpr (std::is_integral_v<Number>)
    to = static_cast<Number>(value);
  else
    to = static_cast<typename Number::value_type>(value);
  return true;
}
bool take(const json& body, const char* name, std::vector<std::string>& to) {
  const auto it = body.find(name);
  if (it == body.end()) return true;
  if (!it->is_array() || it->size() > most_words) return false;
  for (const auto& x : *it) {
    if (!x.is_string() || x.get_ref<const std::string&>().empty()) return false;
    to.push_back(x.get<std::string>());
  }
  return true;
}

/// nullptr: they are not such rules.
std::unique_ptr<fb::SoulseekWishRulesT> rules_of(const json& body) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 52;
  auto out = std::make_unique<fb::SoulseekWishRulesT>();
  out->max_downloads = 1;
  flatbuffers::Optional<bool> free_slot;
  if (!body.is_object() || !take(body, "extensions", out->extensions) ||
      !take(body, "without", out->without) ||
      !take(body, "min_bitrate_kbps", out->min_bitrate_kbps, 0, 1'000'000) ||
      !take(body, "min_size", out->min_size, 0, most_bytes) ||
      !take(body, "max_size", out->max_size, 0, most_bytes) ||
      !take(body, "max_downloads", out->max_downloads, 1, most_downloads) ||
      !take(body, "free_slot", free_slot))
    return nullptr;
  out->free_slot = free_slot.value_or(false);
  return out;
}

// ---- Answers

json shown(const fb::SoulseekPrivateMessage& m) {
  return {{"id", m.id()},
          {"from_us", m.from_us()},
          {"at_ms", m.at_ms()},
          {"text", string_of(m.text())},
          {"unread", m.unread()}};
}
json shown(const fb::SoulseekConversationsAnswer& a) {
  return {{"total", a.total()},
          {"unread", a.unread()},
          {"conversations", list_of(a.conversations(), [](const fb::SoulseekConversation& c) {
             return json{{"user", string_of(c.user())},
                         {"messages", c.messages()},
                         {"unread", c.unread()},
                         {"last", c.last() == nullptr ? json(nullptr) : shown(*c.last())}};
           })}};
}
json shown(const fb::SoulseekHistoryAnswer& a) {
  return {{"user", string_of(a.user())},
          {"more", a.more()},
          {"messages", list_of(a.messages(), [](const auto& m) { return shown(m); })}};
}

const char* name_of(fb::SoulseekRoomKind kind) {
  switch (kind) {
    case fb::SoulseekRoomKind::owned:
      return "owned";
    case fb::SoulseekRoomKind::member:
      return "private";
    case fb::SoulseekRoomKind::open:
      break;
  }
  return "public";
}
json shown(const fb::SoulseekRoomsAnswer& a) {
  return {{"total", a.total()}, {"rooms", list_of(a.rooms(), [](const fb::SoulseekRoomLine& r) {
                                   return json{{"room", string_of(r.room())},
                                               {"users", r.users()},
                                               {"kind", name_of(r.kind())},
                                               {"operated", r.operated()},
                                               {"joined", r.joined()}};
                                 })}};
}
void add_stats(json& to, const fb::SoulseekUserStats* s) {
  to["status"] = fb::EnumNameSoulseekPresence(s == nullptr ? fb::SoulseekPresence::unknown : s->status());
  to["speed_bytes_per_s"] = s == nullptr ? 0 : s->speed_bytes_per_s();
  to["uploads"] = s == nullptr ? 0 : s->uploads();
  to["files"] = s == nullptr ? 0 : s->files();
  to["folders"] = s == nullptr ? 0 : s->folders();
  to["country"] = s == nullptr ? "" : string_of(s->country());
}
json shown(const fb::SoulseekRoomAnswer& a) {
  return {{"room", string_of(a.room())},
          {"joined", a.joined()},
          {"private", a.is_private()},
          {"owner", string_of(a.owner())},
          {"operators", texts_of(a.operators())},
          {"users_total", a.users_total()},
          {"users", list_of(a.users(),
                            [](const fb::SoulseekRoomUser& u) {
                              json out{{"user", string_of(u.user())}, {"free_slots", u.free_slots()}};
                              add_stats(out, u.stats());
                              return out;
                            })},
          {"tickers", list_of(a.tickers(),
                              [](const fb::SoulseekRoomTicker& t) {
                                return json{{"user", string_of(t.user())}, {"text", string_of(t.text())}};
                              })},
          {"messages", list_of(a.messages(), [](const fb::SoulseekRoomMessage& m) {
             return json{{"user", string_of(m.user())}, {"at_ms", m.at_ms()}, {"text", string_of(m.text())}};
           })}};
}

json shown(const fb::SoulseekWishRules* r) {
  if (r == nullptr) return nullptr;
  return {{"extensions", texts_of(r->extensions())},
          {"min_bitrate_kbps", r->min_bitrate_kbps()},
          {"min_size", r->min_size()},
          {"max_size", r->max_size()},
          {"without", texts_of(r->without())},
          {"max_downloads", r->max_downloads()},
          {"free_slot", r->free_slot()}};
}
json shown(const fb::SoulseekWish& w) {
  return {{"wish", w.wish()},
          {"text", string_of(w.text())},
          {"search", w.search()},
          {"users", w.users()},
          {"files", w.files()},
          {"searched_ms", w.searched_ms()},
          {"downloaded", w.downloaded()},
          {"download", shown(w.download())}};
}

json items(const flatbuffers::Vector<flatbuffers::Offset<fb::SoulseekRecommendation>>* list) {
  return list_of(list, [](const fb::SoulseekRecommendation& r) {
    return json{{"item", string_of(r.item())}, {"score", r.score()}};
  });
}
json shown(const fb::SoulseekPerson& p) {
  json out{{"name", string_of(p.name())},
           {"buddy", p.buddy()},
           {"banned", p.banned()},
           {"ignored", p.ignored()},
           {"note", string_of(p.note())},
           {"configured", p.configured()},
           {"messages_dropped", p.messages_dropped()}};
  add_stats(out, p.stats());
  return out;
}
json shown(const fb::SoulseekLimits& l) {
  return {{"upload_slots", l.upload_slots()},
          {"upload_slots_per_user", l.upload_slots_per_user()},
          {"upload_limit_kib", l.upload_limit_kib()},
          {"upload_limit_per_peer_kib", l.upload_limit_per_peer_kib()},
          {"download_limit_kib", l.download_limit_kib()},
          {"active_downloads", l.active_downloads()},
          {"active_downloads_per_user", l.active_downloads_per_user()}};
}
json shown(const fb::SoulseekFolderAnswer& f) {
  return {{"user", string_of(f.user())},
          {"folder", string_of(f.folder())},
          {"files", f.files()},
          {"bytes", f.bytes()},
          {"refused", f.refused()},
          {"reason", string_of(f.reason())},
          {"ids", f.ids() == nullptr ? json::array()
                                     : json(std::vector<std::uint64_t>(f.ids()->begin(), f.ids()->end()))}};
}

}  // namespace

// ---- Messages

soulseek_answer soulseek_conversations(const request& asked, const std::string&) {
  fb::SoulseekConversationsAskT question;
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_conversation(const request& asked, const std::string& user) {
  fb::SoulseekHistoryAskT question;
  question.user = user;
  const auto before = text_of(asked, "before");
  const auto id = before.empty() ? std::optional<std::uint64_t>(0) : number_of<std::uint64_t>(before);
  const auto limit = limit_of(asked);
  if (!id || !limit) return bad("bad_page", "before is a message's id, limit a number from 1 to 1000");
  question.before = *id;
  question.limit = *limit;
  return ask(std::move(question));
}

soulseek_answer soulseek_forget_conversation(const request&, const std::string& user) {
  fb::SoulseekForgetConversationT question;
  question.user = user;
  return ask(std::move(question));
}

// ---- Rooms

soulseek_answer soulseek_rooms(const request& asked, const std::string&) {
  fb::SoulseekRoomsAskT question;
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_join(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  fb::SoulseekRoomJoinT question;
  flatbuffers::Optional<bool> is_private;
  if (body.is_object()) question.room = member(body, "room");
  if (question.room.empty() || !take(body, "private", is_private))
    return bad("bad_body", R"(the body must be JSON like {"room": "...", "private": false})");
  question.is_private = is_private.value_or(false);
  return ask(std::move(question));
}

soulseek_answer soulseek_room(const request& asked, const std::string& room) {
  fb::SoulseekRoomAskT question;
  question.room = room;
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_leave(const request&, const std::string& room) {
  fb::SoulseekRoomLeaveT question;
  question.room = room;
  return ask(std::move(question));
}

soulseek_answer soulseek_say(const request& asked, const std::string& room) {
  const auto body = body_of(asked);
  fb::SoulseekMessageAskT question;
  question.room = room;
  if (body.is_object()) question.text = member(body, "text");
  if (question.text.empty()) return bad("bad_body", text_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_ticker(const request& asked, const std::string& room) {
  const auto body = body_of(asked);
  fb::SoulseekTickerSetT question;
  question.room = room;
  if (!body.is_object() || !body.contains("text") || !body["text"].is_string())
    return bad("bad_body", R"(the body must be JSON like {"text": "..."}; an empty text removes the ticker)");
  question.text = body["text"].get<std::string>();
  return ask(std::move(question));
}

// ---- Wishes

soulseek_answer soulseek_wishes(const request&, const std::string&) { return ask(fb::SoulseekWishesAskT{}); }

soulseek_answer soulseek_wish(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  fb::SoulseekWishAskT question;
  if (body.is_object()) question.text = member(body, "text");
  if (question.text.empty()) return bad("bad_body", R"(the body must be JSON like {"text": "..."})");
  if (body.contains("download") && !body["download"].is_null()) {
    question.download = rules_of(body["download"]);
    if (!question.download) return bad("bad_rules", rules_help);
  }
  return ask(std::move(question));
}

soulseek_answer soulseek_end_wish(const request&, const std::string& wish) {
  const auto number = number_of<std::uint64_t>(wish);
  if (!number) return bad("bad_id", "a wish is named by its number");
  fb::SoulseekWishEndT question;
  question.wish = *number;
  return ask(std::move(question));
}

// ---- Interests

soulseek_answer soulseek_interests(const request&, const std::string& user) {
  fb::SoulseekInterestsAskT question;
  question.user = user;
  return ask(std::move(question));
}

soulseek_answer soulseek_interest(const std::string& item, bool hated, bool on) {
  fb::SoulseekInterestSetT question;
  question.item = item;
  question.hated = hated;
  question.on = on;
  return ask(std::move(question));
}

soulseek_answer soulseek_recommendations(const request& asked, const std::string&) {
  fb::SoulseekRecommendationsAskT question;
  const auto everybody = text_of(asked, "global");
  question.item = text_of(asked, "item");
  if (everybody != "" && everybody != "true" && everybody != "false")
    return bad("bad_global", "global is true or false");
  question.everybody = everybody == "true";
  if (question.everybody && !question.item.empty())
    return bad("bad_global", "ask either for an item or, with global=true, for everybody's");
  return ask(std::move(question));
}

soulseek_answer soulseek_similar_users(const request& asked, const std::string&) {
  fb::SoulseekSimilarAskT question;
  question.item = text_of(asked, "item");
  return ask(std::move(question));
}

// ---- People

soulseek_answer soulseek_people(const request&, const std::string&) { return ask(fb::SoulseekPeopleAskT{}); }

soulseek_answer soulseek_person(const request& asked, const std::string& name) {
  const auto body = body_of(asked);
  fb::SoulseekPersonSetT question;
  question.name = name;
  if (!body.is_object() || !take(body, "buddy", question.buddy) || !take(body, "banned", question.banned) ||
      !take(body, "ignored", question.ignored) || (body.contains("note") && !body["note"].is_string()))
    return bad(
        "bad_body",
        R"(the body must be JSON like {"buddy": true, "banned": false, "ignored": false, "note": "..."})");
  if (body.contains("note")) question.note = body["note"].get<std::string>();
  return ask(std::move(question));
}

soulseek_answer soulseek_nobody(const request&, const std::string& name) {
  fb::SoulseekPersonForgetT question;
  question.name = name;
  return ask(std::move(question));
}

// ---- Limits

soulseek_answer soulseek_limits(const request&, const std::string&) { return ask(fb::SoulseekLimitsAskT{}); }

soulseek_answer soulseek_new_limits(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  if (!body.is_object()) return bad("bad_body", "the body must be JSON as GET gives it");
  fb::SoulseekLimitsSetT q;
  const auto wrong = [](const char* name, std::uint64_t least, std::uint64_t most) {
    return bad("bad_limits", std::string(name) + " must be a whole number from " + std::to_string(least) +
                                 " to " + std::to_string(most));
  };
  using optional_limit = std::remove_reference_t<decltype(q.upload_slots)>;
  struct field {
    const char* name;
    optional_limit& into;
    std::uint64_t least, most;
  };
  for (const auto& [name, into, least, most] :
       {field{"upload_slots", q.upload_slots, 1, most_slots},
        field{"upload_slots_per_user", q.upload_slots_per_user, 1, most_slots},
        field{"upload_limit_kib", q.upload_limit_kib, 0, most_kib},
        field{"upload_limit_per_peer_kib", q.upload_limit_per_peer_kib, 0, most_kib},
        field{"download_limit_kib", q.download_limit_kib, 0, most_kib},
        field{"active_downloads", q.active_downloads, 1, most_active},
        field{"active_downloads_per_user", q.active_downloads_per_user, 1, most_active}})
    if (!take(body, name, into, least, most)) return wrong(name, least, most);
  return ask(std::move(q));
}

std::optional<response> render_soulseek_social(const fb::SoulseekReply& reply) {
  if (const auto* x = reply.got_as_SoulseekConversationsAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekHistoryAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekRoomsAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekRoomAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekWish()) return as_json(shown(*x), 202);
  if (const auto* x = reply.got_as_SoulseekWishesAnswer())
    return as_json({{"interval_s", x->interval_s()},
                    {"wishes", list_of(x->wishes(), [](const auto& w) { return shown(w); })}});
  if (const auto* x = reply.got_as_SoulseekInterestsAnswer())
    return as_json({{"likes", texts_of(x->likes())}, {"hates", texts_of(x->hates())}});
  if (const auto* x = reply.got_as_SoulseekRecommendationsAnswer())
    return as_json({{"recommended", items(x->recommended())}, {"discouraged", items(x->discouraged())}});
  if (const auto* x = reply.got_as_SoulseekSimilarAnswer())
    return as_json({{"users", list_of(x->users(), [](const fb::SoulseekSimilarUser& u) {
                       return json{{"user", string_of(u.user())}, {"score", u.score()}};
                     })}});
  if (const auto* x = reply.got_as_SoulseekPerson()) return as_json(shown(*x), 202);
  if (const auto* x = reply.got_as_SoulseekPeopleAnswer())
    return as_json({{"messages_dropped", x->messages_dropped()},
                    {"people", list_of(x->people(), [](const auto& p) { return shown(p); })}});
  if (const auto* x = reply.got_as_SoulseekFolderAnswer()) return as_json(shown(*x), 202);
  if (const auto* x = reply.got_as_SoulseekLimits()) return as_json(shown(*x));
  return std::nullopt;
}

}  // namespace vsf::gateway
