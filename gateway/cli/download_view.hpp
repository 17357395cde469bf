#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

/// What a person sees of a download while it runs. Pure.
namespace vsf::cli {

/// A line for each source, those that matter first: address, state, rate, its share of the file, bad leaves
/// (16 KiB blocks that failed verification) and why it is no use; one that lied is marked as the culprit.
/// At most `most` lines; the last says how many more there are.
std::vector<std::string> source_lines(const nlohmann::json& download, std::size_t most);

/// Who lied and what it did, one sentence each: "10.0.0.7:50315 is banned: ...".
std::vector<std::string> culprits_of(const nlohmann::json& download);

/// Lines at the bottom of a terminal that are written over again and again. Gives the bytes to send there.
class live_lines {
 public:
  /// These lines in place of what stood there; each is clipped to one row of `columns`.
  std::string show(const std::vector<std::string>& lines, std::size_t columns);
  /// Nothing in their place; the cursor is where the first began. Empty if nothing is shown.
  std::string clear();

 private:
  std::string back_to_first() const;
  std::size_t shown_ = 0;
};

}  // namespace vsf::cli
