#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/overlay/overlay_message.hpp"
#include "actors/overlay/session.hpp"

namespace vsf::tests {

using namespace std::chrono_literals;

inline identity::identity make_node(std::uint64_t seed, const std::string& network = "test/4") {
  crypto::seeded_random random(seed);
  return identity::make_solved_identity(*identity::parse_network(network), random);
}

/// One session with what it wanted done, by kind.
struct session_side {
  session_side(std::uint64_t seed, overlay::session_setup setup)
      : random(seed), it(std::move(setup), std::chrono::nanoseconds(0), random, counters) {}

  /// Files the effects; read credits count at once.
  void collect() {
    for (auto& e : effects) {
      if (const auto* x = std::get_if<overlay::came_up>(&e))
        up = *x;
      else if (const auto* x1 = std::get_if<overlay::to_channel>(&e))
        answers.push_back(*x1);
      else if (const auto* x2 = std::get_if<overlay::data_to_channel>(&e))
        data.push_back(*x2);
      else if (const auto* x3 = std::get_if<overlay::to_uploads>(&e))
        requests.push_back(*x3);
      else if (const auto* x4 = std::get_if<overlay::data_sent>(&e))
        sent.push_back(*x4);
      else if (const auto* x5 = std::get_if<overlay::give_credit>(&e))
        credits += x5->packets;
      else if (const auto* x6 = std::get_if<overlay::session_over>(&e))
        over = x6->why;
    }
    effects.clear();
  }

  crypto::seeded_random random;
  overlay::counter_board counters;
  overlay::session it;
  overlay::session_effects effects;
  std::deque<frame> inbox;
  std::size_t credits = 0;
  bool link_full = false;  // the link takes nothing from this side
  std::optional<overlay::came_up> up;
  std::vector<overlay::to_channel> answers;
  std::vector<overlay::data_to_channel> data;
  std::vector<overlay::to_uploads> requests;
  std::vector<overlay::data_sent> sent;
  std::optional<std::string> over;
};

/// Two sessions and the wire between them: `a` dials `b`. Credits are honoured.
struct session_pair {
  explicit session_pair(bool know_key = true, overlay::session_limits limits = {},
                        std::string network_b = "test/4", std::optional<node_id> expect = std::nullopt)
      : node_a(make_node(1)), node_b(make_node(2, network_b)) {
    overlay::session_setup setup;
    setup.self = overlay::local_side::of(node_a);
    setup.whom = overlay::expected_peer{expect.value_or(node_b.node_id),
                                        know_key ? std::optional(node_b.dh_key.key) : std::nullopt};
    setup.remote = endpoint::v4(0x7F000002, 50315);
    setup.listen_port = 50315;
    setup.limits = limits;
    a = std::make_unique<session_side>(11, setup);
    setup.self = overlay::local_side::of(node_b);
    setup.whom.reset();
    setup.remote = endpoint::v4(0x7F000001, 40001);
    setup.listen_port = 50316;
    b = std::make_unique<session_side>(12, setup);
    a->it.start(a->effects);
    b->it.start(b->effects);
  }

  /// Carries packets in both directions until nothing moves.
  void exchange() {
    bool moved = true;
    while (moved) {
      moved = pump(*a, *b) || pump(*b, *a);
      moved = receive(*a) || moved;
      moved = receive(*b) || moved;
    }
  }
  /// Time passes in steps to every deadline.
  void run_for(std::chrono::nanoseconds span) {
    const auto end = now + span;
    exchange();
    for (;;) {
      std::optional<std::chrono::nanoseconds> next;
      for (auto* s : {a.get(), b.get()})
        if (const auto at = s->it.next_deadline(); at && (!next || *at < *next)) next = at;
      if (!next || *next > end) break;
      now = std::max(now, *next);
      for (auto* s : {a.get(), b.get()})
        if (const auto at = s->it.next_deadline(); at && *at <= now) s->it.on_alarm(now, s->effects);
      exchange();
    }
    now = end;
  }

  bool pump(session_side& from, session_side& to) {
    bool moved = !from.effects.empty();
    from.collect();
    while (const auto* packet = from.it.next_packet()) {
      if (from.link_full) {
        from.it.link_full(now);
        break;
      }
      wire.push_back(frame::copy_of(packet->view()));
      if (!cut) to.inbox.push_back(frame::copy_of(packet->view()));
      from.it.taken(from.effects);
      moved = true;
    }
    return moved;
  }
  bool receive(session_side& at) {
    at.collect();
    if (at.inbox.empty() || at.credits == 0) return false;
    --at.credits;
    auto packet = std::move(at.inbox.front());
    at.inbox.pop_front();
    at.it.on_packet(std::move(packet), now, at.effects);
    return true;
  }

  identity::identity node_a, node_b;
  std::unique_ptr<session_side> a, b;
  std::chrono::nanoseconds now{0};
  std::vector<frame> wire;  // every packet either side sent
  bool cut = false;         // packets vanish
};

/// A peer that completes the handshake with a session and then says whatever a test likes.
struct raw_peer {
  explicit raw_peer(overlay::session_limits limits = {}) : node(make_node(3)), random(33) {
    overlay::session_setup setup;
    const auto victim = make_node(4);
    setup.self = overlay::local_side::of(victim);
    setup.remote = endpoint::v4(0x7F000003, 4000);
    setup.limits = limits;
    side = std::make_unique<session_side>(44, setup);
    side->it.start(side->effects);
    auto mine = overlay::link_handshake::dial(overlay::local_side::of(node),
                                              {victim.node_id, victim.dh_key.key}, random);
    side->it.on_packet(*mine.first(), now, side->effects);
    const auto* answer = side->it.next_packet();
    const auto done = mine.on_packet(answer->view());
    if (!done || !mine.finished()) throw std::logic_error("the handshake failed");
    side->it.taken(side->effects);
    const auto keys = mine.split();
    seal.emplace(keys.send, limits.rekey_interval);
    open.emplace(keys.receive, limits.rekey_interval);
    flush();
  }

  void say(byte_view plaintext) {
    auto packet = frame::allocate(plaintext.size() + overlay::frame_tag_size);
    std::copy(plaintext.begin(), plaintext.end(), packet.mutable_data());
    seal->seal(packet.mutable_view());
    side->it.on_packet(std::move(packet), now, side->effects);
    flush();
  }
  void say(const record<fb::OverlayMessage>& message) {
    const auto built = overlay::build_control(message);
    say(built->view().first(built->size() - overlay::frame_tag_size));
  }
  void say_hello() {
    fb::HelloT hello;
    hello.version = 1;
    say(overlay::overlay_message(std::move(hello)));
  }
  /// What the session sent, opened.
  void flush() {
    side->collect();
    while (const auto* packet = side->it.next_packet()) {
      auto copy = frame::copy_of(packet->view());
      if (!open->open(copy.mutable_view())) throw std::logic_error("a frame does not open");
      const auto parsed = overlay::parse_frame(copy.slice(0, copy.size() - overlay::frame_tag_size));
      if (parsed && std::holds_alternative<record<fb::OverlayMessage>>(*parsed))
        heard.push_back(std::get<record<fb::OverlayMessage>>(*parsed));
      side->it.taken(side->effects);
      side->collect();
    }
  }

  identity::identity node;
  crypto::seeded_random random;
  std::unique_ptr<session_side> side;
  std::optional<overlay::frame_cipher> seal, open;
  std::vector<record<fb::OverlayMessage>> heard;
  std::chrono::nanoseconds now{0};
};

}  // namespace vsf::tests
