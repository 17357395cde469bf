#include "actors/dht/peer_link.hpp"

#include <utility>

#include "messages/mutant.hpp"

namespace vsf::dht {
namespace {

constexpr std::size_t max_sessions = 2;
constexpr std::size_t max_openings = 2;

}  // namespace

std::uint32_t peer_link::new_id(crypto::random_source& random) const {
  std::uint32_t id = 0;
  while (id == 0) id = static_cast<std::uint32_t>(random.u64());
  return id;
}

session* peer_link::find(std::uint32_t local_id) {
  for (auto& s : sessions_)
    if (s.local_id() == local_id) return &s;
  return nullptr;
}

session* peer_link::usable(nanoseconds now) {
  session* best = nullptr;
  for (auto& s : sessions_)
    if (!s.expired(now) && (best == nullptr || s.last_received() > best->last_received())) best = &s;
  return best;
}

void peer_link::expire(nanoseconds now, link_effects& out) {
  std::erase_if(in_flight_, [&](const asked& a) { return now - a.at > memory; });
  std::erase_if(waiting_, [&](std::uint32_t tx) {
    return std::none_of(in_flight_.begin(), in_flight_.end(), [&](const asked& a) { return a.tx == tx; });
  });
  std::erase_if(openings_, [&](const opening& o) {
    if (now - o.started() <= memory) return false;
    out.push_back(session_closed{o.local_id()});
    return true;
  });
  std::erase_if(sessions_, [&](const session& s) {
    if (!s.expired(now)) return false;
    out.push_back(session_closed{s.local_id()});
    return true;
  });
}

void peer_link::send(link_time t, session& in, byte_view message, link_effects& out) {
  if (auto sealed = in.seal(message, t.now)) out.push_back(send_datagram{in.address(), std::move(*sealed)});
}

void peer_link::handshake(link_time t, const contact& whom, byte_view message, crypto::random_source& random,
                          link_effects& out) {
  auto begun = opening::begin(*context_, whom, new_id(random), message, t.unix_ms, t.now, random);
  if (!begun) {
    for (const auto& a : in_flight_) out.push_back(ask_refused{a.tag});
    in_flight_.clear();
    waiting_.clear();
    return;
  }
  if (openings_.size() >= max_openings) {
    out.push_back(session_closed{openings_.front().local_id()});
    openings_.erase(openings_.begin());
  }
  out.push_back(session_opened{begun->local_id()});
  out.push_back(send_datagram{whom.address, begun->datagram()});
  openings_.push_back(std::move(*begun));
}

link_effects peer_link::ask(link_time t, const ask_tag& tag, const contact& whom, const question& what,
                            bool retry, crypto::random_source& random) {
  link_effects out;
  expire(t.now, out);
  if (in_flight_.size() >= max_in_flight) {
    out.push_back(datagram_dropped{drop_reason::busy});
    return out;
  }
  if (next_tx_ == 0) next_tx_ = new_id(random);
  asked a;
  a.tx = next_tx_++;
  a.tag = tag;
  a.at = t.now;
  a.is_write = what.kind == question_kind::store;
  a.message = to_bytes(make_question(a.tx, what).raw().view());
  in_flight_.push_back(std::move(a));
  const auto& mine = in_flight_.back();

  auto* s = usable(t.now);
  // A retry doubts the session: its peer may have been restarted, or be somewhere else by now.
  const bool doubted =
      s != nullptr && retry && t.now - s->last_received() >= rtt_.rto(rtt_estimate::first_rto);
  if (s != nullptr && (!doubted || mine.is_write)) {
    send(t, *s, mine.message, out);
    if (!doubted) return out;
  }
  const bool under_way = !openings_.empty() && t.now - openings_.back().started() < handshake_patience &&
                         openings_.back().whom().address == whom.address;
  if (s == nullptr && (mine.is_write || (under_way && !retry))) {
    if (waiting_.size() < max_waiting)
      waiting_.push_back(mine.tx);
    else
      out.push_back(datagram_dropped{drop_reason::busy});
    if (under_way) return out;
  }
  if (mine.is_write) {
    // A write never travels in message 1: a ping opens the session.
    question ping;
    handshake(t, whom, make_question(next_tx_++, ping).raw().view(), random, out);
  } else {
    handshake(t, whom, bytes(mine.message), random, out);
  }
  return out;
}

link_effects peer_link::reply(link_time t, std::uint32_t session_id, byte_view message) {
  link_effects out;
  if (auto* s = find(session_id)) send(t, *s, message, out);
  return out;
}

link_effects peer_link::on_datagram(link_time t, const endpoint& from, const datagram_view& datagram,
                                    crypto::random_source& random) {
  link_effects out;
  expire(t.now, out);
  if (const auto* second = std::get_if<handshake_2_view>(&datagram))
    on_handshake(t, from, *second, random, out);
  else if (const auto* transport = std::get_if<transport_view>(&datagram))
    on_transport(t, from, *transport, random, out);
  else if (const auto* hint = std::get_if<unknown_session_view>(&datagram))
    on_hint(t, from, *hint, random, out);
  return out;
}

void peer_link::on_handshake(link_time t, const endpoint& from, const handshake_2_view& datagram,
                             crypto::random_source& random, link_effects& out) {
  const auto it = std::find_if(openings_.begin(), openings_.end(),
                               [&](const opening& o) { return o.local_id() == datagram.receiver; });
  if (it == openings_.end() || it->whom().address != from) {
    out.push_back(datagram_dropped{drop_reason::unexpected});
    return;
  }
  const auto whom = it->whom();
  auto done = it->finish(*context_, datagram, t.now);
  if (!done) {
    out.push_back(datagram_dropped{done.error()});
    return;
  }
  const bool is_other = !whom.id.is_zero() && done->peer.node_id != whom.id;
  if (is_other || done->peer.node_id == context_->me->node_id) {
    out.push_back(datagram_dropped{drop_reason::bad_certificate});
    out.push_back(impostor{whom});
    out.push_back(session_closed{it->local_id()});
    openings_.erase(it);
    for (const auto& a : in_flight_) out.push_back(ask_refused{a.tag});
    in_flight_.clear();
    waiting_.clear();
    return;
  }
  const auto rtt = t.now - it->started();
  openings_.erase(it);
  who_ = {done->peer.node_id, done->peer.static_key, from};
  identity_ = done->peer.identity;
  nonce_ = done->nonce;
  if (!rtt_.known()) rtt_.sample(rtt);
  keep(std::move(done->established), out);
  out.push_back(peer_verified{who_, identity_, nonce_, rtt_});
  if (is_answer(*done->message)) on_answer(t.now, from, std::move(done->message), out);
  flush(t, out);
  for (const auto& overtook : std::exchange(early_, {})) {
    const auto parsed = parse_datagram(overtook.datagram, context_->network);
    if (const auto* transport = std::get_if<transport_view>(&parsed))
      on_transport(t, overtook.from, *transport, random, out);
  }
}

void peer_link::keep(session established, link_effects& out) {
  if (mutant(mutation::stale_session_reuse) && !sessions_.empty()) return;
  if (sessions_.size() >= max_sessions) {
    const auto oldest = std::min_element(
        sessions_.begin(), sessions_.end(),
        [](const session& a, const session& b) { return a.last_received() < b.last_received(); });
    out.push_back(session_closed{oldest->local_id()});
    sessions_.erase(oldest);
  }
  sessions_.push_back(std::move(established));
}

void peer_link::flush(link_time t, link_effects& out) {
  auto* s = usable(t.now);
  if (s == nullptr) return;
  for (const auto tx : waiting_)
    for (auto& a : in_flight_)
      if (a.tx == tx) {
        a.at = t.now;
        send(t, *s, a.message, out);
      }
  waiting_.clear();
}

void peer_link::on_transport(link_time t, const endpoint& from, const transport_view& datagram,
                             crypto::random_source& random, link_effects& out) {
  auto* s = find(datagram.receiver);
  if (s == nullptr) {
    const bool opening_it = std::any_of(openings_.begin(), openings_.end(), [&](const opening& o) {
      return o.local_id() == datagram.receiver && o.whom().address == from;
    });
    if (opening_it && early_.size() < max_early) {
      // Header and text lie side by side in the datagram.
      const byte_view whole(datagram.header.data(), datagram.header.size() + datagram.sealed.size());
      early_.push_back({from, to_bytes(whole)});
      return;
    }
    out.push_back(datagram_dropped{drop_reason::unknown_session});
    return;
  }
  auto text = s->open(datagram, t.now);
  if (!text) {
    out.push_back(datagram_dropped{text.error()});
    return;
  }
  auto message = record<fb::DhtMessage>::parse(std::move(*text));
  if (!message || (!is_answer(**message) && !is_question(**message))) {
    out.push_back(datagram_dropped{drop_reason::malformed});
    return;
  }
  if (from == s->address() && !s->address_proven()) s->prove(from);  // it has read our message 2
  if (is_answer(**message)) {
    const auto tx = (*message)->tx();
    if (probe_ && probe_->tx == tx && probe_->address == from && probe_->session == datagram.receiver) {
      s->prove(from);
      who_.address = from;
      probe_.reset();
      out.push_back(peer_verified{who_, identity_, nonce_, rtt_});
      return;
    }
    if (from != s->address()) {
      out.push_back(datagram_dropped{drop_reason::unproven_address});
      return;
    }
    on_answer(t.now, from, std::move(*message), out);
    return;
  }
  if (from != s->address()) {
    // It may have moved, or somebody sends its datagram on: a ping to the new address tells, and is no larger
    // than what came from there. The asker's retry is then answered.
    out.push_back(datagram_dropped{drop_reason::unproven_address});
    if (next_tx_ == 0) next_tx_ = new_id(random);
    probe_ = probe{from, next_tx_++, datagram.receiver};
    if (auto sealed = s->seal(make_question(probe_->tx, question{}).raw().view(), t.now);
        sealed && sealed->size() <= transport_header + datagram.sealed.size())
      out.push_back(send_datagram{from, std::move(*sealed)});
    return;
  }
  out.push_back(heard_question{datagram.receiver, from, std::move(*message)});
}

void peer_link::on_answer(nanoseconds now, const endpoint& from, record<fb::DhtMessage> message,
                          link_effects& out) {
  const auto it = std::find_if(in_flight_.begin(), in_flight_.end(),
                               [&](const asked& a) { return a.tx == message->tx(); });
  if (it == in_flight_.end()) return;  // of a ping that opened a session, or too late
  const auto tag = it->tag;
  const auto rtt = now - it->at;
  std::erase(waiting_, it->tx);
  in_flight_.erase(it);
  rtt_.sample(rtt);
  who_.address = from;
  out.push_back(peer_verified{who_, identity_, nonce_, rtt_});
  out.push_back(heard_answer{tag, from, rtt, std::move(message)});
}

void peer_link::on_hint(link_time t, const endpoint& from, const unknown_session_view& datagram,
                        crypto::random_source& random, link_effects& out) {
  const session* meant = nullptr;
  for (const auto& s : sessions_)
    if (s.remote_id() == datagram.session && s.address() == from) meant = &s;
  const bool plausible =
      meant != nullptr && datagram.counter < meant->sent() && meant->sent() - datagram.counter <= 64;
  // Anybody on the way can write this: it makes us knock again, no more, and not often.
  const bool rested = last_hint_ == nanoseconds::min() || t.now - last_hint_ >= hint_pause;
  if (!plausible || !rested) {
    out.push_back(datagram_dropped{plausible ? drop_reason::rate_limited : drop_reason::unexpected});
    return;
  }
  last_hint_ = t.now;
  asked* read = nullptr;
  waiting_.clear();
  for (auto& a : in_flight_) {
    a.at = t.now;  // sent again
    if (read == nullptr && !a.is_write)
      read = &a;
    else if (waiting_.size() < max_waiting)
      waiting_.push_back(a.tx);
  }
  if (next_tx_ == 0) next_tx_ = new_id(random);
  const auto message =
      read != nullptr ? read->message : to_bytes(make_question(next_tx_++, question{}).raw().view());
  handshake(t, {who_.id, who_.key, meant->address()}, message, random, out);
}

link_effects peer_link::adopt(link_time t, session established, const identity::certified& peer,
                              std::uint64_t nonce) {
  link_effects out;
  expire(t.now, out);
  if (sessions_.empty()) who_ = {peer.node_id, peer.static_key, established.address()};
  identity_ = peer.identity;
  nonce_ = nonce;
  out.push_back(session_opened{established.local_id()});
  keep(std::move(established), out);
  return out;
}

link_effects peer_link::compact(link_time t) {
  link_effects out;
  expire(t.now, out);
  for (auto& s : sessions_) s.compact();
  sessions_.shrink_to_fit();
  openings_.shrink_to_fit();
  in_flight_.shrink_to_fit();
  waiting_.shrink_to_fit();
  early_ = {};
  return out;
}

}  // namespace vsf::dht
