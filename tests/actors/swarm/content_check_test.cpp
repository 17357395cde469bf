#include "actors/swarm/content_check.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/library/sketch.hpp"
#include "net/crypto/random.hpp"

namespace vsf::swarm {

namespace {

using kind = content_finding::kind;

std::vector<std::uint32_t> sound(std::uint64_t seed, std::size_t length = 400) {
  crypto::seeded_random random(seed);
  std::vector<std::uint32_t> out(length);
  for (auto& x : out) x = static_cast<std::uint32_t>(random.u64());
  return out;
}

mbid song(std::uint8_t n) {
  mbid out{};
  out[0] = n;
  return out;
}
digest file(std::uint8_t n) {
  digest out{};
  out[0] = n;
  return out;
}

/// What publisher `n` says; its address is in a group of its own.
publisher_claim claim(std::uint8_t n, std::uint8_t root, std::uint32_t duration_ms,
                      std::optional<std::uint64_t> sounds_like = {}) {
  publisher_claim out;
  out.publisher[0] = out.node[0] = n;
  out.address = endpoint::v4(0x08080000U + (std::uint32_t{n} << 8), 50315);
  out.roots = {file(root)};
  out.duration_ms = duration_ms;
  if (sounds_like) out.sketch = *library::sketch_of(sound(*sounds_like));
  return out;
}

fb::FileEntryT heard(std::uint64_t sounds_like, std::uint32_t duration_ms, std::optional<mbid> tagged = {}) {
  fb::FileEntryT out;
  out.sub_fingerprints = sound(sounds_like);
  out.duration_ms = duration_ms;
  if (tagged) out.recording = box(*tagged);
  return out;
}

content_finding judge(const fb::FileEntryT& found, const std::vector<publisher_claim>& claims = {}) {
  return judge_content(found, song(1), file(1), claims);
}

TEST(content_check, tags_of_another_recording_are_a_mismatch) {
  const auto finding = judge(heard(1, 60'000, song(2)));
  EXPECT_EQ(finding.what, kind::mismatch);
  EXPECT_NE(finding.text.find(to_string(song(2))), std::string::npos) << finding.text;
  EXPECT_EQ(judge(heard(1, 60'000, song(1))).what, kind::agrees);
  EXPECT_EQ(judge(heard(1, 60'000)).what, kind::no_evidence);
  // Also of a file that the analyzer did not come to the end of.
  auto cut = heard(1, 60'000, song(2));
  cut.fault = fb::FileFault::unread;
  EXPECT_EQ(judge(cut).what, kind::mismatch);
}

TEST(content_check, what_is_no_audio_is_a_mismatch_and_what_cannot_be_told_is_not) {
  fb::FileEntryT found;
  found.problem = "not an audio file we know";
  found.fault = fb::FileFault::not_audio;
  EXPECT_EQ(judge(found).what, kind::mismatch);
  found.fault = fb::FileFault::defective;
  EXPECT_EQ(judge(found).what, kind::unread);
  found.fault = fb::FileFault::unread;
  const auto finding = judge(found);
  EXPECT_EQ(finding.what, kind::unread);
  EXPECT_NE(finding.text.find(found.problem), std::string::npos);
}

TEST(content_check, two_independent_publishers_of_another_sound_reject_it_whatever_its_tags_say) {
  const auto liar = claim(1, 1, 60'000, 7);
  const auto found = heard(7, 60'000, song(1));
  EXPECT_EQ(judge(found, {liar}).what, kind::agrees);
  EXPECT_EQ(judge(found, {liar, claim(2, 2, 60'000, 5)}).what, kind::agrees) << "one alone proves nothing";
  const auto finding = judge(found, {liar, claim(2, 2, 60'000, 5), claim(3, 3, 60'000, 5)});
  EXPECT_EQ(finding.what, kind::mismatch);
  EXPECT_EQ(finding.text, "it sounds unlike what 2 independent publishers have of the recording");
}

TEST(content_check, another_length_rejects_it) {
  const auto finding = judge(heard(7, 60'000), {claim(2, 2, 180'000), claim(3, 3, 182'000)});
  EXPECT_EQ(finding.what, kind::mismatch);
  EXPECT_EQ(finding.text, "it lasts 1:00, and what 2 independent publishers have of the recording 3:00");
  EXPECT_EQ(judge(heard(7, 178'000), {claim(2, 2, 180'000), claim(3, 3, 182'000)}).what, kind::agrees);
}

TEST(content_check, witnesses_of_one_address_group_are_one) {
  auto b = claim(2, 2, 60'000, 5), c = claim(3, 3, 60'000, 5);
  c.address = b.address;
  EXPECT_EQ(judge(heard(7, 60'000), {b, c}).what, kind::no_evidence);
  c.address = endpoint::v4(0x08080203U, 1);
  EXPECT_EQ(judge(heard(7, 60'000), {b, c}).what, kind::no_evidence) << "the same /24";
  b.address.reset();
  c.address.reset();
  EXPECT_EQ(judge(heard(7, 60'000), {b, c}).what, kind::no_evidence) << "unknown places are one";
  // On one machine or home network every address and port is another node.
  b.address = endpoint::v4(0x7F000001, 1);
  c.address = endpoint::v4(0x7F000001, 2);
  EXPECT_EQ(judge(heard(7, 60'000), {b, c}).what, kind::mismatch);
}

TEST(content_check, witnesses_who_contradict_each_other_prove_nothing) {
  EXPECT_EQ(judge(heard(7, 60'000), {claim(2, 2, 60'000, 5), claim(3, 3, 60'000, 6)}).what,
            kind::no_evidence);
  EXPECT_EQ(judge(heard(7, 60'000), {claim(2, 2, 100'000), claim(3, 3, 200'000)}).what, kind::no_evidence);
}

TEST(content_check, as_many_for_it_as_against_it_keep_it) {
  EXPECT_EQ(judge(heard(7, 60'000), {claim(1, 1, 60'000, 7), claim(4, 1, 60'000, 7), claim(2, 2, 60'000, 5),
                                     claim(3, 3, 60'000, 5)})
                .what,
            kind::no_evidence);
}

TEST(content_check, a_publisher_of_the_file_itself_speaks_neither_against_it_nor_as_another) {
  // It offers this file and another one, and its sketch is of the other one.
  auto both = claim(2, 1, 60'000, 5);
  both.roots.push_back(file(2));
  EXPECT_EQ(judge(heard(7, 60'000), {both, claim(3, 3, 60'000, 5)}).what, kind::no_evidence);
  const auto finding = judge(heard(7, 60'000), {claim(1, 1, 60'000, 7), claim(2, 2, 60'000, 7)});
  EXPECT_EQ(finding.text, "1 other publisher describes the same");
}

TEST(content_check, claims_come_from_answers_without_ourselves_and_without_liars) {
  fb::ResolveResultT answer;
  const auto add = [&](std::uint8_t n, std::uint8_t root) {
    const auto c = claim(n, root, 60'000, n);
    auto row = std::make_unique<fb::CandidateT>();
    row->publisher = box(c.publisher);
    row->node = box(c.node);
    contact where{};
    where.id = c.node;
    where.address = *c.address;
    row->contact = box(where);
    row->variant = std::make_unique<fb::Variant>(to_fb(file(root)), fb::Bytes16(), 1, std::uint16_t{1},
                                                 fb::Codec::flac, std::uint8_t{1});
    row->duration_ms = c.duration_ms;
    row->sketch = std::make_unique<fb::Sketch>(*c.sketch);
    answer.candidates.push_back(std::move(row));
  };
  add(1, 1);
  add(2, 1);
  add(2, 2);
  add(3, 3);
  answer.candidates.push_back(std::make_unique<fb::CandidateT>());
  const auto packed = record<fb::ResolveResult>::pack(answer);
  node_id self{};
  self[0] = 3;
  const auto offers = offers_of(*packed);
  EXPECT_EQ(offers.size(), 4u);
  const auto all = claims_of(*packed, self, {});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].roots, (std::vector<digest>{file(1), file(2)}));
  EXPECT_EQ(all[1].address, claim(2, 1, 0).address);
  EXPECT_EQ(claims_of(*packed, self, {*offers.begin()}).size(), 1u);
  for (const auto& c : all) {
    const auto again = from_record(to_record(c));
    EXPECT_EQ(again.publisher, c.publisher);
    EXPECT_EQ(again.node, c.node);
    EXPECT_EQ(again.address, c.address);
    EXPECT_EQ(again.roots, c.roots);
    EXPECT_EQ(again.duration_ms, c.duration_ms);
    ASSERT_TRUE(again.sketch);
    EXPECT_EQ(std::memcmp(&*again.sketch, &*c.sketch, sizeof(fb::Sketch)), 0);
  }
}

// Whatever liars say, as long as they are fewer than the honest and those are two: honest files pass, and a
// file of other music does not.
RC_GTEST_PROP(content_check, the_many_are_right, ()) {
  const auto honest = *rc::gen::inRange<std::uint8_t>(2, 10);
  const auto liars = *rc::gen::inRange<std::uint8_t>(1, honest);
  const auto length_ms = *rc::gen::inRange<std::uint32_t>(20'000, 600'000);
  std::vector<publisher_claim> claims;
  for (std::uint8_t i = 0; i < honest; ++i)
    claims.push_back(claim(static_cast<std::uint8_t>(10 + i), 2, length_ms, 5));
  for (std::uint8_t i = 0; i < liars; ++i)
    claims.push_back(claim(static_cast<std::uint8_t>(50 + i), 1, *rc::gen::inRange<std::uint32_t>(1, 900'000),
                           *rc::gen::element<std::uint64_t>(5, 7)));
  const auto order = *rc::gen::arbitrary<std::uint64_t>();
  std::rotate(claims.begin(), claims.begin() + static_cast<std::ptrdiff_t>(order % claims.size()),
              claims.end());
  RC_ASSERT(judge_content(heard(7, length_ms), song(1), file(1), claims).what == kind::mismatch);
  RC_ASSERT(judge_content(heard(5, length_ms), song(1), file(2), claims).what != kind::mismatch);
}

}  // namespace

}  // namespace vsf::swarm
