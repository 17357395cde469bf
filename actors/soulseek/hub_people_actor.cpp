// Interests, and whom this user has to do with.
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/replies.hpp"

namespace vsf::soulseek {
namespace {

constexpr nanoseconds question_timeout = std::chrono::seconds(15);
constexpr std::size_t max_questions = 64;
constexpr std::size_t max_told = 1000;  // items or users of one answer

template <class Row, class List, class Fill>
void tell_each(std::vector<std::unique_ptr<Row>>& to, const List& from, Fill fill) {
  for (const auto& x : from) {
    if (to.size() == max_told) return;
    to.push_back(std::make_unique<Row>());
    fill(*to.back(), x);
  }
}
void tell_items(std::vector<std::unique_ptr<fb::SoulseekRecommendationT>>& to,
                const std::vector<from_server::recommendation>& from) {
  tell_each(to, from, [](auto& row, const auto& x) {
    row.item = x.item;
    row.score = x.score;
  });
}
record<fb::SoulseekReply> recommended(const std::vector<from_server::recommendation>& liked,
                                      const std::vector<from_server::recommendation>& hated) {
  fb::SoulseekRecommendationsAnswerT out;
  tell_items(out.recommended, liked);
  tell_items(out.discouraged, hated);
  return reply(std::move(out));
}
std::vector<std::string> cut(std::vector<std::string> list) {
  if (list.size() > max_told) list.resize(max_told);
  return list;
}

}  // namespace

// ---- Questions to the server

record<fb::SoulseekReply> hub::ask_server(asking& a, server_question::kind what, const std::string& about,
                                          bytes message) {
  if (state_.state != vsf::soulseek::session_state::online)
    return problem("offline", "not logged in: the server is asked for this");
  if (questions_.size() >= max_questions) {
    ++answers_refused_;
    return problem("busy", "too many questions to the server are open; try again in some seconds");
  }
  const bool asked = std::any_of(questions_.begin(), questions_.end(),
                                 [&](const auto& q) { return q.what == what && q.about == about; });
  questions_.push_back({what, about, now() + question_timeout, a.promise});
  a.later = true;
  if (!asked) say_to_server_now(std::move(message));
  return {};
}

void hub::answer_questions(server_question::kind what, const std::string& about,
                           record<fb::SoulseekReply> with) {
  std::erase_if(questions_, [&](server_question& q) {
    if (q.what != what || q.about != about) return false;
    q.promise.deliver(with);
    return true;
  });
}

void hub::expire_questions() {
  std::erase_if(questions_, [&](server_question& q) {
    if (q.until > now()) return false;
    q.promise.deliver(problem("no_answer", "the server did not answer within 15 s; try again later"));
    return true;
  });
}

void hub::hear_social(const from_server::recommendations& m) {
  answer_questions(server_question::kind::for_likes, "", recommended(m.liked, m.hated));
}
void hub::hear_social(const from_server::global_recommendations& m) {
  answer_questions(server_question::kind::for_everybody, "", recommended(m.liked, m.hated));
}
void hub::hear_social(const from_server::item_recommendations& m) {
  answer_questions(server_question::kind::for_item, m.item, recommended(m.recommended, {}));
}
void hub::hear_social(const from_server::similar_users& m) {
  fb::SoulseekSimilarAnswerT out;
  tell_each(out.users, m.users, [](auto& row, const auto& x) {
    row.user = x.username;
    row.score = x.score;
  });
  answer_questions(server_question::kind::similar, "", reply(std::move(out)));
}
void hub::hear_social(const from_server::item_similar_users& m) {
  fb::SoulseekSimilarAnswerT out;
  tell_each(out.users, m.usernames, [](auto& row, const auto& x) { row.user = x; });
  answer_questions(server_question::kind::similar_in_item, m.item, reply(std::move(out)));
}
void hub::hear_social(const from_server::user_interests& m) {
  fb::SoulseekInterestsAnswerT out;
  out.likes = cut(m.liked);
  out.hates = cut(m.hated);
  answer_questions(server_question::kind::interests_of, m.username, reply(std::move(out)));
}

// ---- What is wanted

hub::maybe_reply hub::ask_interests(asking& a) {
  using kind = server_question::kind;
  if (const auto* x = a.want.AsSoulseekInterestsAsk()) {
    if (!x->user.empty())
      return ask_server(a, kind::interests_of, x->user, encode(to_server::user_interests{x->user}));
    fb::SoulseekInterestsAnswerT out;
    out.likes.assign(interests_.likes().begin(), interests_.likes().end());
    out.hates.assign(interests_.hates().begin(), interests_.hates().end());
    return reply(std::move(out));
  }
  if (const auto* x = a.want.AsSoulseekInterestSet()) {
    social_effects out;
    const auto done = x->on ? interests_.add(x->item, x->hated, out) : result<void>();
    const bool gone = !x->on && !interests_.remove(x->item, x->hated, out);
    take(std::move(out));
    if (gone) return problem("unknown_item", x->item + " is not among these interests");
    return done ? reply(fb::SoulseekDoneT{}) : problem("interest_refused", done.error().message);
  }
  if (const auto* x = a.want.AsSoulseekRecommendationsAsk()) {
    if (!x->item.empty())
      return ask_server(a, kind::for_item, x->item, encode(to_server::item_recommendations{x->item}));
    return x->everybody ? ask_server(a, kind::for_everybody, "", encode(to_server::global_recommendations{}))
                        : ask_server(a, kind::for_likes, "", encode(to_server::recommendations{}));
  }
  if (const auto* x = a.want.AsSoulseekSimilarAsk())
    return x->item.empty() ? ask_server(a, kind::similar, "", encode(to_server::similar_users{}))
                           : ask_server(a, kind::similar_in_item, x->item,
                                        encode(to_server::item_similar_users{x->item}));
  return std::nullopt;
}

hub::maybe_reply hub::ask_people(asking& a) {
  if (auto answer = ask_interests(a)) return answer;
  if (a.want.AsSoulseekPeopleAsk() != nullptr) {
    fb::SoulseekPeopleAnswerT out;
    out.messages_dropped = people_.messages_dropped();
    for (auto& person : people_.list())
      out.people.push_back(std::make_unique<fb::SoulseekPersonT>(std::move(person)));
    return reply(std::move(out));
  }
  const auto* change = a.want.AsSoulseekPersonSet();
  const auto* gone = a.want.AsSoulseekPersonForget();
  if (change == nullptr && gone == nullptr) return std::nullopt;
  if (gone != nullptr && !people_.find(gone->name))
    return problem("unknown_user", "nothing is set for " + gone->name);
  social_effects out;
  const auto done = change != nullptr ? people_.set(*change, out) : people_.forget(gone->name, out);
  take(std::move(out));
  people_changed();
  if (!done) return problem("person_refused", done.error().message);
  if (gone != nullptr) return reply(fb::SoulseekDoneT{});
  auto now_is = people_.find(change->name);
  if (now_is) return reply(std::move(*now_is));
  fb::SoulseekPersonT nobody;
  nobody.name = change->name;
  nobody.stats = std::make_unique<fb::SoulseekUserStatsT>();
  return reply(std::move(nobody));
}

/// The uploads have lists of their own; the rest asks people_ each time.
void hub::people_changed() {
  uploads_.set_buddies(people_.buddies());
  take(uploads_.set_bans(now(), people_.bans()));
}

}  // namespace vsf::soulseek
