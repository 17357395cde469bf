#include <gtest/gtest.h>

#include "actors/swarm/source_logic.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t size_bytes = 200 * std::uint64_t{leaf_size} + 100;  // 201 leaves

template <class E>
const E* only(const source_logic::effects& effects) {
  return effects.size() == 1 ? std::get_if<E>(&effects[0]) : nullptr;
}
template <class E>
const E* last(const source_logic::effects& effects) {
  return effects.empty() ? nullptr : std::get_if<E>(&effects.back());
}

class source_logic_test : public ::testing::Test {
 protected:
  source_logic s{5, digest{}, size_bytes};

  template <class Body>
  source_logic::effects say(std::chrono::nanoseconds at, Body body) {
    return s.message(at, overlay_message(std::move(body)));
  }
  source_logic::effects answer_open(std::chrono::nanoseconds at, std::uint64_t size) {
    fb::RootOpenedT m;
    m.channel = 5;
    m.size = size;
    return say(at, std::move(m));
  }
  void open() {
    s.start(0s);
    s.dialled(1s);
    answer_open(1100ms, size_bytes);
  }
  source_logic::effects data(std::chrono::nanoseconds at, std::uint32_t request, std::uint32_t first,
                             std::uint16_t count) {
    std::size_t n = 0;
    for (std::uint16_t i = 0; i < count; ++i) n += leaf_length(size_bytes, first + i);
    return s.data(at, request, first, count, frame::allocate(n));
  }
};

TEST_F(source_logic_test, OpensAndTellsOfHashesAndData) {
  s.start(0s);
  const auto said = s.dialled(1s);
  ASSERT_NE(only<source_logic::say>(said), nullptr);
  EXPECT_NE(only<source_logic::say>(said)->message->body_as_OpenRoot(), nullptr);
  EXPECT_NE(only<source_logic::opened>(answer_open(2s, size_bytes)), nullptr);
  s.ask_proof(2s, 1);
  fb::ProofT proof;
  proof.channel = 5;
  proof.piece = 2;
  EXPECT_NE(only<source_logic::unasked>(say(3s, proof)), nullptr);
  proof.piece = 1;
  EXPECT_NE(only<source_logic::proof_came>(say(3s, proof)), nullptr);
  s.ask_data(3s, 9, 198, 3);
  const auto came = data(4s, 9, 198, 3);
  ASSERT_NE(only<source_logic::data_came>(came), nullptr);
  EXPECT_EQ(only<source_logic::data_came>(came)->body.size(), 2 * leaf_size + 100);
  EXPECT_NE(only<source_logic::unasked>(data(4s, 9, 198, 1)), nullptr) << "the request is done";
}

TEST_F(source_logic_test, OtherChannelsAreNotOurs) {
  open();
  fb::DeniedT no;
  no.channel = 6;
  EXPECT_TRUE(say(2s, no).empty());
  EXPECT_FALSE(s.is_over());
}

TEST_F(source_logic_test, SizeIsTheSignedOne) {
  s.start(0s);
  s.dialled(1s);
  const auto e = answer_open(2s, size_bytes + 1);
  ASSERT_NE(only<source_logic::over>(e), nullptr);
  EXPECT_EQ(only<source_logic::over>(e)->how, source_logic::end::refused);
}

TEST_F(source_logic_test, LiesInTheFormAreLies) {
  for (int kind = 0; kind < 4; ++kind) {
    s = source_logic(5, digest{}, size_bytes);
    open();
    s.ask_data(2s, 1, 10, 6);
    source_logic::effects e;
    if (kind == 0) e = s.data(3s, 1, 10, 1, frame::allocate(5));
    if (kind == 1) e = data(3s, 1, 9, 2);
    if (kind == 2) e = data(3s, 1, 14, 3);
    if (kind == 3) {
      data(3s, 1, 11, 2);
      e = data(3s, 1, 12, 2);
    }
    ASSERT_NE(last<source_logic::over>(e), nullptr) << kind;
    EXPECT_EQ(last<source_logic::over>(e)->how, source_logic::end::lied) << kind;
  }
}

