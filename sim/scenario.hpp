#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/types.hpp"

namespace vsf::sim {

/// What a packet may meet on its way; shares are 0 to 1.
struct link_conditions {
  double loss = 0;       // of datagrams; a lost stream segment costs a retransmission instead
  double duplicate = 0;  // of datagrams: one comes twice
  double reorder = 0;    // of datagrams: one is held back by up to reorder_ms
  double reorder_ms = 200;
  double corrupt = 0;  // of datagrams, and of stream packets that their checksum did not save: one bit
  bool operator==(const link_conditions&) const = default;
};

/// What stands between a host and the others (RFC 4787's words in brackets).
enum class nat_type : std::uint8_t {
  open,                // a public address of its own
  full_cone,           // one mapping for all, anybody may answer (endpoint-independent filtering)
  address_restricted,  // only addresses that were sent to (address-dependent filtering)
  port_restricted,     // only addresses and ports that were sent to
  symmetric            // a mapping for each destination, only it may answer
};
inline constexpr std::size_t nat_types = 5;

struct network_plan : link_conditions {
  std::uint64_t uplink_kib_per_s = 0;    // of each node, 0: unlimited
  std::uint64_t downlink_kib_per_s = 0;  // likewise
  double ipv6 = 0;                       // share of nodes that have an IPv6 address, and only that
  std::array<double, nat_types> nat{1, 0, 0, 0, 0};  // shares, by nat_type
  double nat_mapping_s = 120;  // an unused mapping of a datagram port is gone after that
  bool operator==(const network_plan&) const = default;
};

/// Sessions of Weibull length; who left comes back after an exponential time (a Poisson process).
struct churn_plan {
  double session_mean_s = 0;  // 0: nobody leaves
  double session_shape = 0.6;
  double absence_mean_s = 600;
  double power_cut = 0.5;  // share of leaves without a word; the others end their process
  bool operator==(const churn_plan&) const = default;
};

struct population_plan {
  double join_spread_s = 30;
  int puzzle_bits = 8;
  std::size_t bootstrap_contacts = 2;
  double clock_skew_s = 0;  // wall clocks are wrong by up to that, either way
  churn_plan churn{};
  bool operator==(const population_plan&) const = default;
};

struct catalogue_plan {
  std::size_t recordings = 400;
  double zipf_exponent = 0.8;
  std::size_t files_per_node = 5;
  std::size_t tracks_per_release = 10;
  std::uint64_t min_kib = 128;
  std::uint64_t max_kib = 512;
  double second_encoding = 0;  // share of files that are another encoding of their recording
  double fake = 0;             // share of files that are of another recording than they say
  bool operator==(const catalogue_plan&) const = default;
};

/// Many want the same recording at once.
struct flash_crowd {
  double at_s = 0;
  double share = 0.5;  // of the nodes alive then
  double over_s = 10;
  bool operator==(const flash_crowd&) const = default;
};

struct workload_plan {
  double resolves_per_node = 5;  // over the whole workload
  double downloads_per_node = 1;
  double resolves_per_node_hour = 0;  // beside those
  double downloads_per_node_hour = 0;
  double soulseek_downloads_per_node = 0;  // searched for by name and fetched from a Soulseek user
  std::vector<flash_crowd> flash_crowds;
  bool operator==(const workload_plan&) const = default;
};

/// Whether there is a Soulseek server, of which all nodes are clients.
struct soulseek_plan {
  bool server = false;
  bool operator==(const soulseek_plan&) const = default;
};

struct timeline_plan {
  double warmup_s = 120;
  double workload_s = 300;
  double drain_s = 120;
  bool operator==(const timeline_plan&) const = default;
};

/// Something goes wrong with a share of the nodes alive at that time.
struct fault {
  enum class kind : std::uint8_t {
    power_cut,     // nothing is said, unsynced writes are gone; back after for_s if that is not 0
    process_kill,  // the kernel closes its links; back after for_s if that is not 0
    partition,     // they and the others can't reach each other
    one_way,       // the others don't hear them
    loss,          // `value`: the network's link_conditions for that time; of everybody
    duplicate,
    reorder,
    corrupt,
    slow_uplink,  // `value` KiB a second
    slow_disk,    // `value` ms for each read or write
    disk_full,
    clock_jump,  // wall clocks go by `value` seconds, and stay so
    nat_rebind,  // every mapping is forgotten
    kill_actor,  // one actor of each dies and is restarted by its supervisor
    server_down  // the Soulseek server ends all connections and takes none; of everybody
  };
  static constexpr std::size_t kinds = 15;
  double at_s = 0;
  kind what = kind::power_cut;
  double share = 0;
  double for_s = 0;         // how long it lasts; 0: to the end
  double back_after_s = 0;  // of power_cut and process_kill: when they start again; 0: never
  double value = 0;
  bool operator==(const fault&) const = default;
};

struct expectation {
  std::string metric;
  std::optional<double> at_least;
  std::optional<double> at_most;
  bool operator==(const expectation&) const = default;
};

/// What a simulation runs; read from YAML (docs/simulator.md), every key with a default and a range.
struct scenario {
  std::string name = "unnamed";
  std::string about;
  std::size_t nodes = 100;
  network_plan network{};
  population_plan population{};
  catalogue_plan catalogue{};
  soulseek_plan soulseek{};
  timeline_plan timeline{};
  workload_plan workload{};
  std::vector<fault> faults;
  std::vector<expectation> expectations;
  bool operator==(const scenario&) const = default;

  double end_s() const {
    return population.join_spread_s + timeline.warmup_s + timeline.workload_s + timeline.drain_s;
  }
};

/// `name` is for messages. Unknown keys and bad values: file, line and the known keys of that block.
result<scenario> parse_scenario(const std::string& text, const std::string& name);
/// YAML that parse_scenario reads back as the same plan: every key that differs from its default.
std::string to_yaml(const scenario& plan);
/// A built-in name or a path ending in .yml or .yaml.
result<scenario> find_scenario(const std::string& name_or_path);
/// Built-in scenarios: name -> YAML text.
const std::map<std::string, std::string>& built_in_scenarios();

std::string to_string(fault::kind what);
std::string to_string(nat_type what);

}  // namespace vsf::sim
