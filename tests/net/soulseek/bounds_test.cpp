#include "tests/net/soulseek/support.hpp"

namespace vsf::soulseek::tests {
namespace {

void append(bytes& out, std::uint32_t x) {
  const auto raw = encode_token(x);
  out.insert(out.end(), raw.begin(), raw.end());
}

bytes peer_frame(std::uint32_t code, const bytes& plain) {
  bytes out = encode_token(code);
  detail::deflate(plain, out);
  return out;
}

bytes search_response(std::uint32_t claimed, std::size_t entries) {
  bytes plain;
  append(plain, 0);  // user
  append(plain, 7);  // token
  append(plain, claimed);
  for (std::size_t i = 0; i < entries; ++i) {
    plain.push_back(1);
    plain.insert(plain.end(), 20, 0);
  }
  plain.insert(plain.end(), 9, 0);
  return peer_frame(peer::file_search_response::code, plain);
}

TEST(soulseek_bounds, a_count_that_lies_is_truncated) {
  for (const std::uint32_t claimed : {2U, 1000U, 1U << 31U, 0xFFFFFFFFU}) {
    EXPECT_EQ(decode_peer(search_response(claimed, 1)).error(), fault::truncated) << claimed;
    auto users = encode_token(from_server::privileged_users::code);
    append(users, claimed);
    append(users, 0);
    EXPECT_EQ(decode_from_server(users).error(), fault::truncated) << claimed;
  }
  auto name = encode_token(peer::queue_upload::code);
  append(name, 0xFFFFFFFF);
  EXPECT_EQ(decode_peer(name).error(), fault::truncated);
}

TEST(soulseek_bounds, a_hundred_thousand_results_and_no_more) {
  const auto most = decode_peer(search_response(100'000, 100'000));
  ASSERT_TRUE(most);
  EXPECT_EQ(std::get<peer::file_search_response>(*most).files.size(), 100'000U);
  EXPECT_EQ(decode_peer(search_response(100'001, 100'001)).error(), fault::too_many_items);
  peer_limits few;
  few.results = 10;
  EXPECT_TRUE(decode_peer(search_response(10, 10), few));
  EXPECT_EQ(decode_peer(search_response(11, 11), few).error(), fault::too_many_items);
}

TEST(soulseek_bounds, lists_of_a_million) {
  auto users = encode_token(from_server::privileged_users::code);
  append(users, max_list_items + 1);
  users.resize(users.size() + 4 * (max_list_items + 1));
  EXPECT_EQ(decode_from_server(users).error(), fault::too_many_items);
}

TEST(soulseek_bounds, files_of_all_folders_count_together) {
  peer::folder_contents_response contents{.token = 1, .folder = "a", .folders = {}};
  for (int i = 0; i < 4; ++i) contents.folders.push_back({"f", std::vector<file>(3)});
  peer::shared_file_list_response shares{.folders = contents.folders, .private_folders = std::nullopt};
  peer_limits limits;
  limits.listed_files = 12;
  EXPECT_TRUE(decode_peer(unframed(encode(contents)), limits));
  EXPECT_TRUE(decode_peer(unframed(encode(shares)), limits));
  limits.listed_files = 11;
  EXPECT_EQ(decode_peer(unframed(encode(contents)), limits).error(), fault::too_many_items);
  EXPECT_EQ(decode_peer(unframed(encode(shares)), limits).error(), fault::too_many_items);
}

TEST(soulseek_bounds, zlib_bombs) {
  for (const auto code : {peer::file_search_response::code, peer::folder_contents_response::code,
                          peer::shared_file_list_response::code}) {
    const auto bomb = peer_frame(code, bytes(3UL << 20));
    peer_limits limits;
    limits.search_response.size = limits.folder_contents.size = limits.shares.size = 2UL << 20;
    EXPECT_EQ(decode_peer(bomb, limits).error(), fault::inflates_too_far) << code;
    // By the ratio alone.
    const auto small = peer_frame(code, bytes(1UL << 20));
    limits.search_response.ratio = limits.folder_contents.ratio = limits.shares.ratio = 100;
    EXPECT_EQ(decode_peer(small, limits).error(), fault::inflates_too_far) << code;
  }
  // The beginning, up to 64 KiB, is free of the ratio.
  EXPECT_TRUE(
      detail::inflate(byte_view(peer_frame(5, bytes(60'000))).subspan(4), {.size = 1UL << 20, .ratio = 2}));
}

TEST(soulseek_bounds, bodies_that_are_no_zlib_or_do_not_end) {
  for (const auto code : {5U, 9U, 37U}) {
    auto frame = encode_token(code);
    EXPECT_EQ(decode_peer(frame).error(), fault::bad_zlib);
    frame.insert(frame.end(), 30, 0xAA);
    EXPECT_EQ(decode_peer(frame).error(), fault::bad_zlib);
    auto cut = peer_frame(code, bytes(100));
    cut.pop_back();
    EXPECT_EQ(decode_peer(cut).error(), fault::bad_zlib);
    // A good stream with too little in it.
    EXPECT_EQ(decode_peer(peer_frame(code, bytes(3))).error(), fault::truncated);
  }
}

TEST(soulseek_bounds, values_without_meaning) {
  auto direction = encode(peer::transfer_request{});
  direction[8] = 2;
  EXPECT_EQ(decode_peer(unframed(direction)).error(), fault::malformed);
  auto type = encode(init::peer_init{"me", connection_type::file, 0});
  type[type.size() - 5] = 'X';
  EXPECT_EQ(decode_init(unframed(type)).error(), fault::malformed);
  for (const auto f : {fault::truncated, fault::oversize, fault::bad_zlib, fault::inflates_too_far,
                       fault::too_many_items, fault::malformed})
    EXPECT_FALSE(to_string(f).empty());
}

}  // namespace
}  // namespace vsf::soulseek::tests
