#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <variant>

#include "actors/interfaces.hpp"
#include "actors/overlay/counter_board.hpp"
#include "actors/overlay/roster.hpp"
#include "actors/overlay/session.hpp"

namespace vsf::overlay {

/// What a session shows without being asked; written by it, read by overlay for reports.
struct peer_gauges {
  std::atomic<std::uint32_t> rtt_us{0}, channels{0}, own_channels{0};
  std::atomic<std::uint64_t> bytes_in{0}, bytes_out{0};
  std::atomic<std::int64_t> idle_since_ns{-1};  // -1: a channel is in use
};

/// What overlay hears about one of its links.
struct connect_result {
  result<std::shared_ptr<net::stream_link>> link;
};
struct session_up {
  identity::certified who;
  peer_hello hello;
};
struct session_ended {
  std::string why;
};
struct news {
  link_key key = 0;
  std::variant<connect_result, session_up, session_ended> what;
};

/// What overlay tells one of its sessions.
struct supersede_order {};
struct end_order {
  fb::GoodbyeReason reason = fb::GoodbyeReason::unwanted;
  std::string why;
};
struct order {
  std::variant<supersede_order, end_order> what;
};

/// Everything a session is born with.
struct peer_setup {
  link_key key = 0;
  std::shared_ptr<net::stream_link> link;
  session_setup session;
  caf::actor_addr parent;  // overlay; weak, since overlay holds its sessions
  std::shared_ptr<counter_board> counters;
  std::shared_ptr<peer_gauges> gauges;
  component_links links;
};

}  // namespace vsf::overlay
