#include "actors/shadow_index/leaf.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "actors/dht/leaf_storage.hpp"
#include "actors/shadow_index/keys.hpp"
#include "actors/shadow_index/leaf_policy.hpp"
#include "tests/actors/shadow_index/leaf_support.hpp"

namespace vsf::shadow_index {
namespace {

using tests::make_publisher;
using tests::make_variant;
using tests::recording_leaf;
using tests::test_network;
using tests::test_now_s;

const mbid song = *parse_mbid("b1a9c0e9-d987-4042-ae91-78d6a3267d69");
const identity::identity alice = make_publisher(1);

std::vector<fb::Variant> variants(std::size_t n) {
  std::vector<fb::Variant> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(make_variant(static_cast<std::uint8_t>(i + 1)));
  return out;
}

fb::LeafT release_leaf(std::size_t tracks) {
  fb::LeafT out = recording_leaf(song, {});
  out.kind = fb::LeafKind::release;
  for (std::size_t i = 0; i < tracks; ++i)
    out.tracks.emplace_back(to_fb(tests::filled<mbid>(9, static_cast<std::uint8_t>(i))), 180'000u,
                            static_cast<std::uint16_t>(1), static_cast<std::uint16_t>(i + 1));
  out.tracks_total = static_cast<std::uint16_t>(tracks);
  return out;
}

/// Signs whatever it is given, as a publisher that breaks the rules would.
bytes sign_anything(const fb::LeafT& content, const identity::identity& who,
                    const std::string& network = test_network.name) {
  const auto leaf = record<fb::Leaf>::pack(content);
  fb::SignedLeafT wrapped;
  wrapped.leaf = to_bytes(leaf.raw().view());
  wrapped.signature = box(
      who.signing_key.sign({crypto::as_bytes("vsf-leaf-v1"), crypto::as_bytes(network), leaf.raw().view()}));
  return to_bytes(record<fb::SignedLeaf>::pack(wrapped).raw().view());
}

fb::LeafT by_alice(fb::LeafT content) {
  content.publisher = box(alice.signing_key.identity);
  content.id_nonce = alice.id_nonce;
  return content;
}

leaf_fault fault_of(byte_view raw, std::uint64_t now_s = test_now_s) {
  checked_leaf out;
  return check_leaf(raw, test_network, now_s, recording_key(song), out);
}

TEST(leaf, what_is_signed_is_accepted_and_says_the_same) {
  const auto raw = sign_leaf(recording_leaf(song, variants(3), 77), alice);
  ASSERT_TRUE(raw) << raw.error().message;
  const auto leaf = accept_leaf(raw->view(), test_network, test_now_s, recording_key(song));
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->mbid, song);
  EXPECT_EQ(leaf->publisher, alice.signing_key.identity);
  EXPECT_EQ(leaf->node, alice.node_id);
  EXPECT_EQ(leaf->seq, 77u);
  EXPECT_EQ(leaf->expires_s, test_now_s + 86'400);
  EXPECT_FALSE(leaf->tombstone);
  ASSERT_EQ(leaf->leaf->variants()->size(), 3u);
  EXPECT_EQ(from_fb<digest>(leaf->leaf->variants()->Get(2)->root()), from_fb<digest>(variants(3)[2].root()));
}

// The leaf of docs/protocol.md: another implementation checks against it, so this one has to, too. Its
// NodeId, hash and signature were verified apart from this code (Python's hashlib, OpenSSL's Ed25519).
TEST(leaf, the_documented_bytes) {
  const auto raw = from_hex(
      "1000000056534c46080048000400080008000000440000009f2b04926d68e791b687253c70bb57575b44fcdf9391aff5"
      "d73e73dc447040d3d56c03299d5498dba82e9720c011d57a3027257490990ad7c38a27bee6fac007b800000020000000"
      "564c4546000016005400070008001800000040004800380000003c001600000000000001b1a9c0e9d9874042ae9178d6"
      "a3267d6903a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b880510100180000000068e5cf"
      "8b01000000f15365000000000000000001000000a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babb"
      "bcbdbebf101112131415161718191a1b1c1d1e1f765edf0100000000900301c800000000");
  ASSERT_TRUE(raw);
  EXPECT_EQ(raw->size(), 276u);
  const auto network = identity::parse_network("example/0").value();
  const auto leaf = accept_leaf(*raw, network, test_now_s + 1, recording_key(song));
  ASSERT_TRUE(leaf);
  EXPECT_EQ(to_hex(leaf->publisher), "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
  EXPECT_EQ(to_hex(leaf->node), "1206bd1bd156df3360555cfcbe0fe087416ef87b");
  EXPECT_EQ(leaf->seq, 1'700'000'000'000u);
  EXPECT_EQ(to_hex(leaf->order), "98a8ac9d637cae72b18adcd0abebd169a7bf4375fa9d488588c7ac78babfdf39");
  ASSERT_EQ(leaf->leaf->variants()->size(), 1u);
  const auto* variant = leaf->leaf->variants()->Get(0);
  EXPECT_EQ(variant->size(), 31'415'926u);
  EXPECT_EQ(variant->bitrate_kbps(), 912u);
  EXPECT_EQ(variant->codec(), fb::Codec::flac);
  EXPECT_EQ(variant->quality(), 200u);
}

TEST(leaf, the_largest_ones_fit) {
  const auto ten = sign_leaf(recording_leaf(song, variants(10)), alice);
  ASSERT_TRUE(ten) << ten.error().message;
  EXPECT_LE(ten->size(), 900u);
  EXPECT_TRUE(accept_leaf(ten->view(), test_network, test_now_s));
  const auto tracks = sign_leaf(release_leaf(28), alice);
  ASSERT_TRUE(tracks) << tracks.error().message;
  EXPECT_LE(tracks->size(), 900u);
  EXPECT_TRUE(accept_leaf(tracks->view(), test_network, test_now_s, release_key(song)));
  auto leased = recording_leaf(song, variants(10));
  leased.lease_s = 7200;
  EXPECT_TRUE(sign_leaf(std::move(leased), alice));
  leased = release_leaf(28);
  leased.lease_s = 7200;
  const auto largest = sign_leaf(std::move(leased), alice);
  ASSERT_TRUE(largest) << largest.error().message;
  // With a sketch, a tenth variant finds no room.
  auto sketched = recording_leaf(song, variants(9));
  sketched.lease_s = 7200;
  sketched.duration_ms = 200'000;
  sketched.sketch = std::make_unique<fb::Sketch>();
  const auto described = sign_leaf(std::move(sketched), alice);
  ASSERT_TRUE(described) << described.error().message;
  EXPECT_LE(described->size(), 900u);
  auto lasting = recording_leaf(song, variants(10));
  lasting.lease_s = 7200;
  lasting.duration_ms = 200'000;
  EXPECT_TRUE(sign_leaf(std::move(lasting), alice));
  EXPECT_FALSE(sign_leaf(recording_leaf(song, variants(11)), alice));
  EXPECT_FALSE(sign_leaf(release_leaf(29), alice));
}

TEST(leaf, tombstones_withdraw_and_last_as_long_as_any_signature) {
  const auto raw = sign_leaf(make_tombstone(fb::LeafKind::recording, song, 5, test_now_s), alice);
  ASSERT_TRUE(raw);
  const auto leaf = accept_leaf(raw->view(), test_network, test_now_s + 86'399);
  ASSERT_TRUE(leaf);
  EXPECT_TRUE(leaf->tombstone);
  EXPECT_EQ(fault_of(raw->view(), test_now_s + 86'400), leaf_fault::expired);
}

TEST(leaf, every_fault_is_found) {
  EXPECT_EQ(fault_of(sign_anything(by_alice(recording_leaf(song, variants(11))), alice)),
            leaf_fault::too_large);
  // Two more bytes than allowed, in a vector nobody reads.
  auto padded = to_bytes(sign_leaf(recording_leaf(song, variants(1)), alice)->view());
  padded.resize(901);
  EXPECT_EQ(fault_of(padded), leaf_fault::too_large);
  EXPECT_EQ(fault_of({}), leaf_fault::not_a_leaf);
  EXPECT_EQ(fault_of(bytes(200, 7)), leaf_fault::not_a_leaf);

  fb::SignedLeafT hollow;
  hollow.leaf = bytes(64, 1);
  hollow.signature = box(signature{});
  EXPECT_EQ(fault_of(record<fb::SignedLeaf>::pack(hollow).raw().view()), leaf_fault::not_a_leaf);

  auto content = by_alice(recording_leaf(song, variants(1)));
  content.mbid.reset();
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::field_missing);
  content = by_alice(recording_leaf(song, variants(1)));
  content.publisher.reset();
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::field_missing);

  content = by_alice(recording_leaf(song, variants(1)));
  content.kind = static_cast<fb::LeafKind>(9);
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::unknown_kind);

  EXPECT_EQ(fault_of(sign_anything(by_alice(recording_leaf(song, {})), alice)), leaf_fault::bad_content);
  EXPECT_EQ(
      fault_of(sign_anything(by_alice(recording_leaf(song, {make_variant(1), make_variant(1)})), alice)),
      leaf_fault::bad_content);
  EXPECT_EQ(fault_of(sign_anything(by_alice(recording_leaf(song, {make_variant(1, fb::Codec::flac, 1, 0)})),
                                   alice)),
            leaf_fault::bad_content);
  content = by_alice(release_leaf(2));
  content.variants = variants(1);
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::bad_content);
  content = by_alice(release_leaf(3));
  content.tracks_total = 2;
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::bad_content);
  content = by_alice(make_tombstone(fb::LeafKind::recording, song, 1, test_now_s));
  content.variants = variants(1);
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::bad_content);

