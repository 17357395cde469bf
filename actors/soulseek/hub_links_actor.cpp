// The server, and the connections with other clients.
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/link_actor.hpp"
#include "actors/soulseek/session_actor.hpp"

namespace vsf::soulseek {

void hub::say_to_server_now(bytes message) {
  self_->send(session_, session_order{say_to_server{std::move(message)}});
}

void hub::hear(const session_changed& e) {
  const bool was_online = state_.state == vsf::soulseek::session_state::online;
  state_ = e;
  if (!e.text.empty()) {
    log(log_level::warning, e.text);
    tell_event(fb::EventKind::warning, "soulseek", e.text);
  }
  if (!was_online && e.state == vsf::soulseek::session_state::online)
    tell_event(fb::EventKind::note, "soulseek", "online at " + settings().soulseek.server.host);
}

void hub::hear(const logged_in& e) {
  user_ = e.user;
  dialer_effects dialled;
  dialer_.on_online(e.user, now(), dialled);
  take(std::move(dialled));
  tree_effects grown;
  tree_.on_online(e.user, now(), grown);
  take(std::move(grown));
  search_effects searched;
  searches_.on_online(e.user, now(), searched);
  take(std::move(searched));
  take(downloads_.tick(now()));
  take(downloads_.session_began());
  social_online();
  probe_at_ = now();
}

void hub::hear(const probe_result& e) { probed_ = e; }

void hub::hear(const logged_out&) {
  probe_at_.reset();
  social_offline();
  dialer_effects dialled;
  dialer_.on_offline(now(), dialled);
  take(std::move(dialled));
  tree_effects grown;
  tree_.on_offline(now(), grown);
  take(std::move(grown));
  search_effects searched;
  searches_.on_offline(now(), searched);
  take(std::move(searched));
}

// ---- What the server says

struct hub::server_ear {
  hub& h;
  dialer_effects dialled{};
  tree_effects grown{};
  search_effects searched{};
  social_effects social{};

  void operator()(const from_server::get_peer_address& m) { h.dialer_.on_peer_address(m, h.now(), dialled); }
  void operator()(const from_server::connect_to_peer& m) {
    h.dialer_.on_connect_to_peer(m, h.now(), dialled);
  }
  void operator()(const from_server::cant_connect_to_peer& m) {
    h.dialer_.on_cant_connect(m, h.now(), dialled);
  }
  void operator()(const from_server::possible_parents& m) { h.tree_.on_possible_parents(m, h.now(), grown); }
  void operator()(const from_server::embedded_message& m) { h.tree_.on_embedded(m, h.now(), grown); }
  void operator()(const from_server::parent_min_speed& m) { h.tree_.on_parent_min_speed(m.speed, grown); }
  void operator()(const from_server::parent_speed_ratio& m) { h.tree_.on_parent_speed_ratio(m.ratio, grown); }
  void operator()(const from_server::reset_distributed&) { h.tree_.on_reset(h.now(), grown); }
  void operator()(const from_server::get_user_stats& m) {
    if (m.username == h.user_) h.tree_.set_upload_speed(m.stats.average_speed, grown);
    h.rooms_.hear(m);
    h.people_.hear(m);
  }
  void operator()(const from_server::file_search& m) {
    h.searches_.on_heard(m.username, m.token, m.query, h.now(), searched);
  }
  void operator()(const from_server::wishlist_interval& m) {
    h.searches_.on_wishlist_interval(m.seconds, h.now());
  }
  void operator()(const from_server::excluded_search_phrases& m) {
    h.finder_.set_excluded_phrases(m.phrases);
  }
  void operator()(const from_server::privileged_users& m) {
    h.uploads_.set_privileged({m.usernames.begin(), m.usernames.end()});
  }
  void operator()(const from_server::add_privileged_user& m) { h.uploads_.add_privileged(m.username); }
  void operator()(const from_server::check_privileges& m) { h.privileged_s_ = m.seconds_left; }
  void operator()(const from_server::get_user_status& m) {
    h.rooms_.hear(m);
    h.people_.hear(m);
    presence(m.username, m.status);
  }
  void operator()(const from_server::watch_user& m) {
    h.people_.hear(m);
    presence(m.username, m.known ? m.known->status : user_status::offline);
  }
  void operator()(const from_server::message_user& m) {
    // Unacknowledged, the server would send it again and again.
    if (h.people_.drop_message_of(m.username))
      return h.say_to_server_now(encode(to_server::message_acked{m.id}));
    h.chat_.on_message(m, h.unix_ms(), social);
  }
  void operator()(const from_server::say_chatroom& m) {
    if (!h.people_.drop_message_of(m.username)) h.rooms_.hear(m, h.unix_ms(), social);
  }
  void operator()(const from_server::admin_message& m) {
    h.tell_event(fb::EventKind::warning, "soulseek", m.message);
  }
  template <class Other>
  void operator()([[maybe_unused]] const Other& m) {
    if constexpr (requires { h.rooms_.hear(m, social); })
      h.rooms_.hear(m, social);
    else if constexpr (requires { h.rooms_.hear(m); })
      h.rooms_.hear(m);
    else if constexpr (requires { h.hear_social(m); })
      h.hear_social(m);
  }

