#include "sim/stranger.hpp"

#include <algorithm>

#include "actors/shadow_index/keys.hpp"
#include "actors/shadow_index/leaf.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 3s;
constexpr int most_tries = 3;
constexpr std::uint32_t short_lease_s = 60;
constexpr std::uint64_t newer_seq = 2;
constexpr std::size_t many = 12;  // publishers; leaves of 8 from one source are kept under a key

dht::question question_of(dht::question_kind kind, const dht_key& key) {
  dht::question out;
  out.kind = kind;
  out.target = key;
  return out;
}

}  // namespace

stranger::stranger(world& the_world, std::size_t beside, std::size_t victim, std::uint64_t seed,
                   complaints& seen)
    : world_(the_world), beside_(beside), victim_(victim), random_(seed), seen_(seen) {
  const auto& node = *world_.nodes()[victim];
  session_ = node.session;
  auto address = node.machine->address();
  address.port = node.env->settings.node.listen.port;
  whom_ = {node.who.node_id, node.who.dh_key.key, address};
  random_.fill(about_);
  key_ = shadow_index::recording_key(about_);
  me_ = std::make_shared<identity::identity>(identity::make_solved_identity(node.who.network, random_));
  context_ = dht::make_link_context(me_);
  link_.emplace(context_, whom_);
}

stranger::~stranger() = default;

dht::link_time stranger::time() const {
  const auto now = std::chrono::nanoseconds(world_.system().clock().now().time_since_epoch());
  // By its victim's clock: this is no test of clocks.
  return {now, world_.nodes()[victim_]->env->unix_ms(now)};
}

void stranger::later(std::chrono::milliseconds when, void (stranger::*what)()) {
  world_.at(world_.now() + when, [self = shared_from_this(), what] { (self.get()->*what)(); });
}

void stranger::begin() {
  const auto self = weak_from_this();
  auto port = world_.nodes()[beside_]->machine->open_datagrams(
      endpoint::v4(0, 0), 1'000'000, [self](const endpoint& from, const frame& payload) {
        if (const auto alive = self.lock()) alive->on_datagram(from, payload);
      });
  if (!port) return;
  port_ = *std::move(port);
  later(0ms, &stranger::break_in);
  later(20s, &stranger::put_good_one);
  later(35s, &stranger::put_older_one);
  later(50s, &stranger::look_for_newer_one);
  later(65s, &stranger::put_many);
  later(90s, &stranger::replay);
  later(110s, &stranger::end_of_replay);
  later(150s, &stranger::look_for_expired_one);
}

// ---- Talking

void stranger::ask(dht::question what, answer_handler on_answer) {
  const auto number = next_++;
  asked_[number] = {std::move(what), std::move(on_answer), 0};
  send_again(number);
}

void stranger::send_again(std::uint32_t number) {
  const auto it = asked_.find(number);
  if (it == asked_.end()) return;
  if (it->second.tries == most_tries) {
    asked_.erase(it);
    return;
  }
  const bool retry = it->second.tries++ > 0;
  carry_out(link_->ask(time(), {1, number}, whom_, it->second.what, retry, random_));
  world_.at(world_.now() + patience, [self = shared_from_this(), number] { self->send_again(number); });
}

void stranger::on_datagram(const endpoint& from, const frame& payload) {
  port_->consumed(1);
  const auto parsed = dht::parse_datagram(payload.view(), context_->network);
  if (std::holds_alternative<dht::drop_reason>(parsed)) return;
  auto effects = link_->on_datagram(time(), from, parsed, random_);
  const auto is_answer = [](const auto& e) { return std::holds_alternative<dht::heard_answer>(e); };
  // An answer to what was answered before has no effect at all; a replayed datagram would be a dropped one.
  if (replaying_ && std::holds_alternative<dht::transport_view>(parsed) &&
      (effects.empty() || std::any_of(effects.begin(), effects.end(), is_answer)))
    ++answers_to_replay_;
  carry_out(std::move(effects));
}

void stranger::carry_out(dht::link_effects effects, bool twice) {
  for (auto& e : effects) {
    if (auto* out = std::get_if<dht::send_datagram>(&e)) {
      if (twice) port_->send(out->to, out->payload);
      port_->send(out->to, std::move(out->payload));
    } else if (const auto* heard = std::get_if<dht::heard_answer>(&e)) {
      const auto it = asked_.find(heard->tag.ask);
      if (it == asked_.end()) continue;
      const auto handler = std::move(it->second.on_answer);
      asked_.erase(it);
      handler(dht::read_answer(*heard->message, heard->from));
    }
  }
}

// ---- What a node must not let through