TEST_F(source_logic_test, SilenceIsNoticedAndIdlenessIsNot) {
  open();
  EXPECT_FALSE(s.next_deadline()) << "nothing is due";
  EXPECT_TRUE(s.tick(1000s).empty());
  s.ask_data(1000s, 1, 0, 4);
  ASSERT_TRUE(s.next_deadline());
  EXPECT_EQ(*s.next_deadline(), 1020s);
  EXPECT_TRUE(s.tick(1019s).empty());
  data(1019s, 1, 0, 1);
  EXPECT_TRUE(s.tick(1030s).empty());
  const auto e = s.tick(1039s);
  ASSERT_NE(last<source_logic::over>(e), nullptr);
  EXPECT_EQ(last<source_logic::over>(e)->how, source_logic::end::lost);
}

TEST_F(source_logic_test, OvertakenRequestIsGivenUp) {
  open();
  s.ask_data(2s, 1, 0, 3);
  s.ask_data(2s, 2, 3, 60);
  data(3s, 2, 3, 3);
  ASSERT_TRUE(s.next_deadline());
  EXPECT_EQ(*s.next_deadline(), 4s) << "2 s after it was asked";
  data(3900ms, 2, 6, 3);
  const auto e = s.tick(4s);
  ASSERT_EQ(e.size(), 2U);
  EXPECT_NE(std::get<source_logic::say>(e[0]).message->body_as_Cancel(), nullptr);
  EXPECT_EQ(std::get<source_logic::request_failed>(e[1]).request, 1U);
  EXPECT_EQ(s.requests_timed_out(), 1U);
  EXPECT_FALSE(s.is_over());
}

TEST_F(source_logic_test, WindowFollowsTheRate) {
  open();
  EXPECT_EQ(s.pace().window, 64U);
  auto at = std::chrono::nanoseconds(2s);
  std::uint32_t id = 1;
  // 3 leaves each 500 ms: 96 KiB/s, twice the round trip of 0.1 s and half a second are 4.2 leaves.
  for (int i = 0; i < 20; ++i) {
    s.ask_data(at, id, 0, 3);
    data(at += 500ms, id++, 0, 3);
  }
  EXPECT_EQ(s.pace().window, 6U) << "the least";
  // 3 leaves each 2 ms: 24 MiB/s.
  for (int i = 0; i < 3000; ++i) {
    s.ask_data(at, id, 0, 3);
    data(at += 2ms, id++, 0, 3);
  }
  // 4.8 MiB for the round trip and 4 MiB at most besides.
  EXPECT_NEAR(s.pace().window, 563, 8);
}

TEST_F(source_logic_test, DeniedByReason) {
  const std::vector<std::pair<fb::DenyReason, source_logic::end>> expected{
      {fb::DenyReason::not_shared, source_logic::end::refused},
      {fb::DenyReason::gone, source_logic::end::refused},
      {fb::DenyReason::no_slot, source_logic::end::busy},
      {fb::DenyReason::rate_limited, source_logic::end::busy},
      {fb::DenyReason::read_error, source_logic::end::lost},
      {fb::DenyReason::bad_request, source_logic::end::refused}};
  for (const auto& [reason, how] : expected) {
    s = source_logic(5, digest{}, size_bytes);
    open();
    fb::DeniedT no;
    no.channel = 5;
    no.reason = reason;
    const auto e = say(2s, no);
    ASSERT_NE(only<source_logic::over>(e), nullptr);
    EXPECT_EQ(only<source_logic::over>(e)->how, how);
  }
}

TEST_F(source_logic_test, LimitedRequestIsOnlyThatRequest) {
  open();
  s.ask_data(2s, 1, 0, 4);
  fb::DeniedT no;
  no.channel = 5;
  no.request = 1;
  no.reason = fb::DenyReason::rate_limited;
  const auto e = say(2s, no);
  ASSERT_NE(only<source_logic::request_failed>(e), nullptr);
  EXPECT_LT(s.pace().window, 64U);
}

