#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/port_mapping/port_mapper.hpp"

namespace vsf::port_mapping {

using std::chrono::nanoseconds;

struct plan_counters {
  std::uint64_t rounds = 0, rounds_failed = 0;  // failed: nobody answered, or nothing was mapped
  std::uint64_t refused_ports = 0;              // beyond net::port_mapper::max_ports of a component
};

/// Which ports are wanted mapped, and when the router is asked again: at once when they change, at half of
/// the shortest lease (1 to 30 minutes), or after failures in a row 1, 2, 4 ... 60 minutes. Pure.
class mapping_plan {
 public:
  /// Instead of what this component wanted before.
  void set(const std::string& owner, std::vector<net::wanted_port> ports, nanoseconds now);
  /// A round is due: these are to be mapped. Nothing while one is under way.
  std::optional<std::vector<net::wanted_port>> take_round(nanoseconds now);
  void on_report(net::mapping_report report, nanoseconds now);
  std::optional<nanoseconds> next_deadline() const;

  /// For people: how each port is reached, what is wrong.
  std::vector<std::string> notes() const;
  std::size_t wanted() const;
  std::size_t mapped() const;
  const net::mapping_report& report() const { return report_; }
  const plan_counters& counters() const { return counters_; }

 private:
  std::map<std::string, std::vector<net::wanted_port>> wanted_;
  net::mapping_report report_;
  std::optional<nanoseconds> due_;
  bool under_way_ = false;
  bool changed_ = false;  // since the round under way began
  unsigned failures_in_a_row_ = 0;
  plan_counters counters_;
};

}  // namespace vsf::port_mapping
