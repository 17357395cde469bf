#include "actors/soulseek/distributed.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "net/crypto/random.hpp"

namespace vsf::soulseek {
namespace {

using namespace std::chrono_literals;

bytes body(const bytes& framed) { return bytes(framed.begin() + 4, framed.end()); }

template <class T>
std::vector<T> all(const tree_effects& effects) {
  std::vector<T> found;
  for (const auto& e : effects)
    if (const auto* x = std::get_if<T>(&e)) found.push_back(*x);
  return found;
}

class soulseek_tree : public testing::Test {
 protected:
  void SetUp() override {
    it.on_online("ann", now, out);
    it.set_upload_speed(15 * 1024, out);  // three children at the ratio of 50
    out.clear();
  }
  std::vector<bytes> to_server() {
    std::vector<bytes> found;
    for (auto& x : all<tell_server>(out)) found.push_back(x.message);
    return found;
  }
  template <class X>
  void hear(link_id link, const X& message) {
    it.on_message(link, body(encode(message)), now, out);
  }
  distributed::search search(std::uint32_t token = 1, const char* user = "joe") {
    return {49, user, token, "miles davis"};
  }
  void offer(std::initializer_list<const char*> users) {
    from_server::possible_parents parents;
    for (const auto* x : users) parents.parents.push_back({x, 0x05060708, 2234});
    it.on_possible_parents(parents, now, out);
  }
  /// Candidate n has link 100 + n.
  void link_all() {
    for (const auto& x : all<request_parent>(out))
      it.on_candidate_link(x.candidate, 100 + x.candidate, now, out);
  }
  link_id adopt(std::int32_t level = 2, const char* root = "rut") {
    offer({"dad"});
    const auto candidate = all<request_parent>(out).at(0).candidate;
    it.on_candidate_link(candidate, 100 + candidate, now, out);
    hear(100 + candidate, distributed::branch_level{level});
    hear(100 + candidate, distributed::branch_root{root});
    hear(100 + candidate, search());
    return 100 + candidate;
  }

