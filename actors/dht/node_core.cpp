#include "actors/dht/node_core.hpp"

#include "actors/dht/sweep.hpp"

namespace vsf::dht {
namespace {

std::uint64_t salt_of(const node_id& id) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | id[i];
  return out;
}

token_bucket bucket_of(rate r) { return token_bucket(r.burst, r.per_second); }

}  // namespace

std::unique_ptr<run_logic> make_run(const start_run& what, const node_id& self,
                                    std::shared_ptr<const value_policy> policy, std::uint64_t unix_s) {
  if (what.goal == lookup_goal::holders)
    return std::make_unique<sweep>(what.items, self, what.options, std::move(policy), unix_s);
  auto out = std::make_unique<lookup>(what.goal, what.target, self, what.options, std::move(policy));
  for (const auto& held : what.held) out->hold(unix_s, *held);
  return out;
}

node_core::node_core(std::shared_ptr<const identity::identity> me, std::shared_ptr<const value_policy> policy,
                     crypto::random_source& random, core_options options)
    : context_(make_link_context(me)),
      self_(me->node_id),
      random_(random),
      options_(std::move(options)),
      table_(self_, options_.table),
      storage_(std::move(policy), salt_of(self_), options_.storage),
      service_(table_, storage_, random, options_.service),
      peers_(context_, options_.registry),
      handshakes_(options_.handshakes, options_.service.max_sources),
      introductions_(options_.introductions, options_.service.max_sources),
      hints_(options_.hints, options_.service.max_sources),
      all_handshakes_(bucket_of(options_.all_handshakes)),
      verifications_(bucket_of(options_.verifications)) {}

void node_core::take(registry_effects effects, core_effects& out) {
  for (auto& e : effects) std::visit([&](auto& x) { out.emplace_back(std::move(x)); }, e);
}

void node_core::take(link_time t, std::vector<storage_effect> effects, core_effects& out) {
  for (auto& e : effects) {
    if (const auto* kept = std::get_if<keep_leaf>(&e))
      next_expiry_ = std::min(next_expiry_, when_to_expire(t, kept->lease_ends_ms));
    std::visit([&](auto& x) { out.emplace_back(std::move(x)); }, e);
  }
}

core_effects node_core::on_ready(link_time t, const endpoint& local) {
  core_effects out;
  local_ = local;
  if (!ready_) {
    ready_ = true;
    next_bootstrap_ = t.now;
  }
  maintain(t, out);
  return out;
}

core_effects node_core::on_known_contacts(link_time t, std::vector<contact> contacts) {
  core_effects out;
  std::erase_if(contacts, [&](const contact& c) { return !is_plausible(c) || c.id == self_; });
  known_ = std::move(contacts);
  if (ready_ && table_.size() == 0) next_bootstrap_ = t.now;
  maintain(t, out);
  return out;
}

core_effects node_core::on_held_leaf(link_time t, const dht_key& key, const public_key& publisher,
                                     byte_view raw, const endpoint& from, std::uint64_t lease_ends_ms) {
  core_effects out;
  std::vector<storage_effect> effects;
  const auto verdict = storage_.restore(t.unix_ms, key, raw, from, lease_ends_ms, effects);
  // What isn't held any more goes from the disk, too; of an older one the newer has taken the place there.
  if (verdict != fb::PutVerdict::stored && verdict != fb::PutVerdict::older)
    effects.push_back(drop_leaf{key, publisher});
  take(t, std::move(effects), out);
  std::erase_if(out, [](const core_effect& e) { return std::holds_alternative<keep_leaf>(e); });
  return out;
}

core_effects node_core::on_datagram(link_time t, const endpoint& from, const frame& payload,
                                    std::shared_ptr<void> credit) {
  core_effects out;
  const auto parsed = parse_datagram(payload.view(), context_->network);
  if (const auto* why = std::get_if<drop_reason>(&parsed)) {
    drop(*why);
  } else if (const auto* first = std::get_if<handshake_1_view>(&parsed)) {
    accept(t, from, *first, out);
  } else if (const auto* second = std::get_if<handshake_2_view>(&parsed)) {
    if (const auto peer = peers_.by_session(second->receiver); peer != 0)
      to_peer(t, peer, peer_datagram{from, payload, credit}, out);
    else
      drop(drop_reason::unexpected);
  } else if (const auto* transport = std::get_if<transport_view>(&parsed)) {
    if (const auto peer = peers_.by_session(transport->receiver); peer != 0) {
      to_peer(t, peer, peer_datagram{from, payload, credit}, out);
    } else {
      drop(drop_reason::unknown_session);
      if (hints_.allow(from, t.now))
        out.push_back(send_datagram{from, make_unknown_session(transport->receiver, transport->counter)});
    }
  } else if (const auto* who = std::get_if<who_are_you_view>(&parsed)) {
    if (introductions_.allow(from, t.now))
      out.push_back(send_datagram{from, make_i_am(context_->network, who->cookie, context_->certificate)});
    else
      drop(drop_reason::rate_limited);
  } else if (const auto* i_am = std::get_if<i_am_view>(&parsed)) {
    on_i_am(t, from, *i_am, out);
  } else {
    // A hint: whoever has sessions there finds out whether it could be true.
    const auto there = peers_.by_address(from, 2);
    if (there.empty() || !hints_.allow(from, t.now)) return drop(drop_reason::unexpected), out;
    for (const auto peer : there) to_peer(t, peer, peer_datagram{from, payload, credit}, out);
  }
  return out;
}

