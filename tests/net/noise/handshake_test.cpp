#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "net/noise/handshake.hpp"

namespace vsf::noise {
namespace {

constexpr std::string_view prologue_text = "vsf test";

/// Two sides that share a reproducible source of randomness.
struct two_sides {
  crypto::seeded_random random;
  crypto::dh_key initiator_key;
  crypto::dh_key responder_key;
  handshake initiator;
  handshake responder;

  explicit two_sides(pattern p, std::uint64_t seed = 1, std::string_view responder_prologue = prologue_text)
      : random(seed),
        initiator_key(crypto::dh_key::generate(random)),
        responder_key(crypto::dh_key::generate(random)),
        initiator(handshake::initiator(p, crypto::as_bytes(prologue_text), initiator_key, responder_key.key,
                                       random)),
        responder(handshake::responder(p, crypto::as_bytes(responder_prologue), responder_key, random)) {}
  two_sides(const two_sides&) = delete;
  two_sides& operator=(const two_sides&) = delete;

  handshake& writer(std::size_t step) { return step % 2 == 0 ? initiator : responder; }
  handshake& reader(std::size_t step) { return step % 2 == 0 ? responder : initiator; }
  /// Delivers messages until the one of number `step` is next.
  void run_until(std::size_t step) {
    for (std::size_t i = 0; i < step; ++i) {
      const auto message = writer(i).write({}).value();
      if (!reader(i).read(message)) throw std::logic_error("an honest handshake failed");
    }
  }
};

std::size_t steps(pattern p) { return p == pattern::xx ? 3 : 2; }
rc::Gen<pattern> any_pattern() { return rc::gen::element(pattern::xx, pattern::ik); }

void expect_dead(handshake& side) {
  RC_ASSERT_FALSE(side.my_turn());
  RC_ASSERT_FALSE(side.finished());
  RC_ASSERT_FALSE(side.read({}).has_value());
  RC_ASSERT_FALSE(side.write({}).has_value());
  RC_ASSERT_THROWS_AS(side.split(), std::logic_error);
}

RC_GTEST_PROP(noise, payloads_arrive_and_keys_agree, (std::uint64_t seed)) {
  const auto p = *any_pattern();
  two_sides sides(p, seed);
  for (std::size_t step = 0; step < steps(p); ++step) {
    const auto payload = *rc::gen::arbitrary<bytes>();
    const auto size = sides.writer(step).message_size(payload.size());
    RC_ASSERT(sides.writer(step).my_turn());
    const auto message = sides.writer(step).write(payload);
    RC_ASSERT(message.has_value() && message->size() == size);
    RC_ASSERT(sides.reader(step).read(*message) == payload);
  }
  RC_ASSERT(sides.initiator.finished() && sides.responder.finished());
  RC_ASSERT(sides.initiator.remote_static() == sides.responder_key.key);
  RC_ASSERT(sides.responder.remote_static() == sides.initiator_key.key);
  const auto a = sides.initiator.split();
  const auto b = sides.responder.split();
  RC_ASSERT(a.send == b.receive && a.receive == b.send && a.handshake_hash == b.handshake_hash);
  RC_ASSERT(a.send != a.receive);
}

/// The first message of XX is plain text: changing it is only noticed by the initiator, in the second.
bool is_plain(pattern p, std::size_t step) { return p == pattern::xx && step == 0; }

void continue_after_plain(two_sides& sides) {
  const auto answer = sides.responder.write({});
  if (!answer) return;  // the changed key was a low-order point
  RC_ASSERT_FALSE(sides.initiator.read(*answer).has_value());
  expect_dead(sides.initiator);
}

RC_GTEST_PROP(noise, a_flipped_bit_in_any_message_ends_the_handshake, (std::uint64_t seed)) {
  const auto p = *any_pattern();
  const auto step = *rc::gen::inRange<std::size_t>(0, steps(p));
  two_sides sides(p, seed);
  sides.run_until(step);
  auto message = sides.writer(step).write(*rc::gen::arbitrary<bytes>()).value();
  const auto bit = *rc::gen::inRange<std::size_t>(0, message.size() * 8);
  // X25519 ignores the top bit of a key, but the transcript hash does not.
  message[bit / 8] = static_cast<std::uint8_t>(message[bit / 8] ^ (1U << (bit % 8)));
  const auto got = sides.reader(step).read(message);
  if (is_plain(p, step)) return continue_after_plain(sides);
  RC_ASSERT_FALSE(got.has_value());
  expect_dead(sides.reader(step));
}

RC_GTEST_PROP(noise, a_truncated_or_longer_message_ends_the_handshake, (std::uint64_t seed)) {
  const auto p = *any_pattern();
  const auto step = *rc::gen::inRange<std::size_t>(0, steps(p));
  two_sides sides(p, seed);
  sides.run_until(step);
  const bytes payload(*rc::gen::inRange<std::size_t>(0, 100));
  auto message = sides.writer(step).write(payload).value();
  const auto whole = message.size();
  message.resize(*rc::gen::distinctFrom(rc::gen::inRange<std::size_t>(0, 2 * whole), whole));
  const auto got = sides.reader(step).read(message);
  if (is_plain(p, step) && message.size() >= 32) return continue_after_plain(sides);
  RC_ASSERT_FALSE(got.has_value());
  expect_dead(sides.reader(step));
}

RC_GTEST_PROP(noise, noise_instead_of_a_message_ends_the_handshake, (std::uint64_t seed)) {
  const auto p = *any_pattern();
  const auto step = *rc::gen::inRange<std::size_t>(0, steps(p));
  two_sides sides(p, seed);
  sides.run_until(step);
  (void)sides.writer(step).write({});  // lost on the way
  bytes garbage(*rc::gen::inRange<std::size_t>(0, 2000));
  sides.random.fill(garbage);
  const auto got = sides.reader(step).read(garbage);
  if (is_plain(p, step) && garbage.size() >= 32) return continue_after_plain(sides);
  RC_ASSERT_FALSE(got.has_value());
  expect_dead(sides.reader(step));
}

class both_patterns : public testing::TestWithParam<pattern> {};
INSTANTIATE_TEST_SUITE_P(noise, both_patterns, testing::Values(pattern::xx, pattern::ik),
                         [](const auto& p) { return p.param == pattern::xx ? "xx" : "ik"; });

TEST_P(both_patterns, another_prologue_is_noticed) {
  two_sides sides(GetParam(), 2, "vsf other");
  const auto first = sides.initiator.write({}).value();
  const auto got = sides.responder.read(first);
  if (GetParam() == pattern::ik) {
    EXPECT_FALSE(got);
    return;
  }
  ASSERT_TRUE(got);
  EXPECT_FALSE(sides.initiator.read(sides.responder.write({}).value()));
}

TEST_P(both_patterns, a_replayed_first_message_cannot_be_completed) {
  two_sides sides(GetParam(), 3);
  const auto first = sides.initiator.write({}).value();
  auto again =
      handshake::responder(GetParam(), crypto::as_bytes(prologue_text), sides.responder_key, sides.random);
  ASSERT_TRUE(sides.responder.read(first));
  ASSERT_TRUE(again.read(first));
  ASSERT_TRUE(sides.initiator.read(sides.responder.write({}).value()));
  // Fresh ephemeral keys: the second answer means nothing to the initiator's state.
  EXPECT_FALSE(sides.initiator.read(again.write({}).value()));
}

TEST_P(both_patterns, a_low_order_ephemeral_is_refused) {
  two_sides sides(GetParam(), 4);
  auto first = sides.initiator.write({}).value();
  std::fill_n(first.begin(), 32, std::uint8_t{0});
  if (GetParam() == pattern::ik) {
    EXPECT_FALSE(sides.responder.read(first));
  } else {
    ASSERT_TRUE(sides.responder.read(first));
    EXPECT_FALSE(sides.responder.write({}));
    EXPECT_FALSE(sides.responder.my_turn());
  }
}

TEST_P(both_patterns, the_bound_on_a_message) {
  two_sides sides(GetParam(), 5);
  const auto room = max_message_size - sides.initiator.message_size(0);
  EXPECT_THROW(sides.initiator.write(bytes(room + 1)), std::length_error);
  const auto message = sides.initiator.write(bytes(room)).value();
  EXPECT_EQ(message.size(), max_message_size);
  auto longer = message;
  longer.push_back(0);
  two_sides other(GetParam(), 5);
  EXPECT_FALSE(other.responder.read(longer));
  EXPECT_EQ(sides.responder.read(message), bytes(room));
}

TEST_P(both_patterns, out_of_turn) {
  two_sides sides(GetParam(), 6);
  EXPECT_FALSE(sides.initiator.read({}));
  EXPECT_THROW(sides.responder.write({}), std::logic_error);
  EXPECT_THROW(sides.initiator.split(), std::logic_error);
  sides.run_until(steps(GetParam()));
  EXPECT_FALSE(sides.initiator.read({}));
  EXPECT_THROW(sides.initiator.write({}), std::logic_error);
  EXPECT_TRUE(sides.initiator.finished());
}

TEST_P(both_patterns, the_stand_in_suite_completes_and_still_notices_changes) {
  crypto::use(crypto::suite::stand_in);
  two_sides good(GetParam(), 7);
  good.run_until(steps(GetParam()));
  EXPECT_EQ(good.initiator.split().send, good.responder.split().receive);
  two_sides bad(GetParam(), 7);
  bad.run_until(1);
  auto message = bad.responder.write(crypto::as_bytes("payload")).value();
  message.back() ^= 1;
  EXPECT_FALSE(bad.initiator.read(message));
  crypto::use(crypto::suite::real);
}

TEST(noise, ik_needs_the_responders_key) {
  crypto::seeded_random random(8);
  const auto key = crypto::dh_key::generate(random);
  EXPECT_THROW(handshake::initiator(pattern::ik, {}, key, std::nullopt, random), std::invalid_argument);
  auto wrong = handshake::initiator(pattern::ik, {}, key, crypto::dh_key::generate(random).key, random);
  auto responder = handshake::responder(pattern::ik, {}, crypto::dh_key::generate(random), random);
  EXPECT_FALSE(responder.read(wrong.write({}).value()));
}

}  // namespace
}  // namespace vsf::noise
