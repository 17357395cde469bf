#include "net/analyzer_process/wire.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vsf::net {
namespace {

TEST(clean_text, keeps_good_text) {
  EXPECT_EQ(clean_text("Björk – 曲 🎵"), "Björk – 曲 🎵");
  EXPECT_EQ(clean_text(""), "");
}
TEST(clean_text, replaces_what_is_broken) {
  EXPECT_EQ(clean_text("a\xFF"
                       "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(clean_text("\xC3"), "\xEF\xBF\xBD");                                  // cut sequence
  EXPECT_EQ(clean_text("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
  EXPECT_EQ(clean_text("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  EXPECT_EQ(clean_text("\xF4\x90\x80\x80").size(), 12u);                          // beyond U+10FFFF
  EXPECT_EQ(clean_text("\n a\tb\x7F \n"), "a b");
}
TEST(clean_text, cuts_between_characters) {
  EXPECT_EQ(clean_text("aéé", 4), "aé");
  EXPECT_EQ(clean_text("ééé", 1), "");
}
RC_GTEST_PROP(clean_text_property, the_result_is_bounded_and_clean,
              (const std::string& text, std::uint8_t most)) {
  const auto once = clean_text(text, most);
  RC_ASSERT(once.size() <= most);
  RC_ASSERT(clean_text(once, most) == once);
}

TEST(clean_entry, drops_what_is_out_of_range) {
  fb::FileEntryT entry;
  entry.artist = std::string(3000, 'x');
  entry.fingerprint = "AQAA <script>";
  entry.codec = static_cast<fb::Codec>(250);
  entry.recording = box(mbid{});
  clean_entry(entry);
  EXPECT_EQ(entry.artist.size(), max_text_bytes);
  EXPECT_EQ(entry.fingerprint, "");
  EXPECT_EQ(entry.codec, fb::Codec::unknown);
  EXPECT_FALSE(entry.recording);
  entry.fingerprint = "AQAA-_09z";
  clean_entry(entry);
  EXPECT_EQ(entry.fingerprint, "AQAA-_09z");
}

struct socket_pair {
  std::array<int, 2> ends{-1, -1};
  socket_pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0); }
  ~socket_pair() {
    for (int x : ends) ::close(x);
  }
};

TEST(worker_message, carries_bytes_and_a_descriptor) {
  const socket_pair pair;
  const int file = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
  const bytes body{1, 2, 3};
  ASSERT_TRUE(send_message(pair.ends[0], body, file));
  ASSERT_TRUE(send_message(pair.ends[0], {}));
  ::close(file);
  auto got = receive_message(pair.ends[1]);
  ASSERT_TRUE(got);
  EXPECT_EQ(to_bytes(got->body.view()), body);
  ASSERT_GE(got->descriptor, 0);
  char c = 'x';
  EXPECT_EQ(::read(got->descriptor, &c, 1), 1);
  EXPECT_EQ(c, 0);
  ::close(got->descriptor);
  got = receive_message(pair.ends[1]);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->body.empty());
  EXPECT_EQ(got->descriptor, -1);
}

TEST(worker_message, too_long_a_message_is_neither_sent_nor_taken) {
  const socket_pair pair;
  EXPECT_FALSE(send_message(pair.ends[0], bytes(max_worker_message + 1)));
  const bytes claim{0, 1, 0, 1};
  ASSERT_EQ(::send(pair.ends[0], claim.data(), claim.size(), 0), 4);
  EXPECT_FALSE(receive_message(pair.ends[1]));
}

TEST(worker_message, a_cut_message_is_the_end) {
  const socket_pair pair;
  const bytes begun{0, 0, 0, 9, 1, 2};
  ASSERT_EQ(::send(pair.ends[0], begun.data(), begun.size(), 0), 6);
  ::shutdown(pair.ends[0], SHUT_WR);
  EXPECT_FALSE(receive_message(pair.ends[1]));
  EXPECT_FALSE(receive_message(pair.ends[1]));
}

TEST(worker_message, the_longest_passes_through_a_small_buffer) {
  const socket_pair pair;
  const bytes body(max_worker_message, 7);
  std::thread sender([&] { EXPECT_TRUE(send_message(pair.ends[0], body)); });
  const auto got = receive_message(pair.ends[1]);
  sender.join();
  ASSERT_TRUE(got);
  EXPECT_EQ(to_bytes(got->body.view()), body);
}

}  // namespace
}  // namespace vsf::net
