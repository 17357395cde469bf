#include "actors/soulseek/searches.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;

bytes body(const bytes& framed) { return bytes(framed.begin() + 4, framed.end()); }

template <class T>
std::vector<T> all(const search_effects& effects) {
  std::vector<T> found;
  for (const auto& e : effects)
    if (const auto* x = std::get_if<T>(&e)) found.push_back(*x);
  return found;
}

peer::file_search_response answer(const std::string& user, std::uint32_t token, std::size_t files,
                                  const std::string& stem = "a") {
  peer::file_search_response out;
  out.username = user;
  out.token = token;
  out.slot_free = true;
  out.speed = 1000;
  out.queue_length = 3;
  for (std::size_t i = 0; i < files; ++i) {
    file f;
    f.name = stem + "\\" + std::to_string(i) + ".flac";
    f.size = 5;
    out.files.push_back(f);
  }
  return out;
}

class soulseek_searches : public testing::Test {
 protected:
  void SetUp() override { it.on_online("ann", now, out); }
  std::uint32_t begin(search_kind kind = search_kind::everybody, const std::string& target = "") {
    auto token = it.start(kind, "miles davis", target, now, out);
    EXPECT_TRUE(token.has_value());
    return token.value_or(0);
  }

  crypto::seeded_random random{5};
  searches it{search_options{}, random};
  search_effects out;
  nanoseconds now = 1h;
};

TEST_F(soulseek_searches, each_kind_has_its_message) {
  const auto a = begin();
  const auto b = begin(search_kind::user, "bob");
  const auto c = begin(search_kind::room, "jazz");
  const auto d = begin(search_kind::wish);
  const auto sent = all<tell_server>(out);
  ASSERT_EQ(sent.size(), 4u);
  EXPECT_EQ(sent[0].message, encode(to_server::file_search{a, "miles davis"}));
  EXPECT_EQ(sent[1].message, encode(to_server::user_search{"bob", b, "miles davis"}));
  EXPECT_EQ(sent[2].message, encode(to_server::room_search{"jazz", c, "miles davis"}));
  EXPECT_EQ(sent[3].message, encode(to_server::wishlist_search{d, "miles davis"}));
}

TEST_F(soulseek_searches, ten_a_minute_are_sent_the_others_wait_or_are_refused) {
  for (int i = 0; i < 42; ++i) begin();
  EXPECT_EQ(all<search_sent>(out).size(), 10u);
  const auto refused = it.start(search_kind::everybody, "x", "", now, out);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("a minute"), std::string::npos);
  EXPECT_EQ(it.next_deadline(), now + 1min);
  now += 59s;
  it.on_alarm(now, out);
  EXPECT_EQ(all<search_sent>(out).size(), 10u);
  now += 1s;
  it.on_alarm(now, out);
  EXPECT_EQ(all<search_sent>(out).size(), 20u);
}

TEST_F(soulseek_searches, nonsense_and_the_lack_of_a_server_are_said) {
  EXPECT_FALSE(it.start(search_kind::everybody, "", "", now, out));
  EXPECT_FALSE(it.start(search_kind::user, "x", "", now, out));
  EXPECT_FALSE(it.start(search_kind::everybody, std::string(600, 'x'), "", now, out));
  it.on_offline(now, out);
  EXPECT_FALSE(it.start(search_kind::everybody, "x", "", now, out));
  EXPECT_TRUE(it.start(search_kind::wish, "x", "", now, out));
  EXPECT_TRUE(out.empty());
  it.on_online("ann", now, out);
  EXPECT_EQ(all<search_sent>(out).size(), 1u);
}

TEST_F(soulseek_searches, wishes_take_turns_at_the_servers_interval) {
  it.on_wishlist_interval(120, now);
  const auto a = begin(search_kind::wish);
  const auto b = begin(search_kind::wish);
  std::vector<std::uint32_t> order;
  for (int i = 0; i < 4; ++i) {
    now = std::max(now, *it.next_deadline());
    it.on_alarm(now, out);
  }
  for (const auto& x : all<search_sent>(out)) order.push_back(x.token);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{a, b, a, b, a}));
  EXPECT_EQ(now, 1h + 8min);
  EXPECT_EQ(it.find(a)->at, search_row::state::running) << "hours later too";
  it.close(a, out);
  EXPECT_EQ(it.find(a), nullptr);
  it.on_wishlist_interval(0, now);  // never faster than a minute
  EXPECT_EQ(it.next_deadline(), now + 1min);
}

