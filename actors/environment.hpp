#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/identity/identity.hpp"
#include "actors/library/analyzer.hpp"
#include "actors/library/walker.hpp"
#include "config/settings.hpp"
#include "net/crypto/random.hpp"
#include "net/network.hpp"
#include "net/port_mapping/port_mapper.hpp"
#include "storage/file_system.hpp"
#include "storage/kv_store.hpp"

namespace vsf {

namespace supervisor {
struct live_child;
}

enum class log_level : std::uint8_t { debug, info, warning, error };

/// A leaf that was put into the DHT, and who said that they keep it.
struct put_acknowledged {
  dht_key key;
  std::uint64_t seq = 0;
  std::vector<node_id> holders;
};

/// The world as a node's actors see it. A daemon fills it with sockets, RocksDB and the kernel's randomness,
/// the simulator with virtual ones; the actors can't tell. Everything in it may be used from any thread
/// unless `inline_workers`.
struct environment {
  config::settings settings;
  std::shared_ptr<net::network> network;
  std::shared_ptr<net::port_mapper> port_mapper;  // null: nobody is asked to let others in
  std::shared_ptr<storage::kv_store> store;
  std::shared_ptr<storage::file_system> files;
  std::shared_ptr<library::analyzer> analyzer;
  std::shared_ptr<library::walker> walker;
  std::shared_ptr<crypto::random_source> random;
  /// Unix time in milliseconds for a reading of the actor clock (nanoseconds since its own epoch).
  std::function<std::uint64_t(std::chrono::nanoseconds actor_now)> unix_ms;
  std::function<void(log_level, std::string_view component, std::string_view text)> log;
  /// Blocking work runs on the actor itself instead of a detached worker (simulation).
  bool inline_workers = false;

  // What follows is null in a daemon; the simulator looks on and interferes by it.

  /// Hears of every actor below the root that begins, is brought back, or ends.
  std::function<void(const supervisor::live_child&)> on_child;
  std::function<void(const put_acknowledged&)> on_put_acknowledged;
  /// How long the disk takes for the next job of one of the swarm's workers, which does one after the other.
  std::function<std::chrono::nanoseconds()> disk_latency;
};

using environment_ptr = std::shared_ptr<const environment>;
using identity_ptr = std::shared_ptr<const identity::identity>;

}  // namespace vsf