  content = by_alice(recording_leaf(song, variants(1)));
  content.ttl_s = 86'401;
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::bad_ttl);

  const auto good = sign_anything(by_alice(recording_leaf(song, variants(1))), alice);
  EXPECT_EQ(fault_of(good), leaf_fault::none);
  EXPECT_EQ(fault_of(good, test_now_s + 86'400), leaf_fault::expired);
  EXPECT_EQ(fault_of(good, test_now_s - 600), leaf_fault::none);
  EXPECT_EQ(fault_of(good, test_now_s - 601), leaf_fault::from_the_future);
  EXPECT_EQ(fault_of(good, 0), leaf_fault::from_the_future);

  content = by_alice(recording_leaf(song, variants(1)));
  for (content.id_nonce = 0;
       identity::derive_node_id(alice.signing_key.identity, content.id_nonce, test_network);)
    ++content.id_nonce;
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::bad_id_puzzle);

  const auto other_song = *parse_mbid("00000000-0000-4000-8000-000000000001");
  EXPECT_EQ(fault_of(sign_anything(by_alice(recording_leaf(other_song, variants(1))), alice)),
            leaf_fault::wrong_key);
  EXPECT_EQ(fault_of(sign_anything(by_alice(release_leaf(1)), alice)), leaf_fault::wrong_key);

  EXPECT_EQ(fault_of(sign_anything(by_alice(recording_leaf(song, variants(1))), make_publisher(2))),
            leaf_fault::bad_signature);
  EXPECT_EQ(fault_of(sign_anything(by_alice(recording_leaf(song, variants(1))), alice, "other")),
            leaf_fault::bad_signature);
}