TEST_F(soulseek_searches, answers_are_kept_by_user_and_repeated_files_once) {
  const auto token = begin();
  it.on_answer("bob", answer("bob", token, 3), now, out);
  auto more = answer("bob", token, 4);
  more.slot_free = false;
  more.private_files = answer("bob", token, 2, "private").files;
  it.on_answer("bob", more, now, out);
  const auto* row = it.find(token);
  ASSERT_NE(row, nullptr);
  const auto& bob = row->users.at("bob");
  EXPECT_EQ(bob.files.size(), 4u);
  EXPECT_EQ(bob.private_files.size(), 2u);
  EXPECT_FALSE(bob.slot_free);
  EXPECT_EQ(bob.queue, 3u);
  EXPECT_EQ(bob.speed_bytes_per_s, 1000u);
  const auto news = all<search_result>(out);
  ASSERT_EQ(news.size(), 2u);
  EXPECT_EQ(news[1].new_files, 3u);
}

TEST_F(soulseek_searches, answers_nobody_asked_for_are_counted_and_dropped) {
  const auto token = begin();
  it.on_answer("bob", answer("bob", token + 1, 3), now, out);
  it.on_answer("bob", answer("eve", token, 3), now, out);
  EXPECT_EQ(it.counters().unknown_token, 1u);
  EXPECT_EQ(it.counters().wrong_user, 1u);
  EXPECT_TRUE(all<search_result>(out).empty());
  EXPECT_TRUE(it.find(token)->users.empty());
}

TEST_F(soulseek_searches, a_search_ends_after_five_minutes_and_is_forgotten_after_thirty) {
  const auto token = begin();
  it.on_answer("bob", answer("bob", token, 1), now, out);
  EXPECT_EQ(it.next_deadline(), now + 5min);
  now += 5min;
  it.on_alarm(now, out);
  EXPECT_EQ(all<search_ended>(out).size(), 1u);
  it.on_answer("eve", answer("eve", token, 1), now, out);
  EXPECT_EQ(it.find(token)->users.size(), 1u);
  EXPECT_EQ(it.next_deadline(), now + 25min);
  now += 25min;
  it.on_alarm(now, out);
  EXPECT_EQ(it.find(token), nullptr);
  EXPECT_EQ(all<search_forgotten>(out).size(), 1u);
  EXPECT_EQ(it.next_deadline(), std::nullopt);
}

TEST_F(soulseek_searches, the_oldest_finished_one_makes_room) {
  std::vector<std::uint32_t> tokens;
  for (int i = 0; i < 64; ++i) {
    tokens.push_back(begin());
    now += 7s;
    it.on_alarm(now, out);
  }
  for (const auto t : tokens) it.stop(t, now, out);
  begin();
  EXPECT_EQ(it.find(tokens[0]), nullptr);
  EXPECT_EQ(it.all().size(), 64u);
}

TEST(soulseek_searches_bounds, of_users_files_and_bytes_hold_and_are_said_once) {
  crypto::seeded_random random(1);
  search_options options;
  options.users = 3;
  options.files = 20;
  options.files_per_user = 8;
  searches it(options, random);
  search_effects out;
  const nanoseconds now = 1h;
  it.on_online("ann", now, out);
  const auto token = it.start(search_kind::everybody, "x", "", now, out).value();
  for (int i = 0; i < 6; ++i) {
    const auto user = "u" + std::to_string(i);
    it.on_answer(user, answer(user, token, 10), now, out);
  }
  const auto* row = it.find(token);
  EXPECT_EQ(row->files, 20u);
  EXPECT_EQ(row->users.size(), 3u);
  EXPECT_EQ(row->dropped, 40u);
  EXPECT_EQ(all<search_full>(out).size(), 1u);
  EXPECT_EQ(it.counters().dropped_users, 3u);
  options.result_bytes = 1000;
  searches small(options, random);
  small.on_online("ann", now, out);
  const auto other = small.start(search_kind::everybody, "x", "", now, out).value();
  small.on_answer("u", answer("u", other, 3, std::string(400, 'x')), now, out);
  EXPECT_LE(small.find(other)->bytes, 1000u);
  EXPECT_EQ(small.counters().dropped_files + small.find(other)->files, 3u);
}