TEST_F(source_logic_test, FloodOfUnaskedDataEndsIt) {
  open();
  source_logic::effects e;
  for (int i = 0; i < 2000 && !s.is_over(); ++i) e = s.data(2s, 77, 0, 1, frame::allocate(leaf_size));
  ASSERT_TRUE(s.is_over());
  EXPECT_NE(last<source_logic::over>(e), nullptr);
}

TEST_F(source_logic_test, DeadlinesOfDialAndOpen) {
  s.start(0s);
  EXPECT_EQ(*s.next_deadline(), 12s);
  EXPECT_NE(last<source_logic::over>(s.tick(12s)), nullptr);
  s = source_logic(5, digest{}, size_bytes);
  s.start(0s);
  s.dialled(3s);
  EXPECT_EQ(*s.next_deadline(), 13s);
  EXPECT_NE(last<source_logic::over>(s.tick(13s)), nullptr);
}

TEST_F(source_logic_test, ASourceMayHavePartsAndGetMore) {
  s.start(0s);
  s.dialled(1s);
  fb::RootOpenedT m;
  m.channel = 5;
  m.size = size_bytes;
  m.pieces = {5};
  const auto yes = say(2s, std::move(m));
  const auto* opened = only<source_logic::opened>(yes);
  ASSERT_NE(opened, nullptr);
  ASSERT_TRUE(opened->pieces.has_value());
  EXPECT_TRUE(opened->pieces->test(0) && opened->pieces->test(2));
  EXPECT_EQ(opened->pieces->set_count(), 2U);
  fb::HaveT more;
  more.channel = 5;
  more.pieces = {1, 99};
  const auto since = say(3s, more);
  ASSERT_NE(only<source_logic::has_since>(since), nullptr);
  EXPECT_EQ(only<source_logic::has_since>(since)->pieces, std::vector<std::uint32_t>{1})
      << "99 is no piece of it";
  more.channel = 6;
  EXPECT_TRUE(say(3s, more).empty());
}

TEST_F(source_logic_test, AListOfPiecesMustFitTheFile) {
  for (const std::size_t length : {0U, 2U}) {
    source_logic logic{5, digest{}, size_bytes};
    logic.start(0s);
    logic.dialled(1s);
    fb::RootOpenedT m;
    m.channel = 5;
    m.size = size_bytes;
    m.pieces.assign(length, 1);
    const auto end = logic.message(2s, overlay_message(std::move(m)));
    if (length == 0)
      EXPECT_NE(only<source_logic::opened>(end), nullptr) << "an empty list is packed as none: it has all";
    else
      EXPECT_EQ(only<source_logic::over>(end)->how, source_logic::end::lied);
  }
}

TEST_F(source_logic_test, HearsOfOthersOnlyIfWeShare) {
  for (const bool shares : {false, true}) {
    source_logic::options how;
    how.shares = shares;
    source_logic logic{5, digest{}, size_bytes, how};
    logic.start(0s);
    EXPECT_EQ(only<source_logic::say>(logic.dialled(1s))->message->body_as_OpenRoot()->shares(), shares);
    fb::RootOpenedT m;
    m.channel = 5;
    m.size = size_bytes;
    logic.message(2s, overlay_message(std::move(m)));
    fb::SharersT others;
    others.channel = 5;
    for (std::uint32_t i = 0; i < 40; ++i)
      others.contacts.push_back(to_fb(contact{{}, {}, endpoint::v4(i, i == 0 ? 0 : 7)}));
    const auto heard = logic.message(3s, overlay_message(std::move(others)));
    if (!shares) {
      EXPECT_TRUE(heard.empty());
      continue;
    }
    ASSERT_NE(only<source_logic::heard_of>(heard), nullptr);
    EXPECT_EQ(only<source_logic::heard_of>(heard)->sharers.size(), 16U);
    EXPECT_EQ(only<source_logic::heard_of>(heard)->sharers[0].address, endpoint::v4(1, 7));
  }
}

}  // namespace

}  // namespace vsf::swarm
