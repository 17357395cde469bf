#include <algorithm>
#include <map>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include "gateway/render.hpp"

namespace vsf::gateway {

namespace {

/// "shadow_index/publisher" and "keys alive" become one name: vsf_shadow_index_publisher_keys_alive.
std::string metric_name(std::string_view component, std::string_view name) {
  std::string out = "vsf_";
  for (const auto part : {component, std::string_view("_"), name})
    for (const char c : part) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      out.push_back(letter ? c : '_');
    }
  return out;
}

/// `reason="bad_mac"` -> {reason, bad_mac}.
std::vector<prometheus::ClientMetric::Label> labels_of(const std::string& label) {
  const auto equals = label.find('=');
  if (equals == std::string::npos) return {};
  auto value = label.substr(equals + 1);
  value.erase(std::remove(value.begin(), value.end(), '"'), value.end());
  return {{label.substr(0, equals), value}};
}

class families {
 public:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help,
                                prometheus::MetricType type) {
    auto& family = by_name_[name];
    family.name = name;
    family.help = help;
    family.type = type;
    return family.metric.emplace_back();
  }
  std::vector<prometheus::MetricFamily> take() {
    std::vector<prometheus::MetricFamily> out;
    for (auto& [name, family] : by_name_) out.push_back(std::move(family));
    return out;
  }

 private:
  std::map<std::string, prometheus::MetricFamily> by_name_;
};

void add_component(families& all, const fb::ComponentReport& report) {
  const auto path = string_of(report.path());
  if (report.counters() != nullptr)
    for (const auto* c : *report.counters()) {
      auto& m = all.add(metric_name(path, string_of(c->name())) + "_total", "counted by " + path,
                        prometheus::MetricType::Counter);
      m.label = labels_of(string_of(c->label()));
      m.counter.value = static_cast<double>(c->value());
    }
  if (report.gauges() != nullptr)
    for (const auto* g : *report.gauges()) {
      auto& m =
          all.add(metric_name(path, string_of(g->name())), "state of " + path, prometheus::MetricType::Gauge);
      m.label = labels_of(string_of(g->label()));
      m.gauge.value = static_cast<double>(g->value());
    }
  auto& mailbox = all.add("vsf_mailbox_messages", "messages waiting", prometheus::MetricType::Gauge);
  mailbox.label = {{"component", path}};
  mailbox.gauge.value = report.mailbox();
}

}  // namespace

response render_metrics(const fb::NodeStatus& status) {
  families all;
  all.add("vsf_ready", "1 once the mesh is up", prometheus::MetricType::Gauge).gauge.value =
      status.ready() ? 1 : 0;
  all.add("vsf_uptime_seconds", "since the start", prometheus::MetricType::Gauge).gauge.value =
      static_cast<double>(status.now_ms() - status.started_ms()) / 1000.0;
  all.add("vsf_peers", "overlay sessions", prometheus::MetricType::Gauge).gauge.value =
      status.peers() == nullptr ? 0 : status.peers()->size();
  if (status.reports() != nullptr)
    for (const auto* report : *status.reports()) add_component(all, *report);
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          prometheus::TextSerializer().Serialize(all.take())};
}

}  // namespace vsf::gateway
