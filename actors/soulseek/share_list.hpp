#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "actors/soulseek/share_browse.hpp"
#include "net/soulseek/shares.hpp"

namespace vsf::soulseek {

attributes wire_attributes(const share_attributes& of);

/// Makes one answer to a browse, some files at a time. Of it only what is deflated is held: about 25 bytes a
/// file.
class share_list_maker {
 public:
  /// `index` must outlive it.
  share_list_maker(const share_index& index, bool buddy);
  /// Goes on by at most so many files and as many folders. False: it is whole, or stale().
  bool step(std::size_t files);
  bool stale() const { return browser_.stale(); }
  /// Once it is whole.
  shared_bytes take();

 private:
  bool next_folder();

  const share_index* index_;
  std::optional<share_audience> then_;  // comes after what the browser goes through
  share_browser browser_;
  std::shared_ptr<std::vector<frame>> pieces_;
  shares_writer writer_;
  bool in_folder_ = false;
  std::size_t place_ = 0;  // in the folder
};

/// The lists that users get who browse this node: one for everyone and one for buddies, each made once after
/// a change of the index, a little at a time, and kept while somebody asks for it. Pure.
class share_lists {
 public:
  static constexpr std::size_t max_askers = 256;  // of one list that is being made; more are refused
  static constexpr std::size_t files_of_a_turn = 4096;
  static constexpr nanoseconds kept = std::chrono::minutes(5);          // after the last asker
  static constexpr nanoseconds after_change = std::chrono::seconds(1);  // the index may go on changing

  struct ready {
    std::string user;
    shared_bytes message;
  };

  explicit share_lists(const share_index& index) : index_(&index) {}

  /// The list if it is there. Otherwise it is being made, and comes from turn(); nothing comes when too many
  /// wait already.
  std::optional<shared_bytes> ask(const std::string& user, bool buddy, nanoseconds now);
  /// There is something to do for turn() now.
  bool busy(nanoseconds now) const;
  /// A few milliseconds of work; who gets which list.
  std::vector<ready> turn(nanoseconds now);
  /// Lets go of lists that nobody wants any more.
  void on_alarm(nanoseconds now);
  std::optional<nanoseconds> next_deadline() const;
  std::uint64_t refused() const { return refused_; }
  std::uint64_t made() const { return made_; }

 private:
  struct row {
    shared_bytes message;
    std::uint64_t revision = 0;
    nanoseconds last_use{0};
    std::optional<share_list_maker> maker;
    std::vector<std::string> askers;
    nanoseconds not_before{0};  // of the next turn, after a change
  };

  const share_index* index_;
  std::array<row, 2> rows_;  // for everyone, for buddies
  std::uint64_t refused_ = 0, made_ = 0;
};

}  // namespace vsf::soulseek
