#include "tests/net/soulseek/support.hpp"

namespace vsf::soulseek::tests {
namespace {

/// Frames made by Nicotine+, read and written again.
template <class Frames>
void both_ways(const nlohmann::json& vector) {
  const auto framed = hex_of(vector);
  const auto name = vector.at("name").get<std::string>();
  frame_splitter splitter(peer_frame_limit, Frames::code_size);
  splitter.feed(framed);
  const auto front = splitter.front();
  const auto frame = splitter.next();
  ASSERT_TRUE(front && frame) << name;
  EXPECT_EQ(front->code, vector.at("code").get<std::uint32_t>());
  EXPECT_EQ(front->length + 4, framed.size());
  const auto read = Frames::decode(*frame);
  ASSERT_TRUE(read) << name << ": " << to_string(read.error());
  EXPECT_FALSE(std::holds_alternative<unknown>(*read)) << name;
  const auto again = encode_any(*read);
  if constexpr (std::is_same_v<Frames, peer_frames>) {
    EXPECT_EQ(to_hex(plain_of(again)), to_hex(plain_of(framed))) << name;
  } else {
    EXPECT_EQ(to_hex(again), to_hex(framed)) << name;
  }
  if (vector.contains("inflated")) {
    EXPECT_EQ(to_hex(byte_view(plain_of(again)).subspan(4)), vector.at("inflated").get<std::string>());
  }
}

TEST(soulseek_nicotine, every_vector_both_ways) {
  std::size_t seen = 0;
  for (const auto& vector : vectors_of("nicotine")) {
    const auto kind = vector.at("kind").get<std::string>();
    if (kind == "server")
      both_ways<to_server_frames>(vector);
    else if (kind == "init")
      both_ways<init_frames>(vector);
    else if (kind == "peer")
      both_ways<peer_frames>(vector);
    else if (kind == "distrib")
      both_ways<distributed_frames>(vector);
    else
      ASSERT_EQ(kind, "file");
    ++seen;
  }
  EXPECT_GT(seen, 60U);
}

nlohmann::json named(const std::string& name, const std::string& note = "") {
  for (const auto& vector : vectors_of("nicotine"))
    if (vector.at("name") == name && vector.at("note") == note) return vector;
  throw std::runtime_error("no vector " + name);
}

TEST(soulseek_nicotine, login_is_made_with_its_hash) {
  const auto made = make_login("username", "password", 177, 1);
  EXPECT_EQ(made.md5, "d51c9a7e9353746a6020f9602d452929");
  EXPECT_EQ(made.major_version, 177U);
  const auto read =
      decode_to_server(unframed(hex_of(named("Login", "spec example: d51c9a7e9353746a6020f9602d452929"))));
  EXPECT_EQ(std::get<to_server::login>(read.value()).md5, made.md5);
}

TEST(soulseek_nicotine, search_response_says_what_it_holds) {
  const auto framed = hex_of(named("FileSearchResponse", "with private results"));
  const auto read = decode_peer(unframed(framed)).value();
  const auto& response = std::get<peer::file_search_response>(read);
  EXPECT_EQ(response.username, "me");
  EXPECT_EQ(response.token, 1234U);
  ASSERT_EQ(response.files.size(), 1U);
  EXPECT_EQ(response.files[0].name, "lab\\Artist\\Album\\01 - T\xC3\xAFtle.mp3");
  EXPECT_EQ(response.files[0].size, 0x500000U);
  EXPECT_EQ(response.files[0].attrs, (attributes{.bitrate = 320, .duration = 215, .vbr = 0}));
  ASSERT_TRUE(response.private_files);
  ASSERT_EQ(response.private_files->size(), 1U);
  EXPECT_EQ(response.private_files->at(0).attrs,
            (attributes{.duration = 301, .sample_rate = 96000, .bit_depth = 24}));
}

TEST(soulseek_nicotine, file_links) {
  EXPECT_EQ(encode_token(99), hex_of(named("FileTransferInit")));
  EXPECT_EQ(encode_offset(0x200000001), hex_of(named("FileOffset")));
  EXPECT_EQ(decode_token(hex_of(named("FileTransferInit"))).value(), 99U);
  EXPECT_EQ(decode_offset(hex_of(named("FileOffset"))).value(), 0x200000001U);
  EXPECT_EQ(decode_token(bytes(3)).error(), fault::truncated);
  EXPECT_EQ(decode_offset(bytes(7)).error(), fault::truncated);
}

}  // namespace
}  // namespace vsf::soulseek::tests