  distributed_tree it{tree_options{}};
  tree_effects out;
  nanoseconds now = 1h;
};

TEST_F(soulseek_tree, adopts_the_first_candidate_with_level_root_and_a_search_and_drops_the_others) {
  offer({"dad", "mum", "ann", "dad", "aunt"});
  ASSERT_EQ(all<request_parent>(out).size(), 3u);  // not ourselves, nobody twice
  it.on_candidate_link(1, 101, now, out);
  it.on_candidate_link(2, 102, now, out);
  out.clear();
  hear(101, distributed::branch_level{1});
  hear(101, search());
  EXPECT_FALSE(it.has_parent());  // no root yet
  hear(102, distributed::branch_root{"rut"});
  hear(102, distributed::branch_level{3});
  EXPECT_FALSE(it.has_parent());  // no search yet
  EXPECT_TRUE(out.empty());
  hear(102, search());
  EXPECT_EQ(it.parent(), "mum");
  EXPECT_EQ(to_server(), (std::vector<bytes>{
                             encode(to_server::have_no_parent{false}), encode(to_server::branch_root{"rut"}),
                             encode(to_server::branch_level{4}), encode(to_server::accept_children{true})}));
  EXPECT_EQ(all<close_link>(out).at(0).link, 101u);
  EXPECT_EQ(all<cancel_parent>(out).at(0).candidate, 3u);
  EXPECT_EQ(all<search_heard>(out).size(), 1u);
  EXPECT_EQ(all<place_changed>(out).at(0).level, 4u);
  out.clear();
  offer({"uncle"});
  EXPECT_TRUE(out.empty());
}

TEST_F(soulseek_tree, a_root_that_does_not_name_itself_is_its_own_root) {
  offer({"dad"});
  link_all();
  hear(101, distributed::branch_level{0});
  hear(101, search());
  EXPECT_EQ(it.root(), "dad");
  EXPECT_EQ(it.level(), 1u);
}

TEST_F(soulseek_tree, a_lost_parent_is_told_to_server_and_children) {
  const auto parent = adopt();
  it.on_inbound(500, "kid", now, out);
  out.clear();
  it.on_link_over(parent, now, out);
  EXPECT_EQ(to_server(), (std::vector<bytes>{
                             encode(to_server::have_no_parent{true}), encode(to_server::branch_root{"ann"}),
                             encode(to_server::branch_level{0}), encode(to_server::accept_children{true})}));
  const auto sent = all<send_link>(out);
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(*sent[0].message, encode(distributed::branch_level{0}));
  EXPECT_EQ(*sent[1].message, encode(distributed::branch_root{"ann"}));
  EXPECT_EQ(it.level(), 0u);
}

TEST_F(soulseek_tree, a_moving_parent_moves_us_and_a_loop_ends_it) {
  const auto parent = adopt();
  it.on_inbound(500, "kid", now, out);
  out.clear();
  hear(parent, distributed::branch_level{2});
  EXPECT_TRUE(out.empty());  // nothing new
  hear(parent, distributed::branch_level{5});
  EXPECT_EQ(to_server().at(1), encode(to_server::branch_level{6}));
  EXPECT_EQ(*all<send_link>(out).at(0).message, encode(distributed::branch_level{6}));
  hear(parent, distributed::branch_root{"ann"});
  EXPECT_FALSE(it.has_parent());
  EXPECT_EQ(all<close_link>(out).at(0).link, parent);
  EXPECT_EQ(it.counters().refused_loop, 1u);
}

TEST_F(soulseek_tree, candidates_below_us_or_too_deep_or_silent_are_dropped) {
  offer({"dad", "mum", "aunt"});
  link_all();
  out.clear();
  hear(101, distributed::branch_root{"ann"});
  hear(102, distributed::branch_level{64});
  EXPECT_EQ(all<close_link>(out).size(), 2u);
  EXPECT_EQ(it.next_deadline(), now + 60s);
  now += 60s;
  it.on_alarm(now, out);
  EXPECT_EQ(all<close_link>(out).size(), 3u);
  EXPECT_EQ(it.candidates(), 0u);
  hear(103, distributed::branch_level{1});  // of nobody's concern
  EXPECT_FALSE(it.has_parent());
  out.clear();
  offer({"dad"});
  it.on_candidate_link(4, 104, now, out);
  hear(104, distributed::branch_level{-1});
  EXPECT_EQ(it.counters().refused_level, 2u);
}

TEST_F(soulseek_tree, children_are_told_their_place_and_bounded_by_the_upload_speed) {
  for (link_id n = 1; n <= 4; ++n) it.on_inbound(n, "kid" + std::to_string(n), now, out);
  EXPECT_EQ(it.children(), 3u);
  EXPECT_EQ(all<close_link>(out).at(0).link, 4u);
  EXPECT_EQ(all<send_link>(out).size(), 6u);
  EXPECT_EQ(to_server().back(), encode(to_server::accept_children{false}));
  out.clear();
  it.on_inbound(8, "kid2", now + 1s, out);  // the other way of the same dial
  EXPECT_EQ(all<close_link>(out).at(0).link, 8u);
  out.clear();
  it.on_inbound(9, "kid2", now + 1min, out);  // came again
  EXPECT_EQ(all<close_link>(out).at(0).link, 2u);
  EXPECT_EQ(it.children(), 3u);
  out.clear();
  it.on_parent_speed_ratio(75, out);
  EXPECT_EQ(it.children(), 2u);
  it.on_parent_min_speed(16, out);
  EXPECT_EQ(it.children(), 0u);
  it.on_parent_min_speed(1, out);
  EXPECT_EQ(to_server().back(), encode(to_server::accept_children{true}));
  it.set_upload_speed(1U << 30U, out);
  EXPECT_EQ(it.child_limit(), 10u);
}

TEST_F(soulseek_tree, who_stands_above_us_is_no_child) {
  adopt();
  for (const auto* user : {"ann", "dad", "rut"}) it.on_inbound(7, user, now, out);
  EXPECT_EQ(it.children(), 0u);
  EXPECT_EQ(it.counters().children_refused, 3u);
}

TEST_F(soulseek_tree, the_server_makes_us_a_root_and_searches_go_down_as_code_three) {
  it.on_inbound(7, "kid", now, out);
  out.clear();
  const auto plain = encode(search());
  const from_server::embedded_message wrapped{3, bytes(plain.begin() + 5, plain.end())};
  it.on_embedded(wrapped, now, out);
  EXPECT_TRUE(it.branch_root());
  EXPECT_EQ(it.level(), 0u);
  EXPECT_EQ(*all<send_link>(out).at(0).message, plain);
  EXPECT_EQ(all<search_heard>(out).at(0).query, "miles davis");
  it.on_embedded(wrapped, now, out);
  EXPECT_EQ(it.counters().dropped_duplicate, 1u);
  it.on_embedded({3, {1, 2}}, now, out);
  EXPECT_EQ(it.counters().malformed, 1u);
}

TEST_F(soulseek_tree, a_parents_wrapped_search_is_unwrapped) {
  const auto parent = adopt();
  it.on_inbound(7, "kid", now, out);
  out.clear();
  const auto plain = encode(search(2));
  hear(parent, distributed::embedded_message{3, bytes(plain.begin() + 5, plain.end())});
  EXPECT_EQ(all<search_heard>(out).size(), 1u);
  EXPECT_EQ(*all<send_link>(out).at(0).message, plain);
}

TEST_F(soulseek_tree, searches_of_children_duplicates_floods_and_books_are_dropped) {
  const auto parent = adopt();
  it.on_inbound(7, "kid", now, out);
  out.clear();
  hear(7, search(5));
  EXPECT_EQ(it.counters().dropped_stranger, 1u);
  hear(parent, search(1));
  EXPECT_EQ(it.counters().dropped_duplicate, 1u);
  hear(parent, distributed::search{49, "joe", 6, std::string(2000, 'x')});
  EXPECT_EQ(it.counters().dropped_long, 1u);
  EXPECT_TRUE(all<search_heard>(out).empty());
  for (std::uint32_t i = 100; i < 1100; ++i) hear(parent, search(i));
  EXPECT_EQ(it.counters().dropped_rate, 501u);  // one of the burst went to the first
  now += 61s;
  out.clear();
  hear(parent, search(1));  // a wish, again
  EXPECT_EQ(all<search_heard>(out).size(), 1u);
}

TEST_F(soulseek_tree, a_reset_ends_all_and_begins_again) {
  const auto parent = adopt();
  it.on_inbound(7, "kid", now, out);
  out.clear();
  it.on_reset(now, out);
  EXPECT_EQ(all<close_link>(out).size(), 2u);
  EXPECT_EQ(to_server().at(0), encode(to_server::have_no_parent{true}));
  EXPECT_FALSE(it.has_parent());
  EXPECT_EQ(it.children(), 0u);
  out.clear();
  it.on_link_over(parent, now, out);
  EXPECT_TRUE(out.empty());
}

TEST_F(soulseek_tree, a_parent_outlives_the_server_and_is_told_to_the_next_session) {
  const auto parent = adopt();
  it.on_offline(now, out);
  out.clear();
  hear(parent, search(9));
  hear(parent, distributed::branch_level{7});
  EXPECT_EQ(all<search_heard>(out).size(), 1u);
  EXPECT_TRUE(to_server().empty());
  it.on_online("ann", now, out);
  EXPECT_EQ(to_server().at(0), encode(to_server::have_no_parent{false}));
  EXPECT_EQ(to_server().at(2), encode(to_server::branch_level{8}));
  out.clear();
  it.on_online("rut", now, out);  // now we are the root of our own branch
  EXPECT_FALSE(it.has_parent());
}

TEST(soulseek_tree_property, bounds_hold_and_each_link_is_closed_or_kept) {
  EXPECT_TRUE(rc::check([](std::uint64_t seed) {
    crypto::seeded_random dice(seed);
    distributed_tree it{tree_options{}};
    tree_effects out;
    nanoseconds now = 1h;
    it.on_online("ann", now, out);
    it.set_upload_speed(30 * 1024, out);
    std::set<link_id> live;
    std::set<std::uint64_t> asked;
    link_id next = 1;
    const auto user = [&] { return "u" + std::to_string(dice.below(8)); };
    for (int i = 0; i < 300; ++i) {
      const auto some = [&] {
        return live.empty() ? link_id{0}
                            : *std::next(live.begin(), static_cast<std::ptrdiff_t>(dice.below(live.size())));
      };
      const auto link = some();
      const auto hear = [&](const bytes& framed) { it.on_message(link, body(framed), now, out); };
      switch (dice.below(10)) {
        case 0:
          it.on_possible_parents({{{user(), 9, 9}, {user(), 9, 9}}}, now, out);
          break;
        case 1:
          if (!asked.empty()) {
            const auto c = *asked.begin();
            asked.erase(c);
            if (dice.below(3) == 0) {
              it.on_candidate_failed(c, out);
            } else {
              live.insert(next);
              it.on_candidate_link(c, next++, now, out);
            }
          }
          break;
        case 2:
          live.insert(next);
          it.on_inbound(next++, user(), now, out);
          break;
        case 3:
          hear(encode(distributed::branch_level{static_cast<std::int32_t>(dice.below(80)) - 5}));
          break;
        case 4:
          hear(encode(distributed::branch_root{dice.below(5) == 0 ? "ann" : user()}));
          break;
        case 5:
        case 6:
          hear(encode(distributed::search{49, user(), static_cast<std::uint32_t>(dice.below(9)), "abc"}));
          break;
        case 7:
          if (link != 0 && dice.below(3) == 0) {
            live.erase(link);
            it.on_link_over(link, now, out);
          }
          break;
        case 8:
          if (dice.below(9) == 0) it.on_reset(now, out);
          if (dice.below(9) == 0) it.on_offline(now, out);
          if (dice.below(3) == 0) it.on_online("ann", now, out);
          break;
        default:
          now += nanoseconds(static_cast<std::int64_t>(dice.below(20'000'000'000)));
          it.on_alarm(now, out);
      }
      for (const auto& e : out) {
        if (const auto* c = std::get_if<close_link>(&e)) RC_ASSERT(live.erase(c->link) == 1);
        if (const auto* r = std::get_if<request_parent>(&e)) RC_ASSERT(asked.insert(r->candidate).second);
        if (const auto* c = std::get_if<cancel_parent>(&e)) RC_ASSERT(asked.erase(c->candidate) == 1);
      }
      out.clear();
      RC_ASSERT(it.children() <= it.child_limit());
      RC_ASSERT(it.candidates() <= 10u);
      RC_ASSERT(it.root() != "ann" || !it.has_parent());
      RC_ASSERT(live.size() ==
                it.children() + (it.has_parent() ? 1U : 0U) + (it.candidates() - asked.size()));
    }
  }));
}

}  // namespace
}  // namespace vsf::soulseek
