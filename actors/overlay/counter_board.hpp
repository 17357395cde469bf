#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace vsf::overlay {

/// Everything the overlay counts, over all sessions of a node since it started. Only grows.
enum class count : std::uint8_t {
  packets_in,
  packets_out,
  bytes_in,
  bytes_out,
  control_in,
  control_out,
  bulk_in,
  bulk_out,
  dials,
  accepted,
  sessions,
  handshake_failed,
  dial_failed,
  refused_half_open,
  refused_group,
  refused_full,
  duplicates,
  evicted,
  unknown_frame,
  unknown_message,
  unasked_answer,
  no_channel,
  control_dropped,
  bulk_dropped,
  throttled,
  ended_protocol_error,
  ended_timed_out,
  ended_too_slow,
  ended_idle,
  ended_by_peer,
  ended_other,
};
inline constexpr std::size_t count_total = static_cast<std::size_t>(count::ended_other) + 1;

struct counter_name {
  std::string_view name, label;
};
/// Name and label in reports, by count.
inline constexpr std::array<counter_name, count_total> counter_names{{
    {"packets_received", ""},
    {"packets_sent", ""},
    {"bytes_received", ""},
    {"bytes_sent", ""},
    {"frames_received", "kind=\"control\""},
    {"frames_sent", "kind=\"control\""},
    {"frames_received", "kind=\"bulk\""},
    {"frames_sent", "kind=\"bulk\""},
    {"links_opened", "side=\"dialled\""},
    {"links_opened", "side=\"accepted\""},
    {"sessions_opened", ""},
    {"handshakes_failed", ""},
    {"dials_failed", ""},
    {"links_refused", "reason=\"half_open\""},
    {"links_refused", "reason=\"group\""},
    {"links_refused", "reason=\"full\""},
    {"sessions_superseded", ""},
    {"sessions_evicted", ""},
    {"messages_ignored", "reason=\"unknown_frame\""},
    {"messages_ignored", "reason=\"unknown_message\""},
    {"messages_ignored", "reason=\"unasked_answer\""},
    {"messages_ignored", "reason=\"no_channel\""},
    {"messages_dropped", "kind=\"control\""},
    {"messages_dropped", "kind=\"bulk\""},
    {"reads_throttled", ""},
    {"sessions_ended", "reason=\"protocol_error\""},
    {"sessions_ended", "reason=\"timed_out\""},
    {"sessions_ended", "reason=\"too_slow\""},
    {"sessions_ended", "reason=\"idle\""},
    {"sessions_ended", "reason=\"by_peer\""},
    {"sessions_ended", "reason=\"other\""},
}};

/// The counters' values; sessions on several threads add to it.
class counter_board {
 public:
  void add(count what, std::uint64_t n = 1) {
    values_[static_cast<std::size_t>(what)].fetch_add(n, std::memory_order_relaxed);
  }
  std::uint64_t get(count what) const {
    return values_[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, count_total> values_{};
};

}  // namespace vsf::overlay