TEST(leaf, issued_at_the_end_of_time_overflows_nothing) {
  auto content = by_alice(recording_leaf(song, variants(1)));
  content.issued_at_s = ~0ull;
  EXPECT_EQ(fault_of(sign_anything(content, alice)), leaf_fault::from_the_future);
}

// Whatever bit is turned, the leaf is refused or says exactly what was signed (bits of padding outside the
// signed bytes).
RC_GTEST_PROP(leaf, a_turned_bit_never_changes_what_is_said, ()) {
  static const auto good = to_bytes(sign_leaf(recording_leaf(song, variants(2), 42), alice)->view());
  static const auto original = accept_leaf(good, test_network, test_now_s);
  auto raw = good;
  const auto at = *rc::gen::inRange<std::size_t>(0, raw.size());
  raw[at] = static_cast<std::uint8_t>(raw[at] ^ (1u << *rc::gen::inRange(0, 8)));
  const auto leaf = accept_leaf(raw, test_network, test_now_s);
  RC_ASSERT(!leaf || leaf->order == original->order);
}

RC_GTEST_PROP(leaf, any_bytes_are_refused, (const std::vector<std::uint8_t>& raw)) {
  RC_ASSERT(!accept_leaf(raw, test_network, test_now_s));
}

RC_GTEST_PROP(leaf, any_part_of_a_leaf_is_refused, ()) {
  static const auto good = to_bytes(sign_leaf(recording_leaf(song, variants(2), 42), alice)->view());
  const auto size = *rc::gen::inRange<std::size_t>(0, good.size() - 1);
  const auto leaf = accept_leaf(byte_view(good).first(size), test_network, test_now_s);
  RC_ASSERT(!leaf);
}

