#include "messages/shared_bytes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>
#include <thread>

#include "messages/sorted_runs.hpp"

namespace vsf {
namespace {

bytes b(std::string_view text) { return {text.begin(), text.end()}; }

TEST(shared_bytes, equal_bytes_are_the_same_ones) {
  const auto before = shared_bytes::count();
  {
    const auto one = shared_bytes::of(b("some bytes")), two = shared_bytes::of(b("some bytes"));
    EXPECT_EQ(one, two);
    EXPECT_EQ(one.view().data(), two.view().data());
    EXPECT_EQ(bytes(one.view().begin(), one.view().end()), b("some bytes"));
    EXPECT_EQ(shared_bytes::count(), before + 1);
    EXPECT_NE(one, shared_bytes::of(b("some byte")));
    const auto with = shared_bytes::of(b("some bytes"), one);
    EXPECT_NE(with, one);
    EXPECT_EQ(with.part(), one);
    EXPECT_EQ(with, shared_bytes::of(b("some bytes"), two));
    EXPECT_FALSE(one.part());
  }
  EXPECT_EQ(shared_bytes::count(), before);
  EXPECT_TRUE(shared_bytes().view().empty());
  EXPECT_FALSE(shared_bytes());
}

TEST(shared_bytes, the_last_holder_takes_the_parts_along) {
  const auto before = shared_bytes::count();
  auto chain = shared_bytes::of(b("end"));
  for (int i = 0; i < 10; ++i) chain = shared_bytes::of(b("link"), std::move(chain));
  EXPECT_EQ(shared_bytes::count(), before + 11);
  chain = {};
  EXPECT_EQ(shared_bytes::count(), before);
}

TEST(shared_bytes, many_threads_make_and_drop_the_same_ones) {
  const auto before = shared_bytes::count();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint8_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::vector<shared_bytes> held(8);
      for (std::uint32_t i = 0; i < 20'000; ++i) {
        const auto which = static_cast<std::uint8_t>((i * 7 + t) % 5);
        auto made = shared_bytes::of(bytes(20, which), shared_bytes::of(bytes(1, which)));
        if (made.view()[19] != which || made.part().view()[0] != which) ++wrong;
        held[i % held.size()] = std::move(made);
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(shared_bytes::count(), before);
}

TEST(sorted_runs, agree_with_a_map_under_random_operations) {
  EXPECT_TRUE(rc::check("agrees with a map", [] {
    sorted_runs<std::pair<int, int>> rows;
    std::map<int, int> model;
    const auto operations = *rc::gen::inRange(0, 1000);
    for (int i = 0; i < operations; ++i) {
      const auto key = *rc::gen::inRange(0, 400);
      auto at = rows.first_not([&](const auto& row) { return row.first < key; });
      const bool there = at != rows.end() && rows[at].first == key;
      RC_ASSERT(there == model.contains(key));
      if (there && *rc::gen::inRange(0, 3) == 0) {
        model.erase(key);
        at = rows.erase(at);
        const auto next = model.upper_bound(key);
        RC_ASSERT((at == rows.end()) == (next == model.end()));
        if (next != model.end()) RC_ASSERT(rows[at].first == next->first);
      } else if (there) {
        model[key] = rows[at].second = i;
      } else {
        model[key] = i;
        rows.insert(at, {key, i});
      }
      RC_ASSERT(rows.size() == model.size());
    }
    std::vector<std::pair<int, int>> found, walked;
    rows.for_each([&](const auto& row) { found.push_back(row); });
    for (auto at = rows.begin(); at != rows.end(); at = rows.next(at)) walked.push_back(rows[at]);
    RC_ASSERT(found == (std::vector<std::pair<int, int>>(model.begin(), model.end())));
    RC_ASSERT(walked == found);
  }));
}

}  // namespace
}  // namespace vsf
