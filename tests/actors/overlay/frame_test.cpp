#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "actors/overlay/frame_cipher.hpp"
#include "actors/overlay/overlay_frame.hpp"
#include "actors/overlay/overlay_message.hpp"

namespace vsf::overlay {
namespace {

frame without_tag(const frame& built) { return built.slice(0, built.size() - frame_tag_size); }

TEST(overlay_frame, a_message_comes_back_aligned_and_shares_the_packets_bytes) {
  fb::GetDataT ask;
  ask.channel = 7;
  ask.request = 0x01020304;
  ask.first_leaf = 99;
  ask.count = 12;
  const auto built = build_control(overlay_message(ask));
  ASSERT_TRUE(built);
  EXPECT_EQ(built->view().first(8)[0], 0);
  const auto parsed = parse_frame(without_tag(*built));
  ASSERT_TRUE(parsed);
  const auto& message = std::get<record<fb::OverlayMessage>>(*parsed);
  EXPECT_EQ(message->body_as_GetData()->request(), 0x01020304u);
  EXPECT_EQ(message.raw().data(), built->data() + control_header_size);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message.raw().data()) % 8, 0u);
}

TEST(overlay_frame, a_bulk_header_has_the_documented_bytes) {
  const bytes leaf{0xAA, 0xBB};
  const auto built = build_bulk({0x0102, 0x03040506, 0x0708090A, 1}, leaf);
  ASSERT_TRUE(built);
  EXPECT_EQ(to_hex(without_tag(*built).view()),
            "01000201060504030a090807"
            "01000000"
            "aabb");
}

TEST(overlay_frame, bulk_frames_come_back_as_they_were_built) {
  EXPECT_TRUE(rc::check("bulk round trip", [] {
    const auto count = *rc::gen::inRange<std::uint16_t>(1, 4);
    const auto size = *rc::gen::inRange<std::size_t>((count - 1u) * leaf_size + 1, count * leaf_size + 1);
    const bulk_header header{*rc::gen::inRange<std::uint16_t>(1, 65535), *rc::gen::arbitrary<std::uint32_t>(),
                             *rc::gen::arbitrary<std::uint32_t>(), count};
    bytes leaves(size, *rc::gen::arbitrary<std::uint8_t>());
    const auto built = build_bulk(header, leaves);
    RC_ASSERT(built);
    const auto parsed = parse_frame(without_tag(*built));
    RC_ASSERT(parsed);
    const auto& got = std::get<bulk_frame>(*parsed);
    RC_ASSERT(got.header == header);
    RC_ASSERT(to_bytes(got.body.view()) == leaves);
    RC_ASSERT(got.body.data() == built->data() + bulk_header_size);
    auto whole = allocate_bulk(size);
    std::copy(leaves.begin(), leaves.end(), bulk_room(whole).begin());
    RC_ASSERT(finish_bulk(whole, header));
    RC_ASSERT(to_bytes(without_tag(whole).view()) == to_bytes(without_tag(*built).view()));
  }));
}

TEST(overlay_frame, counts_that_do_not_fit_the_bytes_are_refused) {
  const bytes two_leaves(2 * leaf_size);
  EXPECT_FALSE(build_bulk({1, 1, 0, 1}, two_leaves));
  EXPECT_FALSE(build_bulk({1, 1, 0, 3}, two_leaves));
  EXPECT_FALSE(build_bulk({1, 1, 0, 0}, {}));
  EXPECT_FALSE(build_bulk({1, 1, 0, 4}, bytes(4 * leaf_size)));
  auto whole = allocate_bulk(leaf_size);
  EXPECT_FALSE(finish_bulk(whole, {1, 1, 0, 2}));
  auto good = without_tag(*build_bulk({1, 1, 0, 2}, two_leaves));
  EXPECT_FALSE(parse_frame(good.slice(0, bulk_header_size + leaf_size)));  // one leaf says it is two
  EXPECT_TRUE(parse_frame(good.slice(0, bulk_header_size + leaf_size + 1)));
  EXPECT_FALSE(parse_frame(good.slice(0, bulk_header_size - 1)));
  const bulk_header none{0, 1, 0, 2};
  EXPECT_FALSE(parse_frame(without_tag(*build_bulk(none, two_leaves)))) << "channel 0";
}

