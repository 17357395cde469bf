#include "actors/dht/client_answers.hpp"

namespace vsf::dht {
namespace {

std::uint64_t microseconds(nanoseconds span) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(span).count());
}

}  // namespace

record<fb::DhtGetResult> make_get_result(std::uint64_t id, const dht_key& key, const lookup_result& result) {
  fb::DhtGetResultT out;
  out.id = id;
  out.key = box(key);
  for (const auto& leaf : result.leaves) {
    auto blob = std::make_unique<fb::BlobT>();
    blob->data = leaf;
    out.leaves.push_back(std::move(blob));
  }
  for (const auto hint : result.hints) {
    std::array<std::uint8_t, 8> raw{};
    for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(hint >> (56 - 8 * i));
    out.hints.emplace_back(flatbuffers::span<const std::uint8_t, 8>(raw.data(), raw.size()));
  }
  out.replicas = result.replicas;
  out.asked = result.asked;
  out.timeouts = result.timeouts;
  out.elapsed_us = microseconds(result.elapsed);
  return record<fb::DhtGetResult>::pack(out);
}

record<fb::DhtSweepResult> make_sweep_result(std::uint64_t id, const std::vector<dht_key>& keys,
                                             const lookup_result& result) {
  fb::DhtSweepResultT out;
  out.id = id;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    auto outcome = std::make_unique<fb::SweepOutcomeT>();
    outcome->key = box(keys[i]);
    if (i < result.outcomes.size()) {
      outcome->holders = static_cast<std::uint32_t>(result.outcomes[i].stored_at.size());
      outcome->refused = result.outcomes[i].refused;
      outcome->unanswered = result.outcomes[i].unanswered;
    }
    out.outcomes.push_back(std::move(outcome));
  }
  out.written = result.written;
  out.asked = result.asked;
  out.elapsed_us = microseconds(result.elapsed);
  return record<fb::DhtSweepResult>::pack(out);
}

record<fb::DhtFindResult> make_find_result(std::uint64_t id, const id160& target,
                                           const lookup_result& result) {
  fb::DhtFindResultT out;
  out.id = id;
  out.target = box(target);
  for (const auto& c : result.contacts) out.contacts.push_back(to_fb(c));
  out.asked = result.asked;
  out.timeouts = result.timeouts;
  out.elapsed_us = microseconds(result.elapsed);
  return record<fb::DhtFindResult>::pack(out);
}

}  // namespace vsf::dht