TEST(leaf_policy, says_what_the_dht_wants_to_know) {
  const leaf_policy policy(test_network);
  const auto raw = *sign_leaf(recording_leaf(song, variants(6), 42), alice);
  const auto facts = policy.parse(recording_key(song), raw.view(), test_now_s);
  EXPECT_EQ(facts.verdict, fb::PutVerdict::stored);
  EXPECT_EQ(facts.publisher, alice.signing_key.identity);
  EXPECT_EQ(facts.node, alice.node_id);
  EXPECT_EQ(facts.seq, 42u);
  EXPECT_EQ(facts.expires_unix_s, test_now_s + 86'400);
  EXPECT_FALSE(facts.tombstone);
  EXPECT_EQ(facts.variants.size(), 4u);
  EXPECT_FALSE(facts.order.is_zero());

  EXPECT_EQ(policy.parse(release_key(song), raw.view(), test_now_s).verdict, fb::PutVerdict::not_wanted);
  EXPECT_EQ(policy.parse(recording_key(song), raw.view(), test_now_s + 90'000).verdict,
            fb::PutVerdict::expired);
  EXPECT_EQ(policy.parse(recording_key(song), raw.view(), test_now_s - 700).verdict, fb::PutVerdict::expired);
  EXPECT_EQ(policy.parse(recording_key(song), bytes(10), test_now_s).verdict, fb::PutVerdict::malformed);
  auto forged = to_bytes(raw.view());
  const leaf_policy elsewhere(identity::network_parameters{"elsewhere/0", 0});
  EXPECT_EQ(elsewhere.parse(recording_key(song), forged, test_now_s).verdict, fb::PutVerdict::bad_signature);

  const auto gone = *sign_leaf(make_tombstone(fb::LeafKind::recording, song, 43, test_now_s), alice);
  const auto gone_facts = policy.parse(recording_key(song), gone.view(), test_now_s);
  EXPECT_EQ(gone_facts.verdict, fb::PutVerdict::stored);
  EXPECT_TRUE(gone_facts.tombstone);
  EXPECT_TRUE(dht::supersedes(gone_facts, facts));
}

TEST(leaf_policy, holders_keep_a_leaf_as_long_as_it_asks) {
  dht::leaf_storage holder(std::make_shared<const leaf_policy>(test_network), 0);
  std::vector<dht::storage_effect> effects;
  const auto put = [&](fb::LeafT content, std::uint32_t lease_s) {
    content.lease_s = lease_s;
    const auto raw = *sign_leaf(std::move(content), alice);
    return holder.put(test_now_s * 1000, recording_key(song), raw.view(), endpoint::v4(0x30000001, 1),
                      effects);
  };
  EXPECT_EQ(put(recording_leaf(song, variants(1), 1), 0), fb::PutVerdict::stored);
  EXPECT_EQ(holder.next_expiry_ms(), (test_now_s + 3600) * 1000);
  EXPECT_EQ(put(recording_leaf(song, variants(1), 2), 6 * 3600), fb::PutVerdict::stored);
  EXPECT_EQ(holder.next_expiry_ms(), (test_now_s + 6 * 3600) * 1000);
  EXPECT_EQ(put(recording_leaf(song, variants(1), 3, test_now_s - 80'000), 86'400), fb::PutVerdict::stored);
  EXPECT_EQ(holder.next_expiry_ms(), (test_now_s + 6400) * 1000) << "the signature ends first";
}

}  // namespace
}  // namespace vsf::shadow_index
