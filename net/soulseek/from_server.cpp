#include "net/soulseek/wire.hpp"

namespace vsf::soulseek {
namespace detail {

using namespace from_server;

void put(writer& w, const from_server::login& x) {
  put(w, x.outcome.index() == 0);
  std::visit([&](const auto& outcome) { put(w, outcome); }, x.outcome);
}
void get(reader& r, from_server::login& x) {
  bool success = false;
  get(r, success);
  if (success)
    get(r, x.outcome.emplace<login_success>());
  else
    get(r, x.outcome.emplace<login_refusal>());
}

void put(writer& w, const from_server::watch_user& x) {
  put(w, x.username);
  put(w, x.known.has_value());
  if (x.known) put(w, *x.known);
}
void get(reader& r, from_server::watch_user& x) {
  bool exists = false;
  get(r, x.username);
  get(r, exists);
  if (exists) get(r, x.known.emplace());
}

void put(writer& w, const std::vector<room_user>& x) {
  put_column(w, x, &room_user::username);
  put_column(w, x, &room_user::status);
  put_column(w, x, &room_user::stats);
  put_column(w, x, &room_user::slots_free);
  put_column(w, x, &room_user::country);
}
void get(reader& r, std::vector<room_user>& x) {
  get_column(r, x, &room_user::username, true);
  get_column(r, x, &room_user::status);
  get_column(r, x, &room_user::stats);
  get_column(r, x, &room_user::slots_free);
  get_column(r, x, &room_user::country);
}

void put(writer& w, const std::vector<listed_room>& x) {
  put_column(w, x, &listed_room::name);
  put_column(w, x, &listed_room::users);
}
void get(reader& r, std::vector<listed_room>& x) {
  get_column(r, x, &listed_room::name, true);
  get_column(r, x, &listed_room::users);
}

// The private rooms may be missing.
void get(reader& r, from_server::room_list& x) {
  get(r, x.rooms);
  if (!r.rest.empty()) get(r, x.owned);
  if (!r.rest.empty()) get(r, x.member_of);
  if (!r.rest.empty()) get(r, x.operated);
}

void put(writer& w, const from_server::embedded_message& x) {
  put(w, x.inner_code);
  w.raw(x.body);
}
void get(reader& r, from_server::embedded_message& x) {
  get(r, x.inner_code);
  const auto body = r.take(r.rest.size());
  x.body.assign(body.begin(), body.end());
}

bytes encode(const pointers<from_server::message>::type& m) { return encode_frame<std::uint32_t>(m); }

}  // namespace detail

tl::expected<from_server::message, fault> decode_from_server(byte_view frame) {
  return detail::decoder<from_server::message>::frame<std::uint32_t>({.rest = frame});
}

login_failure from_server::login_refusal::why() const {
  for (auto f :
       {login_failure::invalid_username, login_failure::empty_password, login_failure::invalid_password,
        login_failure::invalid_version, login_failure::server_full, login_failure::server_private})
    if (text == to_string(f)) return f;
  return login_failure::other;
}

}  // namespace vsf::soulseek