void node_core::to_peer(link_time t, std::uint64_t peer, peer_input input, core_effects& out) {
  registry_effects effects;
  if (!peers_.deliver(t.now, peer, std::move(input), effects)) drop(drop_reason::busy);
  take(std::move(effects), out);
}

void node_core::accept(link_time t, const endpoint& from, const handshake_1_view& datagram,
                       core_effects& out) {
  if (!ready_ || !handshakes_.allow(from, t.now) || !all_handshakes_.take(t.now))
    return drop(drop_reason::rate_limited);
  const auto mark = replay_filter::mark_of(datagram);
  if (replays_.seen(mark)) return drop(drop_reason::replay);
  auto read = read_opening(*context_, datagram, t.unix_ms, random_);
  if (!read) return drop(read.error());
  if (read->peer.node_id == self_) return drop(drop_reason::own);
  if (!is_question(*read->message)) return drop(drop_reason::malformed);
  replays_.add(mark, t.now);

  const contact asker{read->peer.node_id, read->peer.static_key, from};
  std::vector<storage_effect> stored;
  const auto answer = service_.answer(t.now, t.unix_ms, asker, *read->message,
                                      opening_answer_budget(*context_), false, stored);
  take(t, std::move(stored), out);
  std::uint32_t local_id = 0;
  while (local_id == 0 || peers_.by_session(local_id) != 0)
    local_id = static_cast<std::uint32_t>(random_.u64());
  const auto peer = read->peer;
  const auto nonce = read->nonce;
  auto answered = answer_opening(*context_, std::move(*read), local_id, answer.raw().view(), from, t.now);
  if (!answered) return drop(drop_reason::malformed);
  ++handshakes_taken_;
  out.push_back(send_datagram{from, std::move(answered->datagram)});
  const auto id = peers_.reach(t.now, asker);
  if (id == 0) return drop(drop_reason::busy);
  // Known at once: the peer's first message in the session may come before the actor has spoken.
  peers_.opened(id, local_id);
  peers_.verified(id, asker, {});
  to_peer(t, id, peer_adopt{std::make_shared<session>(std::move(answered->established)), peer, nonce}, out);
  consider(t, asker, out);
}

void node_core::on_i_am(link_time t, const endpoint& from, const i_am_view& datagram, core_effects& out) {
  const auto it = introductions_open_.find(datagram.cookie);
  if (it == introductions_open_.end() || it->second.to != from) return drop(drop_reason::unexpected);
  introductions_open_.erase(it);
  const auto certificate = record<fb::Certificate>::parse_copy(datagram.certificate);
  if (!certificate) return drop(drop_reason::malformed);
  const auto who = identity::verify_certificate(&**certificate, context_->me->network);
  if (!who) return drop(drop_reason::bad_certificate);
  if (who->node_id == self_) return drop(drop_reason::own);
  bootstrap_from(t, {known_peer{{who->node_id, who->static_key, from}, {}}}, out);
}

core_effects node_core::on_link(link_time t, std::uint64_t peer, link_effects effects) {
  core_effects out;
  for (auto& e : effects) {
    if (auto* opened = std::get_if<session_opened>(&e)) {
      peers_.opened(peer, opened->local_id);
    } else if (auto* closed = std::get_if<session_closed>(&e)) {
      peers_.closed(peer, closed->local_id);
    } else if (auto* asked = std::get_if<heard_question>(&e)) {
      serve(t, peer, *asked, out);
    } else if (auto* answered = std::get_if<heard_answer>(&e)) {
      on_answer(std::move(*answered), out);
    } else if (auto* verified = std::get_if<peer_verified>(&e)) {
      on_verified(t, peer, *verified, out);
    } else if (auto* refused = std::get_if<ask_refused>(&e)) {
      if (refused->tag.run != 0) out.push_back(run_refused{refused->tag.run, refused->tag.ask});
    } else if (auto* other = std::get_if<impostor>(&e)) {
      ++impostors_;
      if (const auto* row = table_.find(other->who.id); row != nullptr && row->who == other->who)
        table_.forget(other->who.id);
    } else if (auto* dropped = std::get_if<datagram_dropped>(&e)) {
      drop(dropped->why);
    } else if (auto* sent = std::get_if<send_datagram>(&e)) {
      out.push_back(std::move(*sent));
    }
  }
  maintain(t, out);
  return out;
}

