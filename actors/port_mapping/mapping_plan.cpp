#include "actors/port_mapping/mapping_plan.hpp"

#include <algorithm>
#include <utility>

namespace vsf::port_mapping {
namespace {

using namespace std::chrono_literals;

std::string address_text(const endpoint& of) {
  const auto text = to_string(of);
  return text.substr(0, text.rfind(':'));
}

std::string note_of(const net::mapped_port& port, const net::mapping_report& report) {
  const auto& wanted = port.wanted;
  std::string out = wanted.what_for + ' ' + (wanted.protocol == net::port_protocol::tcp ? "TCP " : "UDP ") +
                    std::to_string(wanted.listens.port);
  if (port.external != 0) {
    out += " is reached at " + (report.outside ? address_text(*report.outside) + ':' : std::string("port ")) +
           std::to_string(port.external) + " by " + report.method;
    if (port.external != wanted.listens.port) out += ", another port than the node's own";
  } else {
    out += " isn't mapped";
  }
  return port.problem.empty() ? out : out + ": " + port.problem;
}

}  // namespace

void mapping_plan::set(const std::string& owner, std::vector<net::wanted_port> ports, nanoseconds now) {
  if (ports.size() > net::port_mapper::max_ports) {
    counters_.refused_ports += ports.size() - net::port_mapper::max_ports;
    ports.resize(net::port_mapper::max_ports);
  }
  auto& mine = wanted_[owner];
  if (mine == ports) return;
  mine = std::move(ports);
  if (under_way_)
    changed_ = true;
  else
    due_ = now;
}

std::optional<std::vector<net::wanted_port>> mapping_plan::take_round(nanoseconds now) {
  if (under_way_ || !due_ || *due_ > now) return std::nullopt;
  due_.reset();
  under_way_ = true;
  ++counters_.rounds;
  std::vector<net::wanted_port> out;
  for (const auto& [owner, ports] : wanted_) out.insert(out.end(), ports.begin(), ports.end());
  return out;
}

void mapping_plan::on_report(net::mapping_report report, nanoseconds now) {
  if (!under_way_) return;
  under_way_ = false;
  report_ = std::move(report);
  if (std::exchange(changed_, false)) {
    due_ = now;
    return;
  }
  // Nothing was asked for that could be mapped: nothing to renew.
  if (report_.ports.empty() && report_.problem.empty()) return;
  if (mapped() == 0) {
    ++counters_.rounds_failed;
    const auto pause = std::min<nanoseconds>(60min, 1min * (1U << std::min(failures_in_a_row_, 6U)));
    ++failures_in_a_row_;
    due_ = now + pause;
    return;
  }
  failures_in_a_row_ = 0;
  nanoseconds renew = 30min;
  for (const auto& port : report_.ports)
    if (port.external != 0 && port.lease_s != 0)
      renew = std::min<nanoseconds>(renew, std::chrono::seconds(port.lease_s / 2));
  due_ = now + std::max<nanoseconds>(renew, 1min);
}

std::optional<nanoseconds> mapping_plan::next_deadline() const { return under_way_ ? std::nullopt : due_; }

std::vector<std::string> mapping_plan::notes() const {
  std::vector<std::string> out;
  for (const auto& port : report_.ports) out.push_back(note_of(port, report_));
  for (const auto& port : report_.ports)
    if (port.external != 0 && port.lease_s != 0 && port.lease_s < 120) {
      out.push_back("the router's leases of " + std::to_string(port.lease_s) +
                    " s are too short to be kept up; forward the ports by hand");
      break;
    }
  if (!report_.problem.empty()) out.push_back(report_.problem);
  return out;
}

std::size_t mapping_plan::wanted() const {
  std::size_t out = 0;
  for (const auto& [owner, ports] : wanted_) out += ports.size();
  return out;
}

std::size_t mapping_plan::mapped() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(report_.ports, [](const auto& port) { return port.external != 0; }));
}

}  // namespace vsf::port_mapping
