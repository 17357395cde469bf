// Private messages and chat rooms; and what all of talk, wishes and people have done.
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/replies.hpp"

namespace vsf::soulseek {
namespace {

record<fb::SoulseekReply> done_or(const result<void>& done, const char* code) {
  return done ? reply(fb::SoulseekDoneT{}) : problem(code, done.error().message);
}
record<fb::SoulseekReply> unknown_room(const std::string& room) {
  return problem("unknown_room", "This node is not in the room " + room + ". Join it first.");
}

}  // namespace

// ---- What is wanted

record<fb::SoulseekReply> hub::say_message(const fb::SoulseekMessageAskT& ask) {
  if (state_.state != vsf::soulseek::session_state::online)
    return problem("offline", "not logged in: messages go through the server");
  social_effects out;
  if (!ask.room.empty() && !rooms_.has(ask.room)) return unknown_room(ask.room);
  const auto said =
      ask.room.empty() ? chat_.say(ask.user, ask.text, unix_ms(), out) : rooms_.say(ask.room, ask.text, out);
  take(std::move(out));
  return done_or(said, "message_refused");
}

hub::maybe_reply hub::ask_talk(asking& a) {
  social_effects out;
  const auto answer = [&]() -> maybe_reply {
    if (const auto* x = a.want.AsSoulseekMessageAsk()) return say_message(*x);
    if (const auto* x = a.want.AsSoulseekConversationsAsk())
      return reply(chat_.conversations(x->offset, x->limit));
    if (const auto* x = a.want.AsSoulseekHistoryAsk())
      return reply(chat_.history(x->user, x->before, x->limit, out));
    if (const auto* x = a.want.AsSoulseekForgetConversation())
      return chat_.forget(x->user, out) ? reply(fb::SoulseekDoneT{})
                                        : problem("unknown_user", "there are no messages with " + x->user);
    if (const auto* x = a.want.AsSoulseekRoomsAsk()) {
      rooms_.refresh(now(), out);
      return reply(rooms_.list(x->offset, x->limit));
    }
    if (const auto* x = a.want.AsSoulseekRoomJoin())
      return done_or(rooms_.join(x->room, x->is_private, out), "room_refused");
    if (const auto* x = a.want.AsSoulseekRoomLeave())
      return rooms_.leave(x->room, out) ? reply(fb::SoulseekDoneT{}) : unknown_room(x->room);
    if (const auto* x = a.want.AsSoulseekRoomAsk())
      return rooms_.has(x->room) ? reply(rooms_.describe(x->room, x->offset, x->limit))
                                 : unknown_room(x->room);
    if (const auto* x = a.want.AsSoulseekTickerSet())
      return rooms_.has(x->room) ? done_or(rooms_.set_ticker(x->room, x->text, out), "message_refused")
                                 : unknown_room(x->room);
    return std::nullopt;
  }();
  take(std::move(out));
  return answer;
}

// ---- What is to be done

void hub::take(social_effects effects) {
  for (const auto& e : effects) std::visit([this](const auto& x) { act(x); }, e);
}

void hub::act(const social_event& e) {
  if (e.warning) log(log_level::warning, e.subject + ": " + e.text);
  tell_event(e.warning ? fb::EventKind::warning : fb::EventKind::note, e.subject, e.text);
}

void hub::hear(const social_kept& e) {
  social_effects out;
  chat_.on_kept(e.receipt, e.done, out);
  take(std::move(out));
}

void hub::restore_social(const std::vector<record<fb::SoulseekRow>>& rows) {
  social_effects out;
  for (const auto& stored : rows) {
    auto row = stored.unpack();
    if (auto* x = row.kept.AsSoulseekPrivateMessage()) chat_.restore(std::move(*x), out);
    if (const auto* x = row.kept.AsSoulseekJoinedRoom()) rooms_.restore(*x);
    if (auto* x = row.kept.AsSoulseekKeptWish()) wishes_.restore(std::move(*x));
    if (const auto* x = row.kept.AsSoulseekKeptPerson()) people_.restore(*x);
    if (const auto* x = row.kept.AsSoulseekInterest()) interests_.restore(*x);
  }
  take(std::move(out));
  for (const auto id : wishes_.ids())
    if (const auto begun = begin_wish(id); !begun) log(log_level::warning, begun.error().message);
  people_changed();
}

void hub::social_online() {
  social_effects out;
  rooms_.on_online(out);
  interests_.on_online(out);
  people_.on_online(out);
  take(std::move(out));
}

void hub::social_offline() {
  rooms_.on_offline();
  interests_.on_offline();
  people_.on_offline();
}

}  // namespace vsf::soulseek