bytes stranger::leaf(const identity::identity& who, const mbid& about, std::uint64_t seq,
                     std::uint32_t lease_s, bool forged) {
  fb::LeafT content;
  content.kind = fb::LeafKind::recording;
  content.mbid = box(about);
  content.seq = seq;
  content.issued_at_s = time().unix_ms / 1000;
  content.ttl_s = 3600;
  content.lease_s = lease_s;
  digest root;
  random_.fill(root);
  fb::Bytes16 prefix;
  content.variants.emplace_back(to_fb(root), prefix, 100'000, 900, fb::Codec::flac, 200);
  const auto made = shadow_index::sign_leaf(std::move(content), who).value();
  if (!forged) return to_bytes(made.view());
  auto wrapped = record<fb::SignedLeaf>::parse_copy(made.view()).value().unpack();
  auto signature = from_fb<vsf::signature>(*wrapped.signature);
  signature[0] ^= 1;
  wrapped.signature = box(signature);
  return to_bytes(record<fb::SignedLeaf>::pack(wrapped).raw().view());
}

void stranger::put(bytes value, const bytes& token, const dht_key& key, std::function<void()> on_stored) {
  auto what = question_of(dht::question_kind::store, key);
  what.token = token;
  what.items = std::make_shared<const std::vector<dht::sweep_item>>(
      std::vector<dht::sweep_item>{{key, std::move(value), false, {}}});
  what.which = {0};
  ask(std::move(what), [on_stored = std::move(on_stored)](const dht::peer_answer& answer) {
    if (answer.verdicts.size() == 1 && answer.verdicts[0] == fb::PutVerdict::stored) on_stored();
  });
}

void stranger::break_in() {
  ask(question_of(dht::question_kind::get, key_), [this](const dht::peer_answer& answer) {
    if (answer.token.empty()) return;
    ++seen_["visits"];
    token_ = answer.token;
    auto guessed = token_;
    guessed[0] ^= 1;
    mbid other;
    random_.fill(other);
    put(leaf(*me_, about_, 2, short_lease_s, false), guessed, key_, complain("stored_without_token"));
    put(leaf(*me_, about_, 2, short_lease_s, true), token_, key_, complain("stored_a_forgery"));
    put(leaf(*me_, other, 2, short_lease_s, false), token_, key_, complain("stored_under_another_key"));
    auto unsolved = *me_;
    while (identity::derive_node_id(unsolved.signing_key.identity, unsolved.id_nonce, unsolved.network))
      ++unsolved.id_nonce;
    put(leaf(unsolved, about_, 2, short_lease_s, false), token_, key_, complain("stored_without_puzzle"));
  });
}

void stranger::put_good_one() {
  put(leaf(*me_, about_, newer_seq, short_lease_s, false), token_, key_, [this] { newer_stored_ = true; });
}

void stranger::put_older_one() {
  if (newer_stored_)
    put(leaf(*me_, about_, newer_seq - 1, short_lease_s, false), token_, key_, complain("older_leaf_taken"));
}

void stranger::look_for_newer_one() {
  if (!newer_stored_) return;
  ask(question_of(dht::question_kind::get, key_), [this](const dht::peer_answer& answer) {
    // A loss of power may have cost it what was not synced.
    if (own_seq(answer) != newer_seq && world_.nodes()[victim_]->session == session_)
      ++seen_["newer_leaf_lost"];
  });
}

void stranger::put_many() {
  mbid popular;
  random_.fill(popular);
  const auto key = shadow_index::recording_key(popular);
  ask(question_of(dht::question_kind::get, key), [this, popular, key](const dht::peer_answer& answer) {
    if (answer.token.empty()) return;
    for (std::size_t i = 0; i < many; ++i) {
      const auto who = identity::make_solved_identity(me_->network, random_);
      put(leaf(who, popular, 1, short_lease_s, false), answer.token, key, [this] {
        if (++stored_of_many_ == many) ++seen_["stored_beyond_limit"];
      });
    }
  });
}

void stranger::replay() {
  replaying_ = true;
  carry_out(link_->ask(time(), {1, 0}, whom_, dht::question{}, false, random_), true);
}

void stranger::end_of_replay() {
  replaying_ = false;
  if (answers_to_replay_ > 1) ++seen_["replay_answered"];
}

void stranger::look_for_expired_one() {
  if (!newer_stored_) return;
  ask(question_of(dht::question_kind::get, key_), [this](const dht::peer_answer& answer) {
    if (own_seq(answer)) ++seen_["expired_leaf_handed_out"];
  });
}

std::optional<std::uint64_t> stranger::own_seq(const dht::peer_answer& answer) const {
  const auto page = record<fb::ShadowIndexShard>::parse_copy(answer.shard);
  if (!page || (*page)->leaves() == nullptr) return std::nullopt;
  for (const auto* one : *(*page)->leaves()) {
    const auto wrapped = record<fb::SignedLeaf>::parse_copy(view_of(one->data()));
    if (!wrapped) continue;
    const auto inner = record<fb::Leaf>::parse_copy(view_of((*wrapped)->leaf()));
    if (inner && (*inner)->publisher() != nullptr &&
        from_fb<public_key>(*(*inner)->publisher()) == me_->signing_key.identity)
      return (*inner)->seq();
  }
  return std::nullopt;
}

}  // namespace vsf::sim