  void presence(const std::string& user, user_status status) {
    const bool offline = status == user_status::offline;
    h.take(h.downloads_.user_status(h.now(), user,
                                    offline ? downloads::presence::offline : downloads::presence::online));
    if (offline) h.take(h.uploads_.user_gone(h.now(), user));
  }
};

void hub::hear(const server_said& e) {
  server_ear ear{*this};
  std::visit(ear, e.message);
  take(std::move(ear.dialled));
  take(std::move(ear.grown));
  take(std::move(ear.searched));
  take(std::move(ear.social));
}

// ---- Connections

void hub::add_link(link_id id, std::shared_ptr<net::stream_link> stream, bool accepted, bool obfuscated) {
  const auto remote = stream->remote();
  auto actor = self_->spawn(link, env_, me_, link_setup{id, std::move(stream), accepted, obfuscated});
  self_->monitor(actor);
  supervisor::child_mark mark(env_, "soulseek/link-", id, link_state::name, actor.address());
  live_.emplace(id, live_link{std::move(actor), std::move(mark), remote});
}

void hub::order(link_id id, link_order what) {
  if (const auto it = live_.find(id); it != live_.end()) self_->send(it->second.actor, std::move(what));
}

void hub::hear(const peer_connected& e) {
  const auto wanted = connecting_.find(e.link);
  if (wanted == connecting_.end()) {
    if (e.stream) (*e.stream)->close();
    return;
  }
  const bool obfuscated = wanted->second;
  connecting_.erase(wanted);
  dialer_effects out;
  if (!e.stream) {
    dialer_.on_connect_failed(e.link, e.stream.error().message, now(), out);
  } else {
    add_link(e.link, *e.stream, false, obfuscated);
    if (!dialer_.on_connected(e.link, now(), out)) order(e.link, {end_link{"nobody wants it any more"}});
  }
  take(std::move(out));
}

void hub::hear(const peer_accepted& e) {
  dialer_effects out;
  const auto id = dialer_.on_accepted(e.stream->remote(), now(), out);
  if (id)
    add_link(*id, e.stream, true, e.obfuscated);
  else
    e.stream->close();
  take(std::move(out));
}

void hub::hear(const init_came& e) {
  dialer_effects out;
  dialer_.on_init(e.link, e.message, now(), out);
  take(std::move(out));
}

void hub::hear(const peer_said& e) {
  const auto* user = dialer_.user_of(e.link);
  const auto live = live_.find(e.link);
  if (user == nullptr || live == live_.end()) return;
  dialer_.on_traffic(e.link, now());
  answer_peer(std::string(*user), endpoint(live->second.remote), e.message);
}

void hub::hear(const tree_said& e) {
  dialer_.on_traffic(e.link, now());
  tree_effects out;
  tree_.on_message(e.link, e.message, now(), out);
  take(std::move(out));
}

void hub::hear(const link_took& e) {
  dialer_effects out;
  dialer_.on_taken(e.link, e.count, now(), out);
  take(std::move(out));
}

void hub::hear(const link_ended& e) {
  live_.erase(e.link);
  dialer_effects out;
  dialer_.on_closed(e.link, e.why, now(), out);
  take(std::move(out));
  link_lost(e.link);
}

void hub::take(dialer_effects effects) {
  for (const auto& e : effects) std::visit([this](const auto& x) { act(x); }, e);
}
void hub::take(tree_effects effects) {
  for (const auto& e : effects) std::visit([this](const auto& x) { act(x); }, e);
}
void hub::take(search_effects effects) {
  for (const auto& e : effects) std::visit([this](const auto& x) { act(x); }, e);
}

void hub::act(const connect_peer& e) {
  connecting_[e.link] = e.obfuscated;
  env_->network->connect(
      e.where, std::chrono::seconds(10),
      [me = me_, id = e.link](auto stream) {
        tell_owner(me, peer_connected{id, std::move(stream)});
      },
      net::stream_framing::raw);
}
void hub::act(const write_link& e) { order(e.link, {write_message{e.message, e.init, true}}); }
void hub::act(const send_link& e) { order(e.link, {write_message{e.message, false, false}}); }
void hub::act(const close_link& e) {
  connecting_.erase(e.link);
  order(e.link, {end_link{e.why}});
  live_.erase(e.link);
  link_lost(e.link);
}

void hub::act(const link_opened& e) {
  order(e.link, {take_role{e.type, e.type == connection_type::file && e.inbound}});
  if (e.type != connection_type::distributed || !e.inbound) return;
  tree_effects out;
  tree_.on_inbound(e.link, e.user, now(), out);
  take(std::move(out));
}

void hub::act(const link_over& e) {
  if (e.type == connection_type::peer) {
    if (dialer_.link_to(e.user) == 0) take(downloads_.link_down(now(), e.user));
    on_peer_link_over(e.user);
  } else if (e.type == connection_type::distributed) {
    tree_effects out;
    tree_.on_link_over(e.link, now(), out);
    take(std::move(out));
  }
  link_lost(e.link);
}

void hub::act(const link_ready& e) {
  const auto asked = purposes_.extract(e.ticket);
  if (!asked) return;
  const auto& why = asked.mapped();
  if (const auto* upload = std::get_if<for_upload>(&why)) return on_file_link(*upload, e.link);
  if (const auto* peer_link = std::get_if<for_peer_link>(&why))
    return take(downloads_.link_up(now(), peer_link->user));
  if (const auto* parent = std::get_if<for_parent>(&why)) {
    parent_tickets_.erase(parent->candidate);
    tree_effects out;
    tree_.on_candidate_link(parent->candidate, e.link, now(), out);
    take(std::move(out));
  }
}

void hub::act(const dial_failed& e) {
  const auto asked = purposes_.extract(e.ticket);
  if (!asked) return;
  const auto& why = asked.mapped();
  if (const auto* upload = std::get_if<for_upload>(&why)) {
    take(uploads_.file_link_failed(now(), upload->id));
  } else if (const auto* parent = std::get_if<for_parent>(&why)) {
    parent_tickets_.erase(parent->candidate);
    tree_effects out;
    tree_.on_candidate_failed(parent->candidate, out);
    take(std::move(out));
  } else {
    take(downloads_.link_failed(now(), e.user));
    take(uploads_.link_failed(now(), e.user));
    on_unreachable(e.user, e.text);
  }
}

void hub::act(const request_parent& e) {
  const auto ticket = next_ticket_++;
  purposes_[ticket] = for_parent{e.candidate};
  parent_tickets_[e.candidate] = ticket;
  dialer_effects out;
  dialer_.request(ticket, e.user, connection_type::distributed, now(), out, e.where);
  take(std::move(out));
}

void hub::act(const cancel_parent& e) {
  const auto ticket = parent_tickets_.extract(e.candidate);
  if (!ticket) return;
  purposes_.erase(ticket.mapped());
  dialer_effects out;
  dialer_.cancel(ticket.mapped(), now(), out);
  take(std::move(out));
}

void hub::act(const search_heard& e) {
  search_effects out;
  searches_.on_heard(e.user, e.token, e.query, now(), out);
  take(std::move(out));
}

ticket_id hub::send_to_user(const std::string& user, shared_bytes message) {
  const auto ticket = next_ticket_++;
  purposes_[ticket] = for_message{user};
  dialer_effects out;
  dialer_.tell(ticket, user, std::move(message), now(), out);
  take(std::move(out));
  return ticket;
}

/// What depended on this connection ends with it.
void hub::link_lost(link_id id) {
  if (const auto upload = upload_of_.extract(id)) {
    serving_.erase(upload.mapped());
    take(uploads_.file_closed(now(), upload.mapped()));
  }
  pace_.forget(id);
  if (receiving_.erase(id) != 0) take(downloads_.file_closed(now(), id));
}

}  // namespace vsf::soulseek
