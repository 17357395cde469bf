#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/types.hpp"

namespace vsf::sim {

using metric_map = std::map<std::string, double>;

/// One metric of two results; absent where a result does not have it.
struct diff_row {
  std::string metric;
  std::optional<double> before, after;

  /// Percent of the value before; nullopt: it appeared, vanished, or was 0 and is not.
  std::optional<double> change_percent() const;
};

/// The `metrics` of a result's JSON.
result<metric_map> read_metrics(const std::string& result_json);
/// By name.
std::vector<diff_row> diff(const metric_map& before, const metric_map& after);
/// A table.
std::string to_text(const std::vector<diff_row>& rows);
/// The metrics that changed by more; those whose change has no percentage always have.
std::vector<std::string> beyond(const std::vector<diff_row>& rows, double percent);

}  // namespace vsf::sim
