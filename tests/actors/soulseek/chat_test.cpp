#include "actors/soulseek/chat.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "net/crypto/random.hpp"
#include "tests/actors/soulseek/social_world.hpp"

namespace vsf::soulseek {
namespace {

using test::all;
using test::told;

constexpr std::uint64_t start_ms = 1'800'000'000'000;

from_server::message_user from(const std::string& user, std::uint32_t id, const std::string& text) {
  return {id, 1'700'000'000 + id, user, text, true};
}
std::vector<std::uint32_t> acked(const social_effects& out) {
  std::vector<std::uint32_t> ids;
  for (const auto& m : told<to_server::message_acked>(out)) ids.push_back(m.id);
  return ids;
}

class soulseek_chat : public testing::Test {
 protected:
  /// One that comes and is kept; what was done then.
  social_effects receive(const from_server::message_user& m) {
    social_effects out;
    it.on_message(m, now_ms++, out);
    std::vector<std::uint64_t> receipts;
    for (const auto& k : all<keep_social>(out))
      if (k.receipt != 0) receipts.push_back(k.receipt);
    disk.take(out);
    for (const auto r : receipts) it.on_kept(r, true, out);
    return out;
  }
  std::vector<std::string> texts(const std::string& user, std::uint64_t before = 0,
                                 std::uint32_t limit = 100) {
    social_effects out;
    std::vector<std::string> found;
    for (const auto& m : it.history(user, before, limit, out).messages) found.push_back(m->text);
    disk.take(out);
    return found;
  }
  chat restored(chat_options options = {}) {
    chat other(options);
    social_effects out;
    for (auto& row : disk.rows())
      if (auto* m = row.kept.AsSoulseekPrivateMessage()) other.restore(std::move(*m), out);
    disk.take(out);
    return other;
  }

  chat it;
  test::disk disk;
  std::uint64_t now_ms = start_ms;
};

TEST_F(soulseek_chat, a_message_is_acknowledged_when_it_is_on_the_disk_and_not_before) {
  social_effects out;
  it.on_message(from("bob", 7, "hello"), now_ms, out);
  ASSERT_EQ(out.size(), 1u);
  const auto kept = all<keep_social>(out);
  ASSERT_EQ(kept.size(), 1u);
  ASSERT_NE(kept[0].receipt, 0u);
  EXPECT_TRUE(acked(out).empty());
  disk.take(out);
  disk.kv->crash();  // loses what wasn't synced
  ASSERT_EQ(disk.rows().size(), 1u);
  out.clear();
  it.on_kept(kept[0].receipt, true, out);
  EXPECT_EQ(acked(out), std::vector<std::uint32_t>{7});
  const auto events = all<social_event>(out);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].subject, "soulseek/message/bob");
  EXPECT_EQ(events[0].text, "hello");
  out.clear();
  it.on_kept(kept[0].receipt, true, out);
  EXPECT_TRUE(out.empty()) << "once";
}

TEST_F(soulseek_chat, what_the_disk_refused_is_not_acknowledged_and_taken_when_it_comes_again) {
  social_effects out;
  it.on_message(from("bob", 7, "hello"), now_ms, out);
  const auto receipt = all<keep_social>(out).at(0).receipt;
  out.clear();
  it.on_kept(receipt, false, out);
  EXPECT_TRUE(acked(out).empty());
  EXPECT_TRUE(all<social_event>(out).at(0).warning);
  EXPECT_EQ(it.size(), 0u);
  EXPECT_EQ(acked(receive(from("bob", 7, "hello"))), std::vector<std::uint32_t>{7});
  EXPECT_EQ(it.counters().not_kept, 1u);
}

TEST_F(soulseek_chat, one_that_comes_again_is_dropped_and_acknowledged_anew) {
  receive(from("bob", 7, "hello"));
  EXPECT_EQ(acked(receive(from("bob", 7, "hello"))), std::vector<std::uint32_t>{7});
  it = restored();
  EXPECT_EQ(acked(receive(from("bob", 7, "hello"))), std::vector<std::uint32_t>{7}) << "after a restart too";
  EXPECT_EQ(texts("bob"), std::vector<std::string>{"hello"});
  EXPECT_EQ(it.counters().repeated, 1u);
  // Another server, or one that lost its numbers.
  auto other = from("bob", 7, "another");
  other.timestamp += 50;
  receive(other);
  receive(from("cid", 7, "hello"));
  EXPECT_EQ(texts("bob"), (std::vector<std::string>{"hello", "another"}));
  EXPECT_EQ(texts("cid"), std::vector<std::string>{"hello"});
}

TEST_F(soulseek_chat, one_that_comes_again_while_it_is_being_kept_is_acknowledged_once) {
  social_effects out;
  it.on_message(from("bob", 7, "hello"), now_ms, out);
  const auto receipt = all<keep_social>(out).at(0).receipt;
  it.on_message(from("bob", 7, "hello"), now_ms, out);
  EXPECT_TRUE(acked(out).empty());
  it.on_kept(receipt, true, out);
  EXPECT_EQ(acked(out), std::vector<std::uint32_t>{7});
}

TEST_F(soulseek_chat, what_a_desk_took_with_it_is_settled_by_what_it_left) {
  social_effects out;
  it.on_message(from("bob", 7, "kept"), now_ms, out);
  disk.take(out);
  social_effects lost;
  it.on_message(from("bob", 8, "lost"), now_ms, lost);
  std::set<std::uint64_t> on_disk;
  for (auto& row : disk.rows()) on_disk.insert(row.kept.AsSoulseekPrivateMessage()->id);
  out.clear();
  it.settle(on_disk, out);
  EXPECT_EQ(acked(out), std::vector<std::uint32_t>{7});
  EXPECT_EQ(texts("bob"), std::vector<std::string>{"kept"});
  // Written after all, and the server sent it again: it is shown once.
  disk.take(lost);
  receive(from("bob", 8, "lost"));
  EXPECT_EQ(disk.rows().size(), 3u);
  it = restored();
  EXPECT_EQ(texts("bob"), (std::vector<std::string>{"kept", "lost"}));
  EXPECT_EQ(disk.rows().size(), 2u);
}

TEST_F(soulseek_chat, reading_ends_being_unread_and_that_is_kept) {
  for (std::uint32_t i = 1; i <= 5; ++i) receive(from("bob", i, std::to_string(i)));
  receive(from("cid", 9, "x"));
  EXPECT_EQ(it.unread(), 6u);
  social_effects out;
  const auto newest = it.history("bob", 0, 2, out);
  disk.take(out);
  ASSERT_EQ(newest.messages.size(), 2u);
  EXPECT_TRUE(newest.messages[0]->unread) << "it was until now";
  EXPECT_TRUE(newest.more);
  EXPECT_EQ(it.unread(), 4u);
  EXPECT_EQ(restored().unread(), 4u);
  EXPECT_EQ(texts("bob", newest.messages[0]->id, 2), (std::vector<std::string>{"2", "3"}));
  EXPECT_EQ(texts("bob", newest.messages[0]->id, 100), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(it.unread(), 1u);
  EXPECT_EQ(texts("nobody"), std::vector<std::string>{});
}

TEST_F(soulseek_chat, conversations_come_latest_first) {
  receive(from("bob", 1, "a"));
  receive(from("cid", 2, "b"));
  social_effects out;
  ASSERT_TRUE(it.say("bob", "c", now_ms, out));
  disk.take(out);
  EXPECT_EQ(told<to_server::message_user>(out).at(0).message, "c");
  const auto list = it.conversations(0, 10);
  ASSERT_EQ(list.conversations.size(), 2u);
  EXPECT_EQ(list.total, 2u);
  EXPECT_EQ(list.unread, 2u);
  EXPECT_EQ(list.conversations[0]->user, "bob");
  EXPECT_EQ(list.conversations[0]->messages, 2u);
  EXPECT_EQ(list.conversations[0]->unread, 1u);
  EXPECT_TRUE(list.conversations[0]->last->from_us);
  EXPECT_EQ(it.conversations(1, 10).conversations.at(0)->user, "cid");
  EXPECT_TRUE(it.conversations(2, 10).conversations.empty());
  EXPECT_EQ(restored().conversations(0, 10).conversations.size(), 2u);
}

TEST_F(soulseek_chat, what_cannot_be_said_is_refused) {
  social_effects out;
  EXPECT_FALSE(it.say("", "x", now_ms, out));
  EXPECT_FALSE(it.say("bob", "", now_ms, out));
  EXPECT_FALSE(it.say("bob", std::string(4097, 'x'), now_ms, out));
  EXPECT_TRUE(out.empty());
}

TEST_F(soulseek_chat, a_long_one_is_cut_between_characters) {
  receive(from("bob", 1, std::string(4095, 'x') + "\xC3\xB3" + "tail"));
  EXPECT_EQ(texts("bob").at(0), std::string(4095, 'x'));
  EXPECT_EQ(it.counters().cut, 1u);
}

TEST_F(soulseek_chat, forgetting_a_conversation_leaves_nothing) {
  receive(from("bob", 1, "a"));
  receive(from("cid", 2, "b"));
  social_effects out;
  EXPECT_TRUE(it.forget("bob", out));
  disk.take(out);
  EXPECT_FALSE(it.forget("bob", out));
  EXPECT_EQ(it.unread(), 1u);
  EXPECT_EQ(disk.rows().size(), 1u);
}

TEST_F(soulseek_chat, the_clock_going_back_keeps_the_order) {
  receive(from("bob", 1, "first"));
  it = restored();
  now_ms = start_ms - 1'000'000;
  receive(from("bob", 2, "second"));
  EXPECT_EQ(texts("bob"), (std::vector<std::string>{"first", "second"}));
}

TEST(soulseek_chat_bounds, hold_in_memory_and_on_the_disk) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    crypto::seeded_random dice(seed);
    chat_options options;
    options.messages_each = 1 + dice.below(5);
    options.messages = 1 + dice.below(12);
    options.bytes = 400 + dice.below(4000);
    options.being_kept = 3;
    chat it(options);
    test::disk disk;
    std::vector<std::uint64_t> receipts;
    for (std::uint32_t i = 1; i < 120; ++i) {
      social_effects out;
      const auto user = "u" + std::to_string(dice.below(5));
      switch (dice.below(5)) {
        case 0:
          RC_ASSERT(it.say(user, std::string(1 + dice.below(50), 'x'), start_ms + i, out).has_value());
          break;
        case 1:
          it.history(user, 0, 2, out);
          break;
        case 2:
          if (!receipts.empty()) {
            it.on_kept(receipts.back(), dice.below(4) != 0, out);
            receipts.pop_back();
          }
          break;
        default:
          it.on_message(from(user, i, std::string(dice.below(100), 'y')), start_ms + i, out);
      }
      for (const auto& k : all<keep_social>(out))
        if (k.receipt != 0) receipts.push_back(k.receipt);
      disk.take(out);
      RC_ASSERT(receipts.size() <= 3u);
      RC_ASSERT(it.size() <= options.messages);
      std::size_t unread = 0, messages = 0;
      for (const auto& c : it.conversations(0, 100).conversations) {
        RC_ASSERT(c->messages <= options.messages_each);
        unread += c->unread;
        messages += c->messages;
      }
      RC_ASSERT(unread == it.unread());
      RC_ASSERT(messages == it.size());
    }
    for (const auto r : receipts) {
      social_effects out;
      it.on_kept(r, true, out);
    }
    RC_ASSERT(disk.rows().size() >= it.size());
    // This disk has kept what it said it refused.
    RC_ASSERT(disk.rows().size() <= it.size() + it.counters().not_kept);
  }));
}

}  // namespace
}  // namespace vsf::soulseek