TEST_F(soulseek_searches, searches_of_others_are_answered_once_but_never_ones_own) {
  it.on_heard("bob", 1, "miles davis", now, out);
  it.on_heard("bob", 1, "miles davis", now, out);  // over the tree as well
  it.on_heard("ann", 2, "miles davis", now, out);
  it.on_heard("bob", 3, "ab", now, out);
  it.on_heard("bob", 4, "\xC3\xA4\xC3\xB6", now, out);  // two characters
  it.on_heard("bob", 5, "\xC3\xA4\xC3\xB6\xC3\xBC", now, out);
  const auto answers = all<answer_search>(out);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].user, "bob");
  EXPECT_EQ(answers[0].token, 1u);
  EXPECT_EQ(it.counters().heard_own, 1u);
  EXPECT_EQ(it.counters().heard_duplicate, 1u);
  EXPECT_EQ(it.counters().heard_unfit, 2u);
  for (std::uint32_t i = 10; i < 1010; ++i) it.on_heard("bob", i, "miles davis", now, out);
  EXPECT_EQ(it.counters().heard_rate, 802u);
  now += 61s;
  out.clear();
  it.on_heard("bob", 1, "miles davis", now, out);
  EXPECT_EQ(all<answer_search>(out).size(), 1u);
}

TEST(soulseek_searches_property, never_more_than_ten_in_any_minute_and_bounds_hold) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    crypto::seeded_random random(seed), dice(seed + 1);
    search_options options;
    options.kept = 12;
    options.waiting = 5;
    options.files = 30;
    searches it(options, random);
    search_effects out;
    nanoseconds now = 1h;
    std::vector<std::uint32_t> tokens = {0};
    std::deque<nanoseconds> sent;
    it.on_online("ann", now, out);
    for (int i = 0; i < 300; ++i) {
      const auto token = tokens[dice.below(tokens.size())];
      switch (dice.below(9)) {
        case 0:
        case 1:
        case 2:
          if (const auto t = it.start(search_kind::everybody, "abc", "", now, out)) tokens.push_back(*t);
          break;
        case 3:
        case 4: {
          const auto user = "u" + std::to_string(dice.below(4));
          it.on_answer(user, answer(user, token, dice.below(20), user + std::to_string(dice.below(3))), now,
                       out);
          break;
        }
        case 5:
          it.stop(token, now, out);
          break;
        case 6:
          it.close(token, out);
          break;
        case 7:
          dice.below(3) == 0 ? it.on_offline(now, out) : it.on_online("ann", now, out);
          break;
        default:
          now += nanoseconds(static_cast<std::int64_t>(dice.below(40'000'000'000)));
          it.on_alarm(now, out);
      }
      for (const auto& e : out)
        if (const auto* m = std::get_if<tell_server>(&e)) {
          RC_ASSERT(
              std::holds_alternative<to_server::file_search>(decode_to_server(body(m->message)).value()));
          sent.push_back(now);
        }
      out.clear();
      while (!sent.empty() && now - sent.front() >= 60s) sent.pop_front();
      RC_ASSERT(sent.size() <= 10u);
      RC_ASSERT(it.all().size() <= 12u);
      for (const auto& [t, row] : it.all()) {
        std::size_t files = 0;
        for (const auto& [user, x] : row.users) files += x.files.size() + x.private_files.size();
        RC_ASSERT(files == row.files && files <= 30u);
      }
    }
  }));
}

}  // namespace
}  // namespace vsf::soulseek
