#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

namespace {

constexpr std::size_t most_told = 200;

using scores = std::map<std::string, std::int32_t>;

void add(std::set<std::string>& to, const std::string& item) {
  if (!item.empty() && item.size() <= server_bounds::interest_length && to.size() < server_bounds::interests)
    to.insert(item);
}

std::size_t shared(const std::set<std::string>& a, const std::set<std::string>& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](const auto& item) { return b.contains(item); }));
}

void count(scores& into, const account& of) {
  for (const auto& item : of.liked) ++into[item];
  for (const auto& item : of.hated) --into[item];
}

/// The best first; `liked` those above zero, otherwise those below.
std::vector<from_server::recommendation> ranked(const scores& all, bool liked) {
  std::vector<from_server::recommendation> out;
  for (const auto& [item, score] : all)
    if (liked ? score > 0 : score < 0) out.push_back({item, score});
  std::stable_sort(out.begin(), out.end(), [liked](const auto& a, const auto& b) {
    return liked ? a.score > b.score : a.score < b.score;
  });
  if (out.size() > most_told) out.resize(most_told);
  return out;
}

}  // namespace

void server_state::on(session& s, const to_server::add_thing_i_like& m) {
  add(accounts.at(s.user).liked, m.item);
}
void server_state::on(session& s, const to_server::remove_thing_i_like& m) {
  accounts.at(s.user).liked.erase(m.item);
}
void server_state::on(session& s, const to_server::add_thing_i_hate& m) {
  add(accounts.at(s.user).hated, m.item);
}
void server_state::on(session& s, const to_server::remove_thing_i_hate& m) {
  accounts.at(s.user).hated.erase(m.item);
}

void server_state::on(session& s, const to_server::recommendations&) {
  const auto& mine = accounts.at(s.user);
  scores all;
  for (const auto& [name, other] : accounts)
    if (name != s.user && shared(mine.liked, other.liked) > 0) count(all, other);
  for (const auto& item : mine.liked) all.erase(item);
  for (const auto& item : mine.hated) all.erase(item);
  say(s, from_server::recommendations{ranked(all, true), ranked(all, false)});
}

void server_state::on(session& s, const to_server::global_recommendations&) {
  scores all;
  for (const auto& [name, a] : accounts) count(all, a);
  say(s, from_server::global_recommendations{ranked(all, true), ranked(all, false)});
}

void server_state::on(session& s, const to_server::user_interests& m) {
  from_server::user_interests out{m.username, {}, {}};
  if (const auto* a = find_account(m.username)) {
    out.liked.assign(a->liked.begin(), a->liked.end());
    out.hated.assign(a->hated.begin(), a->hated.end());
  }
  say(s, out);
}

void server_state::on(session& s, const to_server::similar_users&) {
  const auto& mine = accounts.at(s.user);
  from_server::similar_users out;
  for (const auto& [name, id] : online)
    if (const auto n = shared(mine.liked, accounts.at(name).liked);
        name != s.user && n > 0 && out.users.size() < most_told)
      out.users.push_back({name, static_cast<std::uint32_t>(n)});
  say(s, out);
}

void server_state::on(session& s, const to_server::item_recommendations& m) {
  scores all;
  for (const auto& [name, a] : accounts)
    if (a.liked.contains(m.item)) count(all, a);
  all.erase(m.item);
  say(s, from_server::item_recommendations{m.item, ranked(all, true)});
}

void server_state::on(session& s, const to_server::item_similar_users& m) {
  from_server::item_similar_users out{m.item, {}};
  for (const auto& [name, id] : online)
    if (accounts.at(name).liked.contains(m.item) && out.usernames.size() < most_told)
      out.usernames.push_back(name);
  say(s, out);
}

}  // namespace vsf::soulseek::test_server