void node_core::serve(link_time t, std::uint64_t peer, const heard_question& asked, core_effects& out) {
  const auto* e = peers_.find(peer);
  if (e == nullptr) return;
  const contact asker{e->node, e->key, asked.from};
  std::vector<storage_effect> stored;
  auto answer = service_.answer(t.now, t.unix_ms, asker, *asked.message, transport_budget, true, stored);
  take(t, std::move(stored), out);
  to_peer(t, peer, peer_reply{asked.session, std::move(answer)}, out);
  consider(t, asker, out);
}

void node_core::on_answer(heard_answer answered, core_effects& out) {
  if (answered.tag.run == 0 || !runs_.contains(answered.tag.run)) return;
  auto answer = read_answer(*answered.message, answered.from);
  for (auto& c : answer.contacts) {
    if (const auto* row = table_.find(c.who.id); row != nullptr && row->who.key == c.who.key)
      c.rtt = row->rtt;
    else if (const auto* e = peers_.find(c.who.key))
      c.rtt = e->rtt;
  }
  out.push_back(run_answer{answered.tag.run, answered.tag.ask, std::move(answer)});
}

void node_core::on_verified(link_time t, std::uint64_t peer, const peer_verified& who, core_effects& out) {
  peers_.verified(peer, who.who, who.rtt);
  const bool first = table_.size() == 0;
  table_row row;
  row.who = who.who;
  row.identity = who.identity;
  row.nonce = who.nonce;
  row.last_answer = t.now;
  row.rtt = who.rtt;
  const auto before = table_.stats().inserted;
  table_.answered(row);
  if (table_.stats().inserted != before)
    next_save_ = std::min(next_save_, t.now + (first ? options_.save_first : options_.save));
  if (!first || table_.size() == 0) return;
  bootstrap_rounds_ = 0;
  next_bootstrap_ = t.now + jittered(std::chrono::seconds(1));
  next_self_ = t.now;
  self_lookups_ = 0;
  out.push_back(network_reached{who.who});
}

/// A contact that was met but has not answered us yet.
void node_core::consider(link_time t, const contact& who, core_effects& out) {
  if (table_.heard(who) == heard_verdict::verify) verify(t, who, out);
}

void node_core::verify(link_time t, const contact& who, core_effects& out) {
  if (!ready_ || !verifications_.take(t.now)) return;
  const auto peer = peers_.reach(t.now, who);
  if (peer == 0) return drop(drop_reason::busy);
  to_peer(t, peer, peer_ask{ask_tag{0, next_ping_++}, who, question{}, false}, out);
}

core_effects node_core::on_parked(link_time t, std::uint64_t peer, std::shared_ptr<peer_link> link) {
  core_effects out;
  registry_effects effects;
  peers_.parked(t.now, peer, std::move(link), effects);
  take(std::move(effects), out);
  return out;
}

core_effects node_core::on_peer_lost(link_time t, std::uint64_t peer) {
  core_effects out;
  ++peers_lost_;
  registry_effects effects;
  peers_.lost(t.now, peer, effects);
  take(std::move(effects), out);
  return out;
}

core_effects node_core::on_candidate(link_time t, const contact& who) {
  core_effects out;
  if (!is_plausible(who) || who.id == self_) return out;
  if (table_.size() == 0)
    bootstrap_from(t, {known_peer{who, {}}}, out);
  else
    consider(t, who, out);
  return out;
}

core_effects node_core::on_ask(link_time t, std::uint64_t run, const ask_peer& ask) {
  core_effects out;
  if (!runs_.contains(run)) return out;
  ++asked_;
  const auto peer = peers_.reach(t.now, ask.who);
  if (peer == 0) {
    drop(drop_reason::busy);  // the lookup tries again when it has waited
    return out;
  }
  to_peer(t, peer, peer_ask{ask_tag{run, ask.ask}, ask.who, ask.what, ask.retry}, out);
  return out;
}

core_effects node_core::on_silent(link_time t, const contact& who) {
  core_effects out;
  const auto* row = table_.find(who.id);
  // Only what was true of the row counts against it: anybody can tell a wrong address of somebody.
  if (row == nullptr || row->who != who) return out;
  if (const auto next = table_.failed(who.id, t.now)) verify(t, *next, out);
  return out;
}

std::vector<known_peer> node_core::seeds_for(const id160& target, std::size_t keys) const {
  std::vector<known_peer> out;
  // More than k: when some of the nearest are dead, their neighbours may only know the same ones. A sweep
  // goes through many neighbourhoods.
  const auto count = keys == 1 ? 3 * options_.lookup.k : table_.size();
  for (const auto* row : table_.closest(target, count)) out.push_back({row->who, row->rtt});
  return out;
}

}  // namespace vsf::dht
