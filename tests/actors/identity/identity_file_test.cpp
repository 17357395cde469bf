#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/identity/identity.hpp"
#include "actors/identity/identity_file.hpp"
#include "storage/identity_file.hpp"

namespace vsf::identity {
namespace {

namespace files = std::filesystem;

class identity_file : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "vsf-identity-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { files::remove_all(folder_); }
  std::string path() const { return (folder_ / "identity").string(); }
  mode_t mode() const {
    struct stat about {};
    EXPECT_EQ(::stat(path().c_str(), &about), 0);
    return about.st_mode & 07777U;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(files::directory_iterator(folder_), files::directory_iterator()));
  }

  files::path folder_;
  network_parameters network_ = parse_network("test/4").value();
  crypto::seeded_random random_{1};
};

TEST_F(identity_file, none_yet) {
  const auto got = storage::read_identity_file(path());
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->has_value());
}

TEST_F(identity_file, comes_back_as_written_and_only_its_owner_may_read_it) {
  const auto mask = ::umask(0);
  const auto who = make_solved_identity(network_, random_);
  const auto written = storage::write_identity_file(path(), to_file_content(who));
  ::umask(mask);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(mode(), 0600U);
  EXPECT_EQ(entries(), 1U);
  const auto content = storage::read_identity_file(path());
  ASSERT_TRUE(content && content->has_value());
  const auto again = from_file_content(**content, network_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->node_id, who.node_id);
  EXPECT_EQ(again->signing_key.seed, who.signing_key.seed);
  EXPECT_EQ(again->dh_key.secret, who.dh_key.secret);
}

TEST_F(identity_file, is_made_on_the_first_start_and_kept_from_then_on) {
  auto first = open_identity(path(), network_, random_);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->solved());
  EXPECT_EQ(mode(), 0600U);
  const auto second = open_identity(path(), network_, random_);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->signing_key.identity, first->signing_key.identity);
  for (std::uint64_t nonce = 0; !first->accept(nonce);) ++nonce;
  ASSERT_TRUE(save_identity(path(), *first));
  EXPECT_EQ(open_identity(path(), network_, random_).value().node_id, first->node_id);
}

TEST_F(identity_file, of_another_network_or_damaged_is_refused_and_left_alone) {
  ASSERT_TRUE(open_identity(path(), network_, random_));
  const auto before = storage::read_identity_file(path()).value();
  const auto other = open_identity(path(), parse_network("elsewhere").value(), random_);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("elsewhere"), std::string::npos) << other.error().message;
  EXPECT_NE(other.error().message.find(path()), std::string::npos);
  EXPECT_EQ(storage::read_identity_file(path()).value(), before);
  ASSERT_TRUE(storage::write_identity_file(path(), bytes(5, 7)));
  EXPECT_FALSE(open_identity(path(), network_, random_));
  EXPECT_EQ(storage::read_identity_file(path()).value(), bytes(5, 7));
}

TEST_F(identity_file, is_replaced_even_after_a_crash_left_a_temporary_file) {
  std::ofstream(path() + ".new") << "half of a";
  ASSERT_TRUE(storage::write_identity_file(path(), bytes(10, 1)));
  ASSERT_TRUE(storage::write_identity_file(path(), bytes(20, 2)));
  EXPECT_EQ(storage::read_identity_file(path()).value(), bytes(20, 2));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(identity_file, open_to_others_is_refused_with_advice) {
  for (const mode_t open : {0640U, 0604U, 0620U, 0644U, 0777U}) {
    ASSERT_TRUE(storage::write_identity_file(path(), bytes(10, 1)));
    ASSERT_EQ(::chmod(path().c_str(), open), 0);
    const auto got = storage::read_identity_file(path());
    ASSERT_FALSE(got) << open;
    EXPECT_NE(got.error().message.find("chmod 600"), std::string::npos) << got.error().message;
    EXPECT_NE(got.error().message.find(path()), std::string::npos);
  }
  ASSERT_EQ(::chmod(path().c_str(), 0400), 0);
  EXPECT_TRUE(storage::read_identity_file(path()));
}

TEST_F(identity_file, what_is_no_regular_file_is_refused_at_once) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_FALSE(storage::read_identity_file(path()));
  ASSERT_EQ(::unlink(path().c_str()), 0);
  ASSERT_EQ(::mkdir(path().c_str(), 0700), 0);
  EXPECT_FALSE(storage::read_identity_file(path()));
  EXPECT_FALSE(storage::write_identity_file(path(), bytes(10, 1)));
  EXPECT_EQ(entries(), 1U) << "the temporary file stays behind";
}

TEST_F(identity_file, bounds) {
  EXPECT_FALSE(storage::write_identity_file(path(), bytes(storage::max_identity_file_bytes + 1)));
  EXPECT_EQ(entries(), 0U);
  std::ofstream(path()) << std::string(storage::max_identity_file_bytes + 1, 'x');
  ASSERT_EQ(::chmod(path().c_str(), 0600), 0);
  EXPECT_FALSE(storage::read_identity_file(path()));
}

TEST_F(identity_file, a_missing_folder_is_named) {
  const auto written = storage::write_identity_file(path() + "/deeper/identity", bytes(10, 1));
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("deeper/identity"), std::string::npos);
}

}  // namespace
}  // namespace vsf::identity
