#include <algorithm>

#include "sim/soulseek_server/server_state.hpp"

namespace vsf::soulseek::test_server {

/// Kept until acknowledged; sent again after each login of the receiver.
void server_state::deliver(const std::string& from, const std::string& to, const std::string& text) {
  auto* a = find_account(to);
  if (!a || text.size() > server_bounds::text) return;
  const auto seconds = static_cast<std::uint32_t>(now.count() / 1000);
  from_server::message_user message{next_message++, seconds, from, text, find(to) != nullptr};
  say(to, message);
  if (a->unacknowledged.size() >= server_bounds::kept_messages) a->unacknowledged.pop_front();
  a->unacknowledged.push_back(std::move(message));
}

void server_state::resend(session& s) {
  for (auto& message : accounts.at(s.user).unacknowledged) {
    message.is_new = false;
    say(s, message);
  }
}

void server_state::on(session& s, const to_server::message_user& m) {
  note(&s, "message", {{"to", m.username}});
  deliver(s.user, m.username, m.message);
}

void server_state::on(session& s, const to_server::message_users& m) {
  note(&s, "message", {{"to", std::to_string(m.usernames.size()) + " users"}});
  for (std::size_t i = 0; i < std::min(m.usernames.size(), server_bounds::addressees); ++i)
    deliver(s.user, m.usernames[i], m.message);
}

void server_state::on(session& s, const to_server::message_acked& m) {
  std::erase_if(accounts.at(s.user).unacknowledged, [&](const auto& kept) { return kept.id == m.id; });
}

}  // namespace vsf::soulseek::test_server
