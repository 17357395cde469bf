#include <gtest/gtest.h>

#include "net/crypto/crypto.hpp"

namespace vsf::crypto {
namespace {

bytes hex(std::string_view text) { return from_hex(text).value(); }
template <class Fixed>
Fixed fixed(std::string_view text) {
  return fixed_from_hex<Fixed>(text).value();
}

TEST(hashes, sha256_of_fips_180) {
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(hashes, incremental_sha256_is_the_same_in_any_pieces) {
  bytes data(100000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  sha256_hasher hasher;
  const auto whole = hasher(data);
  for (const std::size_t piece : {1U, 63U, 64U, 65U, 16384U}) {
    hasher.begin();
    for (std::size_t at = 0; at < data.size(); at += piece)
      hasher.update(byte_view(data).subspan(at, std::min(piece, data.size() - at)));
    EXPECT_EQ(hasher.finish(), whole) << piece;
  }
  EXPECT_EQ(sha256(data), whole);
}

TEST(hashes, an_abandoned_hash_leaves_no_trace) {
  sha256_hasher hasher;
  hasher.begin();
  hasher.update(as_bytes("left behind"));
  EXPECT_EQ(hasher(as_bytes("abc")), sha256(as_bytes("abc")));
}

TEST(hashes, pair_is_the_hash_of_both) {
  const auto left = sha256(as_bytes("left"));
  const auto right = sha256(as_bytes("right"));
  auto both = bytes(left.begin(), left.end());
  both.insert(both.end(), right.begin(), right.end());
  EXPECT_EQ(sha256_hasher().pair(left, right), sha256(both));
  EXPECT_NE(sha256_hasher().pair(right, left), sha256(both));
}

TEST(hashes, sha1_of_fips_180) {
  EXPECT_EQ(to_hex(sha1(as_bytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(to_hex(sha1({})), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(hashes, blake2b256) {
  EXPECT_EQ(to_hex(blake2b256({as_bytes("abc")})),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  EXPECT_EQ(blake2b256({as_bytes("a"), {}, as_bytes("bc")}), blake2b256({as_bytes("abc")}));
}

TEST(hashes, hmac_of_rfc_4231) {
  EXPECT_EQ(to_hex(hmac_sha256(bytes(20, 0x0b), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(bytes(131, 0xaa),
                               as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(hashes, equality_in_constant_time) {
  EXPECT_TRUE(equal_constant_time({}, {}));
  EXPECT_TRUE(equal_constant_time(as_bytes("same"), as_bytes("same")));
  EXPECT_FALSE(equal_constant_time(as_bytes("same"), as_bytes("sane")));
  EXPECT_FALSE(equal_constant_time(as_bytes("same"), as_bytes("sam")));
}

struct signed_example {
  const char* seed;
  const char* identity;
  const char* message;
  const char* signature;
};
/// RFC 8032, section 7.1, tests 1 to 3.
constexpr signed_example rfc8032[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f"
     "0595bbe246551"
     "41438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2ea"
     "eb4302aeeb00d"
     "291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e"
     "9716ed28dc027"
     "beceea1ec40a"},
};

TEST(curves, ed25519_of_rfc_8032) {
  for (const auto& example : rfc8032) {
    const auto key = signing_key::from_seed(fixed<digest>(example.seed));
    EXPECT_EQ(to_hex(key.identity), example.identity);
    const auto message = hex(example.message);
    const auto sig = key.sign({message});
    EXPECT_EQ(to_hex(sig), example.signature);
    EXPECT_TRUE(verify(key.identity, sig, {message}));
  }
}

TEST(curves, x25519_of_rfc_7748) {
  const auto a =
      dh_key::from_secret(fixed<digest>("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
  const auto b =
      dh_key::from_secret(fixed<digest>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  EXPECT_EQ(to_hex(a.key), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(to_hex(b.key), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  EXPECT_EQ(to_hex(shared_secret(a, b.key).value()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST(curves, low_order_points_are_refused) {
  system_random random;
  const auto mine = dh_key::generate(random);
  for (const auto* low : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"})
    EXPECT_FALSE(shared_secret(mine, fixed<static_key>(low))) << low;
}

/// RFC 7539, A.5: the example whose nonce starts with four zero bytes, as Noise's do.
TEST(ciphers, chacha20_poly1305_of_rfc_7539) {
  const auto key = fixed<digest>("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
  const auto associated = hex("f33388860000000000004e91");
  const std::uint64_t nonce = 0x0807060504030201;
  const std::string_view text =
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, "
      "or obsoleted "
      "by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or "
      "to cite them "
      "other than as /\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
  const auto expected =
      hex("64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0bd"
          "b7b73c321b0100"
          "d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c1"
          "86324e2b350638"
          "3606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf"
          "4534d7f83fa115"
          "5b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073"
          "a6727627097a10"
          "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b"
          "eead9d67890cbb22392336fea1851f38");
  const auto view = as_bytes(text);
  bytes buffer(view.begin(), view.end());
  buffer.resize(buffer.size() + tag_size);
  aead cipher(key);
  cipher.seal(nonce, associated, buffer);
  EXPECT_EQ(to_hex(buffer), to_hex(expected));
  ASSERT_TRUE(cipher.open(nonce, associated, buffer));
  EXPECT_EQ(to_hex(byte_view(buffer).first(view.size())), to_hex(view));
}

}  // namespace
}  // namespace vsf::crypto
