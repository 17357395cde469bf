#pragma once

#include <map>
#include <memory>
#include <vector>

#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/interfaces.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "tests/actors/shadow_index/leaf_support.hpp"

namespace vsf::tests {

/// What a scripted DHT does and what it was asked.
struct dht_script {
  struct put {
    std::chrono::nanoseconds at;
    dht_key key;
    bytes value;
    bool held = false;
  };
  struct sweep {
    std::chrono::nanoseconds at;
    std::size_t keys = 0;
  };
  std::chrono::milliseconds delay{200};
  bool silent = false;  // loses every question
  std::uint32_t holders = 16, asked = 16;
  std::map<dht_key, std::uint32_t> holders_of;  // instead of `holders`
  std::uint32_t per_whole = 8, per_held = 1;    // datagrams a key
  std::map<dht_key, std::vector<bytes>> held;   // what a get returns; puts go here, too
  std::map<dht_key, std::vector<fb::Hint>> hints;
  std::map<node_id, contact> contacts;
  std::vector<put> puts;
  std::vector<sweep> sweeps;
  std::uint64_t written = 0;
  std::size_t gets = 0, finds = 0;
};

inline dht_actor::behavior_type fake_dht(dht_actor::pointer self, std::shared_ptr<dht_script> script) {
  return {
      [=](const record<fb::DhtGet>& question, const dht_client_actor& client) {
        ++script->gets;
        if (script->silent) return;
        fb::DhtGetResultT out;
        out.id = question->id();
        const auto key = from_fb<dht_key>(*question->key());
        out.key = box(key);
        for (const auto& value : script->held[key]) {
          out.leaves.push_back(std::make_unique<fb::BlobT>());
          out.leaves.back()->data = value;
        }
        out.hints = script->hints[key];
        out.asked = script->asked;
        out.replicas = out.leaves.empty() ? 0 : 3;
        self->delayed_send(client, script->delay, record<fb::DhtGetResult>::pack(out));
      },
      [=](const record<fb::DhtSweep>& question, const dht_client_actor& client) {
        script->sweeps.push_back({supervisor::now(self), question->items()->size()});
        fb::DhtSweepResultT out;
        out.id = question->id();
        for (const auto* item : *question->items()) {
          const auto key = from_fb<dht_key>(*item->key());
          const auto value = to_bytes(view_of(item->value()));
          script->puts.push_back({supervisor::now(self), key, value, item->held()});
          if (script->silent) continue;
          const auto special = script->holders_of.find(key);
          const auto holders = special == script->holders_of.end() ? script->holders : special->second;
          if (holders > 0) script->held[key] = {value};
          auto& outcome = *out.outcomes.emplace_back(std::make_unique<fb::SweepOutcomeT>());
          outcome.key = box(key);
          outcome.holders = holders;
          if (script->asked > 0) out.written += item->held() ? script->per_held : script->per_whole;
        }
        if (script->silent) return;
        script->written += out.written;
        out.asked = script->asked;
        self->delayed_send(client, script->delay, record<fb::DhtSweepResult>::pack(out));
      },
      [=](const record<fb::DhtFind>& question, const dht_client_actor& client) {
        ++script->finds;
        if (script->silent) return;
        const auto target = from_fb<id160>(*question->target());
        fb::DhtFindResultT out;
        out.id = question->id();
        out.target = box(target);
        const auto nearest = script->contacts.lower_bound(target);
        if (nearest != script->contacts.end()) out.contacts.push_back(to_fb(nearest->second));
        self->delayed_send(client, script->delay, record<fb::DhtFindResult>::pack(out));
      },
      [](const contact&) {},
      [](const transport_ready&) {},
      [](const datagram&) {},
      [](const component_links&) {},
      [](report_request) {},
      [](const alarm&) {},
      [](const restart_child&) {},
  };
}

/// Keeps what components report and tell.
struct telemetry_log {
  std::vector<fb::ComponentReportT> reports;
  std::vector<fb::EventT> events;
};

inline telemetry_actor::behavior_type fake_telemetry(telemetry_actor::pointer,
                                                     std::shared_ptr<telemetry_log> log) {
  return {
      [](status_request) { return record<fb::NodeStatus>::pack({}); },
      [=](const record<fb::ComponentReport>& report, std::uint64_t) {
        log->reports.push_back(report.unpack());
      },
      [=](const record<fb::Event>& event) { log->events.push_back(event.unpack()); },
      [](const subscribe&) {},
      [](const child_changed&) {},
      [](const component_links&) {},
      [](const alarm&) {},
  };
}

inline std::int64_t gauge_of(const fb::ComponentReportT& report, const std::string& name) {
  for (const auto& g : report.gauges)
    if (g->name == name) return g->value;
  return -1;
}
inline std::uint64_t counter_of(const fb::ComponentReportT& report, const std::string& name,
                                const std::string& label = {}) {
  for (const auto& c : report.counters)
    if (c->name == name && c->label == label) return c->value;
  return ~0ull;
}

/// An environment with a store in memory, reproducible randomness and a wall clock that starts at test_now_s.
/// `shift_ms` moves that clock.
inline std::shared_ptr<environment> make_environment(std::shared_ptr<storage::kv_store> store,
                                                     std::shared_ptr<std::int64_t> shift_ms) {
  auto env = std::make_shared<environment>();
  env->store = std::move(store);
  env->random = std::make_shared<crypto::seeded_random>(7);
  env->unix_ms = [shift_ms](std::chrono::nanoseconds actor_now) {
    return test_now_s * 1000 + static_cast<std::uint64_t>(actor_now / std::chrono::milliseconds(1)) +
           static_cast<std::uint64_t>(*shift_ms);
  };
  env->log = [](log_level, std::string_view, std::string_view) {};
  env->inline_workers = true;
  return env;
}

}  // namespace vsf::tests
