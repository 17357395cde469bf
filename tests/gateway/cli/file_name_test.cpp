#include "gateway/cli/file_name.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace {

using namespace vsf::cli;
namespace fs = std::filesystem;

class folder {
 public:
  folder() {
    std::string name = (fs::temp_directory_path() / "vsf-cli-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~folder() { fs::remove_all(path); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  std::size_t count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), fs::directory_iterator{}));
  }
  fs::path path;
};

std::string content(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string keep(const folder& in, const std::string& name, const std::string& text) {
  arriving_file file;
  EXPECT_TRUE(file.open(in.path.string()));
  std::fputs(text.c_str(), file.stream());
  const auto path = file.keep(name);
  EXPECT_TRUE(path) << path.error().message;
  return path ? *path : "";
}

TEST(safe_name, stays_in_its_folder) {
  EXPECT_EQ(safe_file_name("Artist - Title.flac", "f"), "Artist - Title.flac");
  EXPECT_EQ(safe_file_name("/etc/passwd", "f"), "passwd");
  EXPECT_EQ(safe_file_name("../../x.mp3", "f"), "x.mp3");
  EXPECT_EQ(safe_file_name("..", "f"), "f");
  EXPECT_EQ(safe_file_name("a/", "f"), "f");
  EXPECT_EQ(safe_file_name("", "f"), "f");
  EXPECT_EQ(safe_file_name(".bashrc", "f"), "bashrc");
  EXPECT_EQ(safe_file_name(std::string("a\0b", 3), "f"),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(safe_name, is_cut_between_characters_and_keeps_its_extension) {
  std::string longest;
  for (int i = 0; i < 150; ++i) longest += "\xC3\xA9";
  const auto out = safe_file_name(longest + ".flac", "f");
  EXPECT_LE(out.size(), 200u);
  EXPECT_TRUE(out.ends_with("\xC3\xA9.flac")) << out;
}

TEST(safe_name, of_anything_is_one_component) {
  EXPECT_TRUE(rc::check([](const std::string& offered) {
    const auto out = safe_file_name(offered, "f");
    RC_ASSERT(!out.empty() && out.size() <= 200u);
    RC_ASSERT(out.front() != '.');
    RC_ASSERT(out.find('/') == std::string::npos && out.find('\0') == std::string::npos);
  }));
}

TEST(arriving_file, leaves_nothing_behind_unless_kept) {
  const folder in;
  {
    arriving_file file;
    ASSERT_TRUE(file.open((in.path / "new" / "deep").string()));
    std::fputs("half", file.stream());
  }
  EXPECT_TRUE(fs::is_empty(in.path / "new" / "deep"));
}

TEST(arriving_file, never_replaces_a_file) {
  const folder in;
  std::ofstream(in.path / "a.mp3") << "precious";
  EXPECT_EQ(keep(in, "a.mp3", "new"), (in.path / "a (2).mp3").string());
  EXPECT_EQ(keep(in, "a.mp3", "newer"), (in.path / "a (3).mp3").string());
  EXPECT_EQ(content(in.path / "a.mp3"), "precious");
  EXPECT_EQ(content(in.path / "a (2).mp3"), "new");
  EXPECT_EQ(in.count(), 3u);
}

TEST(arriving_file, of_the_same_content_is_kept_once) {
  const folder in;
  EXPECT_EQ(keep(in, "a.mp3", "same"), (in.path / "a.mp3").string());
  EXPECT_EQ(keep(in, "a.mp3", "same"), (in.path / "a.mp3").string());
  EXPECT_EQ(in.count(), 1u);
}

TEST(arriving_file, does_not_follow_a_link_that_waits_under_its_name) {
  const folder in;
  std::ofstream(in.path / "target") << "precious";
  fs::create_symlink(in.path / "target", in.path / "a.mp3");
  EXPECT_EQ(keep(in, "a.mp3", "new"), (in.path / "a (2).mp3").string());
  EXPECT_EQ(content(in.path / "target"), "precious");
}

TEST(arriving_file, says_which_folder_cannot_be_written) {
  const folder in;
  std::ofstream(in.path / "file") << "x";
  arriving_file file;
  const auto opened = file.open((in.path / "file" / "below").string());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find((in.path / "file" / "below").string()), std::string::npos);
}

}  // namespace