TEST(overlay_frame, kinds_of_later_versions_are_told_apart_from_rubbish) {
  bytes raw(32, 0);
  raw[0] = 9;
  const auto parsed = parse_frame(frame::copy_of(raw));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(std::get<unknown_frame>(*parsed).kind, 9);
  auto flagged = frame::copy_of(without_tag(*build_bulk({1, 1, 0, 1}, bytes(5))).view());
  flagged.mutable_data()[1] = 1;
  EXPECT_TRUE(std::holds_alternative<unknown_frame>(parse_frame(flagged).value()));
  EXPECT_FALSE(parse_frame(frame{}));
  EXPECT_FALSE(parse_frame(frame::copy_of(bytes(8, 0))));
  EXPECT_FALSE(parse_frame(frame::copy_of(bytes(max_plaintext_size + 1, 9))));
}

TEST(overlay_frame, any_bytes_are_survived) {
  EXPECT_TRUE(rc::check("parse anything", [](const bytes& raw) {
    const auto parsed = parse_frame(frame::copy_of(raw));
    if (!parsed) return;
    if (const auto* data = std::get_if<bulk_frame>(&*parsed))
      RC_ASSERT(leaves_fit(data->header.count, data->body.size()));
  }));
}

class frame_cipher_pair : public testing::Test {
 protected:
  frame sealed(std::uint8_t text) {
    auto out = frame::allocate(1 + frame_tag_size);
    out.mutable_data()[0] = text;
    sender_.seal(out.mutable_view());
    return out;
  }
  digest key_{{{1, 2, 3}}};
  frame_cipher sender_{key_, 4}, receiver_{key_, 4};
};

TEST_F(frame_cipher_pair, frames_open_in_order_across_rekeying) {
  for (std::uint8_t i = 0; i < 20; ++i) {
    auto packet = sealed(i);
    ASSERT_TRUE(receiver_.open(packet.mutable_view())) << int{i};
    EXPECT_EQ(packet.data()[0], i);
  }
  EXPECT_EQ(receiver_.next(), 20u);
}

TEST_F(frame_cipher_pair, the_key_really_changes_where_the_protocol_says) {
  frame_cipher never(key_, 1u << 20);
  for (std::uint8_t i = 0; i < 4; ++i) {
    auto packet = sealed(i);
    ASSERT_TRUE(never.open(packet.mutable_view()));
  }
  auto fifth = sealed(4);
  auto copy = frame::copy_of(fifth.view());
  EXPECT_FALSE(never.open(fifth.mutable_view()));
  // By hand, as docs/protocol.md defines it.
  crypto::aead next(crypto::hmac_sha256(key_.view(), crypto::as_bytes("vsf-overlay-rekey-v1")));
  EXPECT_TRUE(next.open(4, {}, copy.mutable_view()));
}

TEST_F(frame_cipher_pair, replayed_reordered_and_damaged_frames_are_refused) {
  auto first = sealed(1);
  const auto again = frame::copy_of(first.view());
  const auto second = sealed(2);
  EXPECT_TRUE(receiver_.open(first.mutable_view()));
  auto replayed = again;
  EXPECT_FALSE(receiver_.open(replayed.mutable_view()));
  auto damaged = frame::copy_of(second.view());
  damaged.mutable_data()[3] ^= 1;
  EXPECT_FALSE(receiver_.open(damaged.mutable_view()));
  std::array<std::uint8_t, 15> tiny{};
  EXPECT_FALSE(receiver_.open(tiny));
  frame_cipher late(key_, 4);
  auto skipped = frame::copy_of(second.view());
  EXPECT_FALSE(late.open(skipped.mutable_view())) << "frame 1 where frame 0 is due";
}

}  // namespace
}  // namespace vsf::overlay
