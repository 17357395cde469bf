#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/overlay/overlay_message.hpp"
#include "actors/swarm/hash_tree.hpp"
#include "messages/bitmap.hpp"
#include "messages/schemas.hpp"

namespace vsf::swarm {

using overlay::overlay_message;

/// How fast a source is.
struct source_pace {
  std::uint32_t window = 0;            // leaves to have under way
  std::uint64_t rate_bytes_per_s = 0;  // 0: not known yet
  std::chrono::nanoseconds rtt{0};
};

/// One peer as the source of one transfer: opens the root on a channel, asks, watches the time, checks that
/// answers are answers. Whether bytes are right is found out by whoever hashes them.
class source_logic {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  struct options {
    nanoseconds dial_timeout = std::chrono::seconds(12);
    nanoseconds open_timeout = std::chrono::seconds(10);
    /// Nothing came although something is due; in between by twenty times the usual gap between frames.
    nanoseconds least_silence = std::chrono::seconds(5);
    nanoseconds most_silence = std::chrono::seconds(20);
    /// The first hashes need the peer to read the whole file once.
    nanoseconds proof_timeout = std::chrono::seconds(15);
    std::uint64_t slowest_hashing_bytes_per_s = 20 << 20;
    std::uint32_t first_window = 64;  // leaves
    std::uint32_t least_window = 6;
    std::uint32_t most_window = 2048;
    /// Beside twice what fits the round trip, this much time's worth is under way, so that a sender that
    /// pauses (limits, disk) always has something to do; at most `most_slack_bytes`.
    nanoseconds slack = std::chrono::milliseconds(500);
    std::uint64_t most_slack_bytes = 4 << 20;
    bool shares = false;                          // we serve what we have of it
    std::size_t most_sharers = 16;                // heard of in one message
    std::uint64_t most_unasked_bytes = 16 << 20;  // a peer that sends more of what nobody asked for is left
  };
  /// How a source ends. lost: may be tried again soon. busy: not now. refused: doesn't have it. lied: sent
  /// what can't be.
  enum class end : std::uint8_t { lost, busy, refused, lied };

  // Effects.
  struct say {
    record<fb::OverlayMessage> message;
  };
  struct opened {
    std::optional<bitmap> pieces{};  // nothing: all
  };
  struct has_since {
    std::vector<std::uint32_t> pieces;
  };
  struct heard_of {
    std::vector<contact> sharers;
  };
  struct proof_came {
    std::uint32_t piece = 0;
    record<fb::OverlayMessage> message;  // a Proof; its lists may be of any length
  };
  struct data_came {
    std::uint32_t request = 0;
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
    frame body;  // exactly as long as these leaves
  };
  struct request_failed {
    std::uint32_t request = 0;
  };
  struct unasked {
    std::uint64_t bytes = 0;
  };
  struct over {
    end how = end::lost;
    std::string reason;
  };
  using effect =
      std::variant<say, opened, has_since, heard_of, proof_came, data_came, request_failed, unasked, over>;
  using effects = std::vector<effect>;

  source_logic(std::uint16_t channel, const digest& root, std::uint64_t size_bytes)
      : source_logic(channel, root, size_bytes, options{}) {}
  source_logic(std::uint16_t channel, const digest& root, std::uint64_t size_bytes, options how);

  void start(nanoseconds now) { deadline_ = now + how_.dial_timeout; }
  effects dialled(nanoseconds now);
  effects dial_failed(const std::string& reason);
  effects message(nanoseconds now, const record<fb::OverlayMessage>& what);
  effects data(nanoseconds now, std::uint32_t request, std::uint32_t first_leaf, std::uint16_t count,
               frame body);
  effects channel_closed(const std::string& reason);
  effects ask_proof(nanoseconds now, std::uint32_t piece);
  effects ask_data(nanoseconds now, std::uint32_t request, std::uint32_t first_leaf, std::uint16_t count);
  /// What it still owes of a request is no longer wanted.
  effects cancel_data(nanoseconds now, std::uint32_t request);
  effects tick(nanoseconds now);
  std::optional<nanoseconds> next_deadline() const;

  bool is_over() const { return phase_ == phase::over; }
  std::uint16_t channel() const { return channel_; }
  source_pace pace() const { return {window_, rate_, rtt_}; }
  std::uint64_t requests_timed_out() const { return timed_out_; }

 private:
  enum class phase : std::uint8_t { dialling, opening, open, over };
  struct request {
    std::uint32_t first = 0;
    std::uint16_t count = 0;
    std::uint64_t arrived = 0;
    nanoseconds heard{0};    // asked, or its latest frame
    bool overtaken = false;  // a later request is being answered
  };

  effects finish(end how, std::string reason);
  effects denied(nanoseconds now, const fb::Denied& what);
  effects root_opened(nanoseconds now, const fb::RootOpened& what);
  void measure(nanoseconds now, std::uint64_t bytes);
  void set_window();
  nanoseconds silence() const;
  nanoseconds overtaken_patience() const;
  void due(nanoseconds now);

  std::uint16_t channel_;
  digest root_;
  std::uint64_t size_;
  options how_;
  phase phase_ = phase::dialling;
  nanoseconds deadline_{0};  // while dialling and opening
  nanoseconds heard_{0};     // progress, or when something became due
  nanoseconds asked_open_{0};
  nanoseconds rtt_{0};
  std::map<std::uint32_t, request> requests_;
  std::map<std::uint32_t, nanoseconds> proofs_;  // by piece: when asked
  std::uint32_t window_;
  std::uint32_t window_cap_;
  std::uint64_t rate_ = 0;
  std::uint64_t measured_bytes_ = 0;
  nanoseconds measured_since_{0};
  nanoseconds idle_since_{0};  // since when no data is due
  std::uint64_t unasked_bytes_ = 0;
  std::uint64_t timed_out_ = 0;
};

}  // namespace vsf::swarm
