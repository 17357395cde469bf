#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "actors/overlay/link_handshake.hpp"
#include "tests/actors/overlay/session_pair.hpp"

namespace vsf::overlay {
namespace {

using tests::make_node;

struct two_sides {
  explicit two_sides(bool know_key, const std::string& network_b = "test/4",
                     std::shared_ptr<const local_side> dialler = nullptr,
                     std::shared_ptr<const local_side> acceptor = nullptr)
      : a_side(dialler ? dialler : local_side::of(node_a)),
        b_side(acceptor ? acceptor : local_side::of(make_node(2, network_b))),
        a(link_handshake::dial(
            a_side, {node_b.node_id, know_key ? std::optional(node_b.dh_key.key) : std::nullopt}, random)),
        b(link_handshake::accept(b_side, random)) {}

  /// The error of whoever gave up, empty if both are done. `change` may damage packet number n on its way.
  std::string run(const std::function<void(int n, bytes& packet)>& change = nullptr) {
    auto packet = a.first();
    if (!packet) return packet.error().message;
    for (int n = 0; !packet->empty(); ++n) {
      auto raw = to_bytes(packet->view());
      if (change) change(n, raw);
      longest = std::max(longest, raw.size());
      packet = n % 2 == 0 ? b.on_packet(raw) : a.on_packet(raw);
      if (!packet) return packet.error().message;
      ++packets;
    }
    return "";
  }

  identity::identity node_a = make_node(1), node_b = make_node(2);
  crypto::seeded_random random{7};
  std::shared_ptr<const local_side> a_side, b_side;
  link_handshake a, b;
  int packets = 0;
  std::size_t longest = 0;
};

class overlay_handshake : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(xx_and_ik, overlay_handshake, testing::Bool());

TEST_P(overlay_handshake, both_know_each_other_and_share_keys) {
  two_sides t(GetParam());
  EXPECT_EQ(t.run(), "");
  ASSERT_TRUE(t.a.finished() && t.b.finished());
  EXPECT_EQ(t.packets, GetParam() ? 2 : 3);
  EXPECT_EQ(t.b.pattern(), GetParam() ? pattern_byte::ik : pattern_byte::xx);
  EXPECT_EQ(t.a.peer().node_id, t.node_b.node_id);
  EXPECT_EQ(t.b.peer().node_id, t.node_a.node_id);
  EXPECT_EQ(t.b.peer().static_key, t.node_a.dh_key.key);
  EXPECT_EQ(t.a.split().send, t.b.split().receive);
  EXPECT_EQ(t.a.split().receive, t.b.split().send);
  EXPECT_EQ(t.a.split().handshake_hash, t.b.split().handshake_hash);
  EXPECT_LE(t.longest, max_handshake_packet);
}

TEST_P(overlay_handshake, another_network_never_completes_it) {
  two_sides t(GetParam(), "other/4");
  EXPECT_NE(t.run(), "");
  EXPECT_FALSE(t.a.finished());
  EXPECT_FALSE(t.b.finished());
}

TEST_P(overlay_handshake, a_certificate_for_another_key_is_refused) {
  // The dialler proves its own key but shows somebody else's papers.
  auto liar = *local_side::of(make_node(1));
  liar.certificate = local_side::of(make_node(5))->certificate;
  two_sides t(GetParam(), "test/4", std::make_shared<const local_side>(liar));
  EXPECT_EQ(t.run(), "the peer's certificate is for another key");
  EXPECT_FALSE(t.b.finished() && t.a.finished() && t.packets == 3);
}

TEST_P(overlay_handshake, a_certificate_that_solves_no_puzzle_or_is_forged_is_refused) {
  auto node = make_node(1);
  auto certificate = identity::make_certificate_part(node);
  certificate.nonce ^= 0x5555;
  auto unsolved = *local_side::of(node);
  unsolved.certificate = to_bytes(record<fb::Certificate>::pack(certificate).raw().view());
  EXPECT_EQ(two_sides(GetParam(), "test/4", std::make_shared<const local_side>(unsolved)).run(),
            "the peer's certificate does not hold in this network");
  certificate = identity::make_certificate_part(node);
  auto signature = certificate.signature->bytes()->data();
  const_cast<std::uint8_t*>(signature)[5] ^= 1;
  unsolved.certificate = to_bytes(record<fb::Certificate>::pack(certificate).raw().view());
  EXPECT_EQ(two_sides(GetParam(), "test/4", std::make_shared<const local_side>(unsolved)).run(),
            "the peer's certificate does not hold in this network");
  unsolved.certificate = {1, 2, 3};
  EXPECT_EQ(two_sides(GetParam(), "test/4", std::make_shared<const local_side>(unsolved)).run(),
            "the handshake carries no certificate");
}

TEST(overlay_handshake_xx, the_dialler_insists_on_the_node_it_meant) {
  two_sides t(false, "test/4", nullptr, local_side::of(make_node(9)));
  EXPECT_TRUE(t.run().starts_with("expected node " + to_hex(make_node(2).node_id)));
  EXPECT_FALSE(t.a.finished());
}

TEST(overlay_handshake_xx, a_node_does_not_talk_to_itself) {
  two_sides t(false, "test/4", nullptr, local_side::of(make_node(1)));
  EXPECT_EQ(t.run(), "that is this node itself");
}

TEST(overlay_handshake_ik, another_static_key_ends_it) {
  two_sides t(true, "test/4", nullptr, local_side::of(make_node(9)));
  EXPECT_NE(t.run(), "");
  EXPECT_FALSE(t.b.finished());
}

TEST(overlay_handshake_ik, a_low_order_key_is_refused_by_the_dialler) {
  crypto::seeded_random random(1);
  auto dial =
      link_handshake::dial(local_side::of(make_node(1)), {make_node(2).node_id, static_key{}}, random);
  EXPECT_FALSE(dial.first());
}

TEST(overlay_handshake_first_packet, strangers_are_told_by_their_first_bytes) {
  crypto::seeded_random random(1);
  const auto side = local_side::of(make_node(1));
  const auto first = [&](bytes raw) { return link_handshake::accept(side, random).on_packet(raw); };
  EXPECT_EQ(first({'G', 'E', 'T', ' ', '/', ' ', 'H'}).error().message,
            "not the overlay protocol, or another version of it");
  EXPECT_EQ(first({'V', 'S', 'O'}).error().message, "not the overlay protocol, or another version of it");
  EXPECT_EQ(first({'V', 'S', 'O', '1', 3}).error().message, "unknown handshake pattern 3");
  EXPECT_EQ(first(bytes(max_handshake_packet + 1, 'V')).error().message, "a handshake packet is too long");
}

TEST(overlay_handshake_damage, one_flipped_bit_anywhere_keeps_the_sides_from_agreeing) {
  EXPECT_TRUE(rc::check("a flipped bit", [] {
    const bool know_key = *rc::gen::arbitrary<bool>();
    const auto which = *rc::gen::inRange(0, know_key ? 2 : 3);
    const auto place = *rc::gen::arbitrary<std::uint16_t>();
    const auto bit = *rc::gen::inRange(0, 8);
    two_sides t(know_key);
    const auto why = t.run([&](int n, bytes& packet) {
      if (n == which) packet[place % packet.size()] ^= static_cast<std::uint8_t>(1 << bit);
    });
    RC_ASSERT(!why.empty());
    RC_ASSERT(!t.a.finished() || !t.b.finished());
  }));
}

}  // namespace
}  // namespace vsf::overlay
