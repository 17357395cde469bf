#include "tests/net/soulseek/generators.hpp"

namespace vsf::soulseek::tests {
namespace {

template <class Frames>
class soulseek_frames : public testing::Test {};
using families =
    testing::Types<to_server_frames, from_server_frames, init_frames, peer_frames, distributed_frames>;
TYPED_TEST_SUITE(soulseek_frames, families);

template <class Frames, class Visit>
void every(Visit visit) {
  every_message(std::type_identity<typename Frames::message>(), visit);
}

TYPED_TEST(soulseek_frames, what_is_written_is_read) {
  EXPECT_TRUE(rc::check([] {
    every<TypeParam>([]<class M>(const M& message) {
      const auto framed = encode(message);
      frame_splitter splitter(peer_frame_limit, TypeParam::code_size);
      splitter.feed(framed);
      RC_ASSERT(splitter.front()->code == M::code);
      const auto frame = splitter.next();
      RC_ASSERT(frame.has_value());
      RC_ASSERT(frame->size() + 4 == framed.size());
      const auto read = TypeParam::decode(*frame);
      RC_ASSERT(read.has_value());
      RC_ASSERT((std::get<M>(*read) == message));
    });
  }));
}

/// Cut anywhere, a message is a fault or one that lacks optional fields; and nothing beyond is touched, which
/// the sanitizers watch.
TYPED_TEST(soulseek_frames, cut_anywhere_it_is_a_fault_or_shorter) {
  EXPECT_TRUE(rc::check([] {
    every<TypeParam>([]<class M>(const M& message) {
      const auto framed = encode(message);
      for (std::size_t size = 0; size + 4 < framed.size(); ++size) {
        const bytes cut(framed.begin() + 4, framed.begin() + 4 + static_cast<std::ptrdiff_t>(size));
        const auto read = TypeParam::decode(cut);
        if (!read) {
          RC_ASSERT((read.error() == fault::truncated || read.error() == fault::bad_zlib));
          continue;
        }
        const auto shorter = encode_any(*read);
        RC_ASSERT((TypeParam::decode(unframed(shorter)).value() == *read));
      }
    });
  }));
}

TYPED_TEST(soulseek_frames, bytes_behind_the_last_field_are_ignored) {
  EXPECT_TRUE(rc::check([] {
    every<TypeParam>([]<class M>(const M& message) {
      if constexpr (requires { message.inner_code; }) return;  // its body is whatever is left
      const auto short_frame = encode(message);
      bytes framed = short_frame;
      framed.insert(framed.end(), 40, 0);
      // Zeros make optional fields appear, empty; what was there must not change.
      const auto read = TypeParam::decode(unframed(framed));
      RC_ASSERT(read.has_value());
      const auto again = encode_any(*read);
      RC_ASSERT(again.size() >= short_frame.size());
    });
  }));
}

TYPED_TEST(soulseek_frames, any_bytes_are_a_message_or_a_fault) {
  EXPECT_TRUE(rc::check([] {
    every<TypeParam>([]<class M>(const M& message) {
      auto frame = encode(message);
      frame.erase(frame.begin(), frame.begin() + 4);
      const auto flips = *rc::gen::inRange(1, 4);
      for (int i = 0; i < flips && frame.size() > TypeParam::code_size; ++i)
        frame[*rc::gen::inRange(TypeParam::code_size, frame.size())] = *rc::gen::arbitrary<std::uint8_t>();
      if (const auto read = TypeParam::decode(frame))
        RC_ASSERT((TypeParam::decode(unframed(encode_any(*read))).value() == *read));
    });
  }));
}

TYPED_TEST(soulseek_frames, a_code_nobody_knows_is_no_error) {
  const bytes frame = {250, 0, 0, 0, 1, 2, 3};
  const auto read = TypeParam::decode(frame);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::get<unknown>(*read), unknown{250});
  EXPECT_EQ(TypeParam::decode({}).error(), fault::truncated);
}

TEST(soulseek_text, what_is_not_utf8_is_windows_1252) {
  const auto read_query = [](const std::string& raw) {
    auto framed = encode(to_server::file_search{1, raw});
    return std::get<to_server::file_search>(decode_to_server(unframed(framed)).value()).query;
  };
  EXPECT_EQ(read_query("caf\xC3\xA9 \xF0\x9F\x8E\xB5"), "caf\xC3\xA9 \xF0\x9F\x8E\xB5");
  EXPECT_EQ(read_query("caf\xE9 \x80\x9F"), "caf\xC3\xA9 \xE2\x82\xAC\xC5\xB8");
  EXPECT_EQ(read_query("\x81"), "\xC2\x81");
  for (const std::string bad :
       {"\xC0\x80", "\xED\xA0\x80", "\xE0\x80\x80", "\xF4\x90\x80\x80", "\xF5", "\xC3", "\x80"})
    EXPECT_NE(read_query(bad), bad);
}

TEST(soulseek_text, reasons_of_a_refused_login) {
  using from_server::login_refusal;
  EXPECT_EQ((login_refusal{"INVALIDUSERNAME", "Nick too long."}.why()), login_failure::invalid_username);
  EXPECT_EQ((login_refusal{"SVRFULL", {}}.why()), login_failure::server_full);
  EXPECT_EQ((login_refusal{"", {}}.why()), login_failure::other);
  EXPECT_EQ((login_refusal{"INVALIDPASSWORD", {}}.why()), login_failure::other);
}

TEST(soulseek_lists, columns_of_unequal_length) {
  // Two users, three states, one of each other: what has no row is dropped, what lacks stays as it is made.
  bytes frame = encode(from_server::global_user_list{});
  frame.resize(8);
  const auto u32 = [&](std::uint32_t x) {
    const auto raw = encode_token(x);
    frame.insert(frame.end(), raw.begin(), raw.end());
  };
  for (const std::uint32_t x : {2U, 1U}) u32(x);
  frame.push_back('a');
  u32(1);
  frame.push_back('b');
  for (const std::uint32_t x : {3U, 1U, 2U, 1U, 0U, 0U, 0U}) u32(x);
  const auto users =
      std::get<from_server::global_user_list>(decode_from_server(unframed(frame)).value()).users;
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[1].username, "b");
  EXPECT_EQ(users[1].status, user_status::online);
}

TEST(soulseek_lists, join_room_knows_old_flags) {
  const auto read = [](std::initializer_list<std::uint8_t> flag) {
    auto framed = encode(to_server::join_room{"room", true});
    framed.resize(framed.size() - 4);
    framed.insert(framed.end(), flag);
    return std::get<to_server::join_room>(decode_to_server(unframed(framed)).value()).is_private;
  };
  EXPECT_FALSE(read({}));
  EXPECT_FALSE(read({0}));
  EXPECT_TRUE(read({1}));
  EXPECT_TRUE(read({1, 0, 0, 0}));
}

}  // namespace
}  // namespace vsf::soulseek::tests
