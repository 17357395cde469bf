#include "actors/shadow_index/keys.hpp"

#include <gtest/gtest.h>

// The expected values were computed apart from this code: SHA-1 by Python's hashlib, names by Python's
// unicodedata and ICU's C interface (the command uconv cuts text into pieces and so transliterates some of it
// otherwise).

namespace vsf::shadow_index {
namespace {

const mbid known = *parse_mbid("B1A9C0E9-d987-4042-ae91-78d6a3267d69");

TEST(keys, recording) { EXPECT_EQ(to_hex(recording_key(known)), "1e6dce82aef239e7fb98dde451e8b9bcf6324871"); }

TEST(keys, release) { EXPECT_EQ(to_hex(release_key(known)), "573fc056e7f22e6ac8cdf626f337dde5b99b0d30"); }

TEST(keys, scene) {
  EXPECT_EQ(to_hex(scene_key("scene:label:warp-records")), "6ca5953ac4d32b08d1c5fb1f50520a361b2334ec");
  EXPECT_EQ(to_hex(scene_key("scene:genre:idm")), "73e4de0a0df4a32e0851abe993407ed347825405");
}

TEST(keys, names) {
  EXPECT_EQ(to_hex(name_key("Björk", "Jóga")), "ecbb498eff55ffbd0d9f6f328bffea073594bae2");
  EXPECT_EQ(to_hex(name_key("Björk", "")), "2f9f67e88537c8223ec837e86886811cfb273993");
  EXPECT_EQ(to_hex(name_key("", "Jóga")), "6f57dffa6baff99b5da1e17c67da8177fd0b56c5");
  EXPECT_EQ(to_hex(name_key("坂本龍一", "戦場のメリークリスマス")),
            "836b921cfd64d95d6c10ac9ae2e85d5eab7d53af");
}

TEST(keys, a_name_is_found_under_three_keys) {
  const auto keys = name_keys("bjork", "JÓGA!");
  ASSERT_EQ(keys.size(), 3u);
  EXPECT_EQ(keys[0], name_key("Björk", "Jóga"));
  EXPECT_EQ(keys[1], name_key("Björk", ""));
  EXPECT_EQ(keys[2], name_key("", "Jóga"));
}

TEST(keys, names_without_letters_have_no_keys) {
  EXPECT_EQ(name_keys("!!!", "???").size(), 0u);
  EXPECT_EQ(name_keys("!!!", "Yadnus").size(), 1u);
  EXPECT_EQ(name_keys("Weezer", "weezer").size(), 2u);
}

TEST(keys, normalised_names) {
  const std::pair<const char*, const char*> cases[] = {
      {"Björk", "bjork"},
      {"Sigur Rós", "sigurros"},
      {"坂本龍一", "banbenlongyi"},
      {"Мумий Тролль", "mumijtroll"},
      {"Ænima", "aenima"},
      {"Straße", "strasse"},
      {"サカナクション", "sakanakushon"},
      {"メリー", "meri"},
      {"!!!", ""},
      {"Autechre (feat. X) №9", "autechrefeatxno9"},
      {"ﬁn ２", "fin2"},
      {"محمد", "mhmd"},
      {"נעמי", "nmy"},
      {"한대수", "handaesu"},
      {"Ολύμπιος", "olympios"},
      {"Motörhead™", "motorheadtm"},
      {"©opy", "Copy"},  // the sign becomes a letter after the folding
      {"Ⅷ", "viii"},
      {"m²", "m2"},
      {"İstanbul", "istanbul"},
      {"Ǆ", "dz"},
      {"हिन्दी", "hindi"},
      {"ไทย", "thiy"},
      {"AC/DC", "acdc"},
      {"Bjo\xcc\x88rk", "bjork"},  // decomposed
      {"a\xff\xfe"
       "b",
       "ab"},  // malformed
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(normalise_name(in), out) << in;
}

}  // namespace
}  // namespace vsf::shadow_index
