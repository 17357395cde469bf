#include "storage/key_codec.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace vsf::storage {
namespace {

TEST(key_codec, the_order_of_keys_is_the_order_of_numbers) {
  EXPECT_TRUE(rc::check("order", [](std::uint64_t a, std::uint64_t x, std::uint32_t c, std::uint32_t d) {
    RC_ASSERT((key_builder().number(a).take() < key_builder().number(x).take()) == (a < x));
    RC_ASSERT((key_builder().number(a).number(c).take() < key_builder().number(x).number(d).take()) ==
              (std::pair(a, c) < std::pair(x, d)));
  }));
}

TEST(key_codec, takes_apart_what_was_built) {
  EXPECT_TRUE(rc::check("round trip", [](std::uint64_t a, std::uint16_t c, const std::string& text) {
    mbid id;
    for (auto& x : id) x = *rc::gen::arbitrary<std::uint8_t>();
    const auto key = key_builder().byte(9).number(a).fixed(id).number(c).text(text).take();
    RC_ASSERT(key.size() == 1 + 8 + 16 + 2 + text.size());
    key_reader reader(key);
    RC_ASSERT(reader.number<std::uint8_t>() == std::uint8_t{9});
    RC_ASSERT(reader.number<std::uint64_t>() == a);
    RC_ASSERT(reader.fixed<mbid>() == id);
    RC_ASSERT(reader.number<std::uint16_t>() == c);
    RC_ASSERT(reader.text() == text);
    RC_ASSERT(reader.at_end());
  }));
}

TEST(key_codec, reading_past_the_end_gives_nothing) {
  const bytes key{1, 2, 3};
  key_reader reader(key);
  EXPECT_EQ(reader.number<std::uint32_t>(), std::nullopt);
  EXPECT_EQ(reader.fixed<mbid>(), std::nullopt);
  EXPECT_EQ(reader.number<std::uint16_t>(), 0x0102);
  EXPECT_EQ(reader.text(), "\3");
  EXPECT_TRUE(reader.at_end());
}

TEST(key_codec, the_end_of_a_prefix_is_after_all_its_keys_and_before_all_others) {
  EXPECT_EQ(end_of_prefix(bytes{}), bytes{});
  EXPECT_EQ(end_of_prefix(bytes{0xFF, 0xFF}), bytes{});
  EXPECT_EQ(end_of_prefix(bytes{1, 0xFF}), bytes{2});
  EXPECT_TRUE(rc::check("prefix", [](const bytes& prefix, const bytes& other) {
    const auto end = end_of_prefix(prefix);
    auto longer = prefix;
    longer.insert(longer.end(), other.begin(), other.end());
    RC_ASSERT(end.empty() || longer < end);
    const bool starts =
        other.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), other.begin());
    const bool inside = other >= prefix && (end.empty() || other < end);
    RC_ASSERT(starts == inside);
  }));
}

}  // namespace
}  // namespace vsf::storage
