#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/library/library_index.hpp"

namespace vsf::library {

/// The second look at the library, after a scan: one file after the other is decoded and gets its sketch, so
/// that files are shared at once and what they sound like follows. Knows what is left from the store alone.
class fingerprint_pass {
 public:
  struct counters {
    std::uint64_t fingerprinted = 0;  // with a sketch
    std::uint64_t without = 0;        // can't be decoded, or too short for one
    std::uint64_t put_off = 0;        // the analyzer could not look: a later pass tries again
    std::uint64_t store_errors = 0;
  };

  explicit fingerprint_pass(const std::shared_ptr<storage::kv_store>& store) : store_(store) {}

  /// Goes through the library (again), from where it begins.
  void begin();
  /// Whether there may be something left to do.
  bool running() const { return running_; }
  /// The file to hand to the analyzer now; at most one is with it. Looks at a bounded part of the store: call
  /// again while running() and nothing is in flight.
  std::optional<analysis> take_order();
  bool in_flight() const { return flying_.has_value(); }
  /// The analyzer's answer. Gives the recording whose leaf says something new from here on.
  std::optional<mbid> analyzed(std::uint64_t id, const result<record<fb::FileEntry>>& found);

  const counters& counted() const { return counters_; }

 private:
  storage::library_store store_;
  bool running_ = false;
  std::string from_;
  std::optional<analysis> flying_;
  std::uint64_t next_id_ = first_id;
  counters counters_;

  // Apart from the ids of library_index, whose answers come to the same actor.
  static constexpr std::uint64_t first_id = std::uint64_t{1} << 63;
};

}  // namespace vsf::library
