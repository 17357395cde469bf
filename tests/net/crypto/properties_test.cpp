#include <stdexcept>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "net/crypto/crypto.hpp"
#include "net/crypto/memo.hpp"

namespace vsf::crypto {
namespace {

struct mode {
  const char* name;
  suite kind;
  bool memo;
};
constexpr mode modes[] = {
    {"real", suite::real, false}, {"memoised", suite::real, true}, {"stand_in", suite::stand_in, false}};

/// What must hold whatever computes it: real, remembered, or the simulator's stand-in.
class every_suite : public testing::TestWithParam<mode> {
 protected:
  void SetUp() override {
    use(GetParam().kind);
    memoise(GetParam().memo);
  }
  void TearDown() override {
    use(suite::real);
    memoise(false);
  }
};

INSTANTIATE_TEST_SUITE_P(crypto, every_suite, testing::ValuesIn(modes),
                         [](const auto& param) { return std::string(param.param.name); });

template <class Fixed>
rc::Gen<Fixed> arbitrary_fixed() {
  return rc::gen::map(
      rc::gen::container<std::array<std::uint8_t, Fixed::length>>(rc::gen::arbitrary<std::uint8_t>()),
      [](const auto& raw) { return Fixed::from(raw).value(); });
}

/// Flips one bit of something that has at least one.
template <class Range>
void flip_a_bit(Range& x) {
  const auto bit = *rc::gen::inRange<std::size_t>(0, x.size() * 8);
  x[bit / 8] = static_cast<std::uint8_t>(x[bit / 8] ^ (1U << (bit % 8)));
}

TEST_P(every_suite, a_signature_holds_for_its_message_and_key_only) {
  EXPECT_TRUE(rc::check([] {
    const auto key = signing_key::from_seed(*arbitrary_fixed<digest>());
    const auto message = *rc::gen::arbitrary<bytes>();
    const auto cut = *rc::gen::inRange<std::size_t>(0, message.size() + 1);
    const auto sig = key.sign({message});
    const auto view = byte_view(message);
    RC_ASSERT(verify(key.identity, sig, {message}));
    RC_ASSERT(verify(key.identity, sig, {view.first(cut), view.subspan(cut)}));
    RC_ASSERT(verify(key.identity, sig, {message}));

    auto other_sig = sig;
    flip_a_bit(other_sig);
    RC_ASSERT_FALSE(verify(key.identity, other_sig, {message}));
    auto other_key = key.identity;
    flip_a_bit(other_key);
    RC_ASSERT_FALSE(verify(other_key, sig, {message}));
    auto longer = message;
    longer.push_back(0);
    RC_ASSERT_FALSE(verify(key.identity, sig, {longer}));
    if (!message.empty()) {
      auto other = message;
      flip_a_bit(other);
      RC_ASSERT_FALSE(verify(key.identity, sig, {other}));
      RC_ASSERT_FALSE(verify(key.identity, sig, {view.first(view.size() - 1)}));
    }
  }));
}

TEST_P(every_suite, every_single_flipped_byte_of_a_signature_is_noticed) {
  seeded_random random(1);
  const auto key = signing_key::generate(random);
  bytes message(3000);
  random.fill(message);
  const auto sig = key.sign({message});
  for (std::size_t i = 0; i < sig.size(); ++i) {
    auto bad = sig;
    bad[i] ^= 0x80;
    EXPECT_FALSE(verify(key.identity, bad, {message})) << i;
  }
  for (std::size_t i = 0; i < message.size(); i += 13) {
    auto bad = message;
    bad[i] ^= 1;
    EXPECT_FALSE(verify(key.identity, sig, {bad})) << i;
  }
}

TEST_P(every_suite, both_sides_derive_the_same_secret_and_nobody_else) {
  EXPECT_TRUE(rc::check([] {
    const auto a = dh_key::from_secret(*arbitrary_fixed<digest>());
    const auto b = dh_key::from_secret(*arbitrary_fixed<digest>());
    const auto c = dh_key::from_secret(*arbitrary_fixed<digest>());
    RC_PRE(a.key != b.key && b.key != c.key && a.key != c.key);
    const auto secret = shared_secret(a, b.key);
    RC_ASSERT(secret.has_value());
    RC_ASSERT(secret == shared_secret(b, a.key));
    RC_ASSERT(secret == shared_secret(a, b.key));
    RC_ASSERT(secret != shared_secret(c, b.key));
    RC_ASSERT(secret != shared_secret(c, a.key));
  }));
}

TEST_P(every_suite, the_zero_key_is_unusable) {
  seeded_random random(2);
  const auto a = dh_key::generate(random);
  EXPECT_FALSE(shared_secret(a, static_key{}));
  EXPECT_FALSE(shared_secret(a, static_key{}));
}

TEST_P(every_suite, sealed_text_opens_and_any_change_is_noticed) {
  EXPECT_TRUE(rc::check([] {
    const auto key = *arbitrary_fixed<digest>();
    const auto nonce = *rc::gen::arbitrary<std::uint64_t>();
    const auto associated = *rc::gen::arbitrary<bytes>();
    const auto text = *rc::gen::arbitrary<bytes>();
    auto buffer = text;
    buffer.resize(text.size() + tag_size);
    aead sender(key);
    aead receiver(key);
    sender.seal(nonce, associated, buffer);

    auto changed = buffer;
    flip_a_bit(changed);
    RC_ASSERT_FALSE(receiver.open(nonce, associated, changed));
    changed = buffer;
    RC_ASSERT_FALSE(receiver.open(nonce + 1, associated, changed));
    changed = buffer;
    auto other_key = key;
    flip_a_bit(other_key);
    RC_ASSERT_FALSE(aead(other_key).open(nonce, associated, changed));
    changed = buffer;
    auto more = associated;
    more.push_back(0);
    RC_ASSERT_FALSE(receiver.open(nonce, more, changed));
    changed = buffer;
    changed.pop_back();
    RC_ASSERT_FALSE(receiver.open(nonce, associated, changed));

    // The same receiver, after all these failures.
    changed = buffer;
    RC_ASSERT(receiver.open(nonce, associated, changed));
    changed.resize(text.size());
    RC_ASSERT(changed == text);
  }));
}

TEST_P(every_suite, one_cipher_serves_many_nonces_in_any_order) {
  seeded_random random(3);
  digest key;
  random.fill(key);
  aead cipher(key);
  std::vector<bytes> texts;
  std::vector<bytes> sealed;
  for (std::uint64_t n = 0; n < 50; ++n) {
    bytes text(random.below(5000));
    random.fill(text);
    texts.push_back(text);
    text.resize(text.size() + tag_size);
    cipher.seal(n, {}, text);
    sealed.push_back(text);
  }
  for (std::size_t i = texts.size(); i-- > 0;) {
    ASSERT_TRUE(cipher.open(i, {}, sealed[i])) << i;
    sealed[i].resize(texts[i].size());
    EXPECT_EQ(sealed[i], texts[i]);
  }
}

TEST_P(every_suite, a_text_without_room_for_a_tag) {
  aead cipher(digest{});
  bytes small(tag_size - 1);
  EXPECT_FALSE(cipher.open(0, {}, small));
  EXPECT_FALSE(cipher.open(0, {}, {}));
  EXPECT_THROW(cipher.seal(0, {}, small), std::invalid_argument);
}

TEST(memo, answers_are_remembered_and_counted) {
  memoise(true);
  seeded_random random(4);
  const auto key = signing_key::generate(random);
  const auto sig = key.sign({as_bytes("once")});
  const auto before = memo_stats();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(verify(key.identity, sig, {as_bytes("once")}));
    EXPECT_FALSE(verify(key.identity, sig, {as_bytes("twice")}));
  }
  const auto a = dh_key::generate(random);
  const auto b = dh_key::generate(random);
  EXPECT_EQ(shared_secret(a, b.key), shared_secret(b, a.key));
  const auto after = memo_stats();
  EXPECT_EQ(after.misses - before.misses, 3U);
  EXPECT_EQ(after.hits - before.hits, 19U);
  memoise(false);
  EXPECT_TRUE(verify(key.identity, sig, {as_bytes("once")}));
  EXPECT_EQ(memo_stats().hits, after.hits);
}

TEST(memo, forgets_the_older_half_when_full) {
  memoise(true);
  constexpr std::size_t generation = memo::memo_entries / 16 / 2;
  // All in one of the sixteen parts, which byte 8 chooses.
  const auto question = [](std::size_t i) {
    auto out = sha256(as_bytes(std::to_string(i)));
    out[8] = 0;
    return out;
  };
  const auto before = memo_stats().dropped;
  for (std::size_t i = 0; i < 2 * generation; ++i) memo::keep_verdict(question(i), i % 3 == 0);
  EXPECT_EQ(memo_stats().dropped, before);
  EXPECT_EQ(memo::find_verdict(question(0)), true);
  for (std::size_t i = 2 * generation; i < 3 * generation; ++i) memo::keep_verdict(question(i), i % 3 == 0);
  EXPECT_GE(memo_stats().dropped - before, generation);
  EXPECT_EQ(memo::find_verdict(question(1)), std::nullopt);
  EXPECT_EQ(memo::find_verdict(question(3 * generation - 1)), (3 * generation - 1) % 3 == 0);
  memoise(false);
}

TEST(stand_in, differs_from_the_real_thing_and_is_the_same_on_every_machine) {
  const auto real = signing_key::from_seed(digest{});
  use(suite::stand_in);
  const auto fake = signing_key::from_seed(digest{});
  const auto sig = fake.sign({as_bytes("vsf")});
  use(suite::real);
  EXPECT_NE(real.identity, fake.identity);
  EXPECT_FALSE(verify(fake.identity, sig, {as_bytes("vsf")}));
  // Pinned, since traces of simulations depend on them.
  EXPECT_EQ(to_hex(fake.identity.view().first(8)), "c6075e555ab01505");
  EXPECT_EQ(to_hex(sig.view().first(8)), "405f61bb189c1bab");
}

}  // namespace
}  // namespace vsf::crypto
