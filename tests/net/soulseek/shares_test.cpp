#include "net/soulseek/shares.hpp"

#include "tests/net/soulseek/generators.hpp"

namespace vsf::soulseek::tests {
namespace {

struct listing {
  std::vector<folder> open;
  std::vector<folder> hidden;
  shares_reader reader;

  explicit listing(const shares_reader::limits& limits = {})
      : reader(limits, [this](folder&& f, bool is_private) {
          (is_private ? hidden : open).push_back(std::move(f));
        }) {}
};

bytes written(const std::vector<folder>& open, const std::optional<std::vector<folder>>& hidden) {
  bytes out;
  std::optional<std::uint32_t> hidden_count;
  if (hidden) hidden_count = static_cast<std::uint32_t>(hidden->size());
  shares_writer writer(static_cast<std::uint32_t>(open.size()), hidden_count,
                       [&](byte_view chunk) { out.insert(out.end(), chunk.begin(), chunk.end()); });
  for (const auto& f : open) writer.add_folder(f);
  for (const auto& f : hidden.value_or(std::vector<folder>())) writer.add_folder(f);
  const auto size = writer.finish();
  EXPECT_EQ(size, out.size());
  return out;
}

TEST(soulseek_shares, streamed_in_pieces_they_are_what_was_written) {
  EXPECT_TRUE(rc::check([] {
    const auto open = any<std::vector<folder>>::make();
    const auto hidden = any<std::vector<folder>>::make();
    const bool has_hidden = *rc::gen::arbitrary<bool>();
    const auto body = written(open, has_hidden ? std::optional(hidden) : std::nullopt);
    listing got;
    for (byte_view rest = body; !rest.empty();) {
      const auto n = *rc::gen::inRange<std::size_t>(1, 40);
      const auto part = rest.first(std::min(n, rest.size()));
      RC_ASSERT(got.reader.feed(part).has_value());
      rest = rest.subspan(part.size());
    }
    RC_ASSERT(got.reader.finish().has_value());
    RC_ASSERT(got.open == open);
    RC_ASSERT(got.hidden == (has_hidden ? hidden : std::vector<folder>()));
    RC_ASSERT(got.reader.has_private() == has_hidden);
    RC_ASSERT(got.reader.unknown() == 0U);
  }));
}

TEST(soulseek_shares, the_frame_is_that_of_the_whole_message) {
  const std::vector<folder> open{
      {"Music\\A", {file{.name = "1.flac", .size = 5, .extension = {}, .attrs = {}}}}, {"Empty", {}}};
  const auto body = written(open, std::vector<folder>());
  auto framed = shares_writer::header(body.size());
  framed.insert(framed.end(), body.begin(), body.end());
  peer::shared_file_list_response whole{.folders = open, .private_folders = std::vector<folder>()};
  EXPECT_EQ(framed, encode(whole));
  EXPECT_EQ(std::get<peer::shared_file_list_response>(decode_peer(unframed(framed)).value()), whole);
  EXPECT_THROW(shares_writer::header(1ULL << 32U), std::length_error);
}

TEST(soulseek_shares, a_large_folder_comes_in_parts) {
  folder large{"L", std::vector<file>(100)};
  const auto body = written({large, {"M", {}}}, std::nullopt);
  listing got({.part_files = 40});
  ASSERT_TRUE(got.reader.feed(body));
  ASSERT_TRUE(got.reader.finish());
  ASSERT_EQ(got.open.size(), 4U);
  for (const std::size_t i : {0U, 1U, 2U}) EXPECT_EQ(got.open[i].name, "L");
  EXPECT_EQ(got.open[2].files.size(), 20U);
  EXPECT_EQ(got.open[3].name, "M");
}

TEST(soulseek_shares, limits_of_the_reader) {
  const auto fault_of = [](const bytes& body, const shares_reader::limits& limits) {
    listing got(limits);
    const auto fed = got.reader.feed(body);
    EXPECT_FALSE(fed);
    EXPECT_EQ(got.reader.feed({}).error(), fed.error());
    EXPECT_EQ(got.reader.finish().error(), fed.error());
    return fed.error();
  };
  const auto body = written({{"folder", std::vector<file>(9)}}, std::nullopt);
  EXPECT_EQ(fault_of(body, {.files = 8}), fault::too_many_items);
  EXPECT_EQ(fault_of(body, {.folders = 0}), fault::too_many_items);
  EXPECT_EQ(fault_of(body, {.name = 5}), fault::oversize);
  EXPECT_EQ(fault_of(body, {.inflate = {.size = 20}}), fault::inflates_too_far);
  EXPECT_EQ(fault_of(bytes(20, 1), {}), fault::bad_zlib);
  // A count of attributes nobody has, and a name that claims 4 GiB.
  bytes plain = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1};
  bytes attributes = plain;
  attributes.insert(attributes.end(), 16, 0);
  attributes.insert(attributes.end(), 4, 0xFF);
  bytes name = plain;
  name.insert(name.end(), 4, 0xFF);
  for (auto* raw : {&attributes, &name}) {
    bytes deflated;
    detail::deflate(*raw, deflated);
    EXPECT_EQ(fault_of(deflated, {}), raw == &name ? fault::oversize : fault::too_many_items);
  }
}

TEST(soulseek_shares, the_writer_holds_one_to_what_was_said) {
  const auto nothing = [](byte_view) {};
  shares_writer one(1, std::nullopt, nothing);
  EXPECT_THROW(one.finish(), std::logic_error);
  EXPECT_THROW(one.add_file({}), std::logic_error);
  one.begin_folder("a", 1);
  EXPECT_THROW(one.begin_folder("b", 0), std::logic_error);
  EXPECT_THROW(one.finish(), std::logic_error);
  one.add_file({});
  EXPECT_THROW(one.begin_folder("b", 0), std::logic_error);
  EXPECT_GT(one.finish(), 0U);
}

std::size_t peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  return 0;
}

/// A million files in 50,000 folders, and one more pass to know the size first.
TEST(soulseek_shares, a_million_files_in_little_memory) {
  const auto before = peak_kib();
  constexpr std::uint32_t folders = 50'000;
  std::uint64_t got = 0;
  shares_reader reader([&](folder&& part, bool) { got += part.files.size(); });
  const auto pass = [&](const shares_writer::sink& sink) {
    shares_writer writer(folders, 0, sink);
    for (std::uint32_t i = 0; i < folders; ++i) {
      folder f{"Music\\Artist " + std::to_string(i / 7) + "\\Album " + std::to_string(i), {}};
      for (int track = 0; track < 20; ++track)
        f.files.push_back(
            {.name = std::to_string(track) + " - Title " + std::to_string(i * 31 % 977) + ".flac",
             .size = 20'000'000 + i * 7919ULL % 9'999'991,
             .extension = {},
             .attrs = {.duration = 100 + i % 300, .sample_rate = 44100, .bit_depth = 16}});
      writer.add_folder(f);
    }
    return writer.finish();
  };
  std::uint64_t first = 0;
  const auto size = pass([&](byte_view chunk) { first += chunk.size(); });
  EXPECT_EQ(first, size);
  std::uint64_t sent = 0;
  const auto again = pass([&](byte_view chunk) {
    ASSERT_TRUE(reader.feed(chunk));
    sent += chunk.size();
  });
  EXPECT_EQ(again, size);
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(got, 1'000'000U);
  EXPECT_EQ(sent, size);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peak_kib() - before, 64U * 1024);  // sanitizers keep what was freed
#endif
  EXPECT_GT(before, 0U);
}

}  // namespace
}  // namespace vsf::soulseek::tests
