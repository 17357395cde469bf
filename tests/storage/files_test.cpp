// One suite for the files on disk and the simulator's.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>
#include <thread>

#include "storage/component_name.hpp"
#include "storage/memory_files.hpp"
#include "tests/storage/temp_folder.hpp"

namespace vsf::storage {
namespace {

bytes pattern(std::size_t n, std::uint8_t first = 1) {
  bytes out(n);
  std::iota(out.begin(), out.end(), first);
  return out;
}

bytes content_of(const file_reader& file) {
  bytes out(static_cast<std::size_t>(file.size()) + 10);
  const auto n = file.read_at(0, out);
  EXPECT_TRUE(n) << n.error().message;
  out.resize(n ? *n : 0);
  return out;
}

struct disk_backend {
  test::temp_folder folder;
  std::string downloads = folder / "downloads";
  std::shared_ptr<file_system> files = [this] {
    auto opened = open_disk_files(downloads, folder / "incomplete");
    if (!opened) throw std::runtime_error(opened.error().message);
    return *opened;
  }();
  std::string share(const std::string& name, const bytes& content) {
    const auto path = folder / name;
    test::write_file(path, std::string(content.begin(), content.end()));
    return path;
  }
};

struct memory_backend {
  std::shared_ptr<memory_files> memory = std::make_shared<memory_files>("/downloads");
  std::string downloads = "/downloads";
  std::shared_ptr<file_system> files = memory;
  std::string share(const std::string& name, const bytes& content) {
    memory->share('/' + name, content);
    return '/' + name;
  }
};

template <class Backend>
class files_test : public testing::Test {
 protected:
  Backend backend_;
  file_system& files() { return *backend_.files; }
  std::shared_ptr<partial_file> partial(const std::string& name, std::uint64_t size) {
    auto opened = files().open_partial(name, size);
    if (!opened) throw std::runtime_error(opened.error().message);
    return *opened;
  }
};
using backends = testing::Types<disk_backend, memory_backend>;
TYPED_TEST_SUITE(files_test, backends);

TYPED_TEST(files_test, a_shared_file_is_read_at_offsets) {
  const auto path = this->backend_.share("song.flac", pattern(1000));
  const auto file = this->files().open_shared(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ((*file)->size(), 1000u);
  EXPECT_EQ(content_of(**file), pattern(1000));
  bytes part(20);
  EXPECT_EQ(*(*file)->read_at(995, part), 5u);
  EXPECT_EQ(part[0], pattern(1000)[995]);
  EXPECT_EQ(*(*file)->read_at(1000, part), 0u);
  EXPECT_EQ(*(*file)->read_at(~std::uint64_t{0}, part), 0u);
  EXPECT_EQ(*(*file)->read_at(0, {}), 0u);
  const auto missing = this->files().open_shared("/nowhere/at/all");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nowhere/at/all can't be opened (No such file"), std::string::npos);
}

TYPED_TEST(files_test, a_download_goes_from_partial_to_finished) {
  EXPECT_FALSE(this->files().partial_exists("abc"));
  const auto file = this->partial("abc", 200'000);
  EXPECT_TRUE(this->files().partial_exists("abc"));
  EXPECT_EQ(file->size(), 200'000u);
  const auto whole = pattern(200'000);
  // Out of order, with pieces over the borders of whatever pages there are.
  ASSERT_TRUE(file->write_at(100'000, byte_view(whole).subspan(100'000)));
  ASSERT_TRUE(file->write_at(0, byte_view(whole).first(60'000)));
  ASSERT_TRUE(file->write_at(60'000, byte_view(whole).subspan(60'000, 40'000)));
  EXPECT_TRUE(content_of(*file) == whole);
  ASSERT_TRUE(file->sync());
  const auto path = this->files().finish("abc", "Artist - Title.flac");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, this->backend_.downloads + "/Artist - Title.flac");
  EXPECT_FALSE(this->files().partial_exists("abc"));
  const auto finished = this->files().open_finished(*path);
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_TRUE(content_of(**finished) == whole);
  // It can be shared from where it is.
  const auto shared = this->files().open_shared(*path);
  ASSERT_TRUE(shared) << shared.error().message;
  EXPECT_TRUE(content_of(**shared) == whole);
}

TYPED_TEST(files_test, quarantine_takes_a_partial_file_and_never_gives_it_back) {
  const auto whole = pattern(1000);
  ASSERT_TRUE(this->partial("abc", 1000)->write_at(0, whole));
  const auto read = this->files().open_shared(this->files().partial_path("abc"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(content_of(**read) == whole);
  const auto moved = this->files().quarantine("abc", 1'700'000'000'000, {});
  ASSERT_TRUE(moved) << moved.error().message;
  EXPECT_TRUE(moved->path.ends_with("/quarantine/0001700000000000-abc")) << moved->path;
  EXPECT_EQ(moved->removed, 0u);
  EXPECT_FALSE(this->files().partial_exists("abc"));
  EXPECT_FALSE(this->files().finish("abc", "x"));
  EXPECT_FALSE(this->files().open_finished(moved->path));
  // Once more, as after a kill in between: there is nothing left to do.
  const auto again = this->files().quarantine("abc", 1'700'000'000'001, {});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->path.empty());
  for (const auto* name : {"", "..", "a/b"}) EXPECT_FALSE(this->files().quarantine(name, 1, {})) << name;
}

TYPED_TEST(files_test, quarantine_is_bounded_and_the_oldest_go) {
  const auto put = [&](std::uint64_t at, std::uint64_t size, const quarantine_limits& limits) {
    this->partial("p", size);
    return this->files().quarantine("p", at, limits).value().removed;
  };
  for (std::uint64_t at = 1; at <= 3; ++at) EXPECT_EQ(put(at, 100, {.files = 3, .bytes = 1000}), 0u);
  EXPECT_EQ(put(4, 100, {.files = 3, .bytes = 1000}), 1u);
  EXPECT_EQ(put(5, 900, {.files = 3, .bytes = 1000}), 2u) << "1 file of 100 and this one are left";
  EXPECT_EQ(put(6, 5000, {.files = 3, .bytes = 1000}), 2u) << "the newest stays whatever its size";
}

TYPED_TEST(files_test, a_new_partial_file_is_zeros_and_is_opened_again) {
  {
    const auto file = this->partial("p", 1000);
    EXPECT_EQ(content_of(*file), bytes(1000));
    ASSERT_TRUE(file->write_at(10, pattern(5)));
  }
  const auto again = this->partial("p", 1000);
  bytes part(5);
  ASSERT_EQ(*again->read_at(10, part), 5u);
  EXPECT_EQ(part, pattern(5));
}

TYPED_TEST(files_test, a_partial_file_of_another_size_is_refused_and_kept) {
  ASSERT_TRUE(this->partial("p", 1000)->write_at(0, pattern(4)));
  const auto refused = this->files().open_partial("p", 999);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("has 1000 bytes instead of 999"), std::string::npos)
      << refused.error().message;
  bytes part(4);
  ASSERT_TRUE(this->partial("p", 1000)->read_at(0, part));
  EXPECT_EQ(part, pattern(4));
}

TYPED_TEST(files_test, writes_beyond_the_end_are_refused) {
  const auto file = this->partial("p", 100);
  EXPECT_TRUE(file->write_at(90, pattern(10)));
  EXPECT_TRUE(file->write_at(100, {}));
  EXPECT_FALSE(file->write_at(91, pattern(10)));
  EXPECT_FALSE(file->write_at(101, {}));
  EXPECT_FALSE(file->write_at(~std::uint64_t{0}, pattern(10)));
  EXPECT_EQ(file->size(), 100u);
  EXPECT_EQ(content_of(*file).size(), 100u);
}

TYPED_TEST(files_test, an_empty_file_can_be_downloaded) {
  const auto file = this->partial("none", 0);
  ASSERT_TRUE(file->sync());
  const auto path = this->files().finish("none", "empty.txt");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ((*this->files().open_finished(*path))->size(), 0u);
}

TYPED_TEST(files_test, taken_names_get_numbers) {
  std::vector<std::string> paths;
  for (const std::string wanted :
       {"a.b.flac", "a.b.flac", "a.b.flac", "noext", "noext", ".hidden", ".hidden"}) {
    const auto name = "p" + std::to_string(paths.size());
    ASSERT_TRUE(this->partial(name, 1)->write_at(0, pattern(1, static_cast<std::uint8_t>(paths.size()))));
    auto path = this->files().finish(name, wanted);
    ASSERT_TRUE(path) << path.error().message;
    paths.push_back(path->substr(this->backend_.downloads.size() + 1));
  }
  EXPECT_EQ(paths, (std::vector<std::string>{"a.b.flac", "a.b (2).flac", "a.b (3).flac", "noext", "noext (2)",
                                             ".hidden", ".hidden (2)"}));
  for (std::size_t i = 0; i < paths.size(); ++i)  // none was written over
    EXPECT_EQ(content_of(**this->files().open_finished(this->backend_.downloads + '/' + paths[i])),
              pattern(1, static_cast<std::uint8_t>(i)));
}

TYPED_TEST(files_test, names_are_one_component) {
  ASSERT_TRUE(this->partial("good", 1));
  for (const auto& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/etc/x"),
        std::string("../x"), std::string("a\0b", 3), std::string(201, 'a')}) {
    EXPECT_FALSE(this->files().open_partial(bad, 1)) << bad;
    EXPECT_FALSE(this->files().partial_exists(bad)) << bad;
    EXPECT_FALSE(this->files().discard_partial(bad)) << bad;
    EXPECT_FALSE(this->files().finish("good", bad)) << bad;
    EXPECT_FALSE(this->files().finish(bad, "good")) << bad;
  }
  EXPECT_TRUE(this->files().partial_exists("good"));
  const std::string longest(200, 'n');
  ASSERT_TRUE(this->partial(longest, 1));
  EXPECT_TRUE(this->files().finish(longest, longest));
  ASSERT_TRUE(this->partial(longest, 1));
  const auto second = this->files().finish(longest, longest);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(this->files().open_finished(*second));
}

TYPED_TEST(files_test, discarded_is_gone) {
  const auto file = this->partial("p", 10);
  ASSERT_TRUE(this->files().discard_partial("p"));
  EXPECT_FALSE(this->files().partial_exists("p"));
  EXPECT_TRUE(this->files().discard_partial("p"));
  const auto synced = file->sync();
  ASSERT_FALSE(synced);
  EXPECT_NE(synced.error().message.find("was removed: begin this download again"), std::string::npos);
  const auto finished = this->files().finish("p", "x");
  ASSERT_FALSE(finished);
  EXPECT_NE(finished.error().message.find("is gone: begin this download again"), std::string::npos)
      << finished.error().message;
}

TYPED_TEST(files_test, only_finished_files_are_opened_as_such) {
  const auto outside = this->backend_.share("outside", pattern(1));
  for (const auto& path : {outside, this->backend_.downloads, this->backend_.downloads + "/",
                           this->backend_.downloads + "/..", this->backend_.downloads + "/../outside",
                           this->backend_.downloads + "/none", std::string("none"), std::string()})
    EXPECT_FALSE(this->files().open_finished(path)) << path;
}

TYPED_TEST(files_test, agrees_with_a_buffer_under_random_writes) {
  EXPECT_TRUE(rc::check("agrees with a buffer", [this] {
    const auto size = *rc::gen::inRange<std::size_t>(0, 200'000);
    ASSERT_TRUE(this->files().discard_partial("r"));
    const auto file = this->partial("r", size);
    bytes model(size);
    const auto writes = *rc::gen::inRange(0, 10);
    for (int i = 0; i < writes; ++i) {
      const auto offset = *rc::gen::inRange<std::size_t>(0, size + 1);
      const auto length = *rc::gen::inRange<std::size_t>(0, size - offset + 1);
      const auto data = pattern(length, static_cast<std::uint8_t>(i));
      RC_ASSERT(file->write_at(offset, data).has_value());
      std::copy(data.begin(), data.end(), model.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    RC_ASSERT(content_of(*file) == model);
  }));
}

TYPED_TEST(files_test, is_used_from_several_threads) {
  const auto file = this->partial("t", 4 * 50'000);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (std::size_t i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      const auto mine = pattern(50'000, static_cast<std::uint8_t>(i * 50));
      for (std::size_t at = 0; at < 50'000; at += 1000)
        if (!file->write_at(i * 50'000 + at, byte_view(mine).subspan(at, 1000))) ++wrong;
      bytes back(50'000);
      if (file->read_at(i * 50'000, back).value_or(0) != 50'000 || back != mine) ++wrong;
      const auto name = "own" + std::to_string(i);
      if (!this->files().open_partial(name, 10) || !this->files().finish(name, "same name.mp3")) ++wrong;
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  for (const auto* name : {"same name.mp3", "same name (2).mp3", "same name (3).mp3", "same name (4).mp3"})
    EXPECT_TRUE(this->files().open_finished(this->backend_.downloads + '/' + name)) << name;
}

TEST(component_name, numbers_go_before_the_extension) {
  EXPECT_EQ(numbered("a.flac", 1), "a.flac");
  EXPECT_EQ(numbered("a.flac", 2), "a (2).flac");
  EXPECT_EQ(numbered(".a", 12), ".a (12)");
  EXPECT_EQ(numbered("a", 3), "a (3)");
  EXPECT_EQ(numbered("a.", 3), "a (3).");
}

TEST(component_name, messages_show_a_bad_name_harmlessly) {
  const auto refused = check_component("a\n/");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("\"610a2f\" (in hex)"), std::string::npos)
      << refused.error().message;
}

}  // namespace
}  // namespace vsf::storage
