#pragma once

#include <memory>
#include <string>
#include <utility>

#include "messages/schemas.hpp"

namespace vsf::shadow_index {

/// Fills a component's report.
inline void add_counter(fb::ComponentReportT& report, std::string name, std::uint64_t value,
                        std::string label = {}) {
  auto one = std::make_unique<fb::CounterT>();
  one->name = std::move(name);
  one->label = std::move(label);
  one->value = value;
  report.counters.push_back(std::move(one));
}
inline void add_gauge(fb::ComponentReportT& report, std::string name, std::uint64_t value) {
  auto one = std::make_unique<fb::GaugeT>();
  one->name = std::move(name);
  one->value = static_cast<std::int64_t>(value);
  report.gauges.push_back(std::move(one));
}

}  // namespace vsf::shadow_index
