#include "net/soulseek/obfuscation.hpp"
#include "tests/net/soulseek/generators.hpp"

namespace vsf::soulseek::tests {
namespace {

/// Gives the next piece of `rest`, of arbitrary length.
byte_view piece(byte_view& rest) {
  const auto n = *rc::gen::inRange<std::size_t>(1, 30);
  const auto out = rest.first(std::min(n, rest.size()));
  rest = rest.subspan(out.size());
  return out;
}

bytes some_frames(std::vector<bytes>& frames) {
  bytes stream;
  const auto n = *rc::gen::inRange(0, 6);
  for (int i = 0; i < n; ++i) {
    const auto framed = encode(peer::queue_upload{any<std::string>::make()});
    frames.emplace_back(framed.begin() + 4, framed.end());
    stream.insert(stream.end(), framed.begin(), framed.end());
  }
  return stream;
}

TEST(soulseek_splitter, cut_anywhere_the_frames_are_the_same) {
  EXPECT_TRUE(rc::check([] {
    std::vector<bytes> frames;
    std::vector<bytes> got;
    const auto stream = some_frames(frames);
    frame_splitter splitter(1000, wide_code);
    for (byte_view rest = stream; !rest.empty();) {
      splitter.feed(piece(rest));
      while (const auto frame = splitter.next()) got.emplace_back(frame->begin(), frame->end());
    }
    RC_ASSERT(got == frames);
    RC_ASSERT(!splitter.error());
    RC_ASSERT(splitter.buffered() == 0U);
  }));
}

TEST(soulseek_splitter, a_frame_may_be_streamed) {
  EXPECT_TRUE(rc::check([] {
    std::vector<bytes> frames;
    const auto stream = some_frames(frames);
    bytes got;
    std::size_t begun = 0;
    frame_splitter splitter(1000, wide_code);
    for (byte_view rest = stream; !rest.empty();) {
      splitter.feed(piece(rest));
      do {
        const auto part = splitter.take();
        got.insert(got.end(), part.begin(), part.end());
        RC_ASSERT((splitter.streaming() == 0 || !splitter.next()));
      } while (splitter.streaming() == 0 && splitter.stream_front() && ++begun);
    }
    bytes bodies;
    for (const auto& frame : frames) bodies.insert(bodies.end(), frame.begin() + 4, frame.end());
    RC_ASSERT(got == bodies);
    RC_ASSERT(begun == frames.size());
  }));
}

TEST(soulseek_splitter, lying_lengths) {
  frame_splitter oversize(1000, wide_code);
  oversize.feed(encode_token(1001));
  EXPECT_FALSE(oversize.next());
  EXPECT_EQ(oversize.error(), fault::oversize);
  oversize.feed(bytes(5000));
  EXPECT_EQ(oversize.buffered(), 4U);
  EXPECT_FALSE(oversize.front());

  frame_splitter malformed(1000, wide_code);
  malformed.feed(encode_token(3));
  EXPECT_FALSE(malformed.next());
  EXPECT_EQ(malformed.error(), fault::malformed);

  // At the limit it only waits; it keeps what came, not what was promised.
  frame_splitter waiting(peer_frame_limit, wide_code);
  waiting.feed(encode_token(peer_frame_limit));
  waiting.feed(bytes(1));
  EXPECT_FALSE(waiting.next());
  EXPECT_FALSE(waiting.error());
  EXPECT_EQ(waiting.buffered(), 5U);

  frame_splitter empty(1000, narrow_code);
  empty.feed(bytes(8));
  empty.feed(encode(distributed::ping{}));
  EXPECT_TRUE(empty.next());
}

TEST(soulseek_splitter, what_is_left_goes_on_without_frames) {
  frame_splitter splitter(init_frame_limit, narrow_code);
  auto stream = encode(init::pierce_firewall{5});
  const auto token = encode_token(9);
  stream.insert(stream.end(), token.begin(), token.end());
  splitter.feed(stream);
  ASSERT_TRUE(splitter.next());
  EXPECT_EQ(splitter.drain(), token);
  EXPECT_EQ(splitter.buffered(), 0U);
}

TEST(soulseek_obfuscation, the_known_message) {
  const auto raw = from_hex("1494ee4a2028dd952850ba2b4aa37457").value();
  deobfuscator it;
  EXPECT_EQ(to_hex(it.feed(raw)), "0800000079000000e8030000");
  EXPECT_TRUE(it.at_boundary());

  struct fixed_key final : crypto::random_source {
    void fill(std::span<std::uint8_t> out) override {
      const auto key = from_hex("1494ee4a").value();
      std::copy(key.begin(), key.end(), out.begin());
    }
  } random;
  EXPECT_EQ(obfuscator(random).wrap(encode(to_server::send_upload_speed{1000})), raw);
}

TEST(soulseek_obfuscation, a_message_in_parts_is_the_same) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed, const std::vector<bytes>& parts) {
    crypto::seeded_random one(seed), other(seed);
    bytes framed;
    obfuscated_message message(one);
    bytes hidden(message.key().begin(), message.key().end());
    for (const auto& part : parts) {
      framed.insert(framed.end(), part.begin(), part.end());
      hidden.resize(hidden.size() + part.size());
      message.hide(part, hidden.data() + hidden.size() - part.size());
    }
    RC_ASSERT(hidden == obfuscator(other).wrap(framed));
  }));
}

TEST(soulseek_obfuscation, a_stream_of_messages_cut_anywhere) {
  EXPECT_TRUE(rc::check([] {
    crypto::seeded_random random(*rc::gen::arbitrary<std::uint64_t>());
    obfuscator out(random);
    bytes plain;
    bytes hidden;
    const auto n = *rc::gen::inRange(0, 6);
    for (int i = 0; i < n; ++i) {
      const auto framed = encode(peer::queue_upload{any<std::string>::make()});
      const auto wrapped = out.wrap(framed);
      RC_ASSERT(wrapped.size() == framed.size() + 4);
      plain.insert(plain.end(), framed.begin(), framed.end());
      hidden.insert(hidden.end(), wrapped.begin(), wrapped.end());
    }
    deobfuscator in;
    bytes got;
    for (byte_view rest = hidden; !rest.empty();) {
      const auto part = in.feed(piece(rest));
      got.insert(got.end(), part.begin(), part.end());
    }
    RC_ASSERT(got == plain);
    RC_ASSERT(in.at_boundary());
  }));
}

TEST(soulseek_obfuscation, the_plain_goes_on_behind_one_message) {
  crypto::seeded_random random(1);
  const auto framed = encode(init::peer_init{"me", connection_type::file, 0});
  auto stream = obfuscator(random).wrap(framed);
  const auto token = encode_token(77);
  stream.insert(stream.end(), token.begin(), token.end());
  deobfuscator in;
  byte_view rest = stream;
  EXPECT_EQ(in.feed_one(rest), framed);
  EXPECT_EQ(bytes(rest.begin(), rest.end()), token);
}

}  // namespace
}  // namespace vsf::soulseek::tests
