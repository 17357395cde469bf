#include "actors/dht/query_service.hpp"

namespace vsf::dht {
namespace {

template <class Vector>
std::size_t size_of(const Vector* v) {
  return v == nullptr ? 0 : v->size();
}

}  // namespace

query_service::query_service(const routing_table& table, leaf_storage& storage, crypto::random_source& random,
                             service_limits limits)
    : table_(table),
      storage_(storage),
      tokens_(random),
      questions_(limits.questions, limits.max_sources),
      values_(limits.values, limits.max_sources) {}

std::vector<contact> query_service::closest(const id160& target, const contact& asker) const {
  std::vector<contact> out;
  // Who is silent right now is told to nobody: the asker would wait for it in vain.
  for (const auto* row : table_.closest(target, 2 * bucket_size, asker.address))
    if (row->who.id != asker.id && row->failures == 0 && out.size() < bucket_size) out.push_back(row->who);
  return out;
}

record<fb::DhtMessage> query_service::answer(nanoseconds now, std::uint64_t now_ms, const contact& asker,
                                             const fb::DhtMessage& message, std::size_t budget,
                                             bool may_write, std::vector<storage_effect>& effects) {
  const auto tx = message.tx();
  const auto& you = asker.address;
  const auto refuse = [&](fb::DhtRefusal reason) {
    ++counters_.refused;
    return make_refused(tx, you, reason);
  };
  if (!questions_.allow(you, now)) {
    ++counters_.rate_limited;
    return refuse(fb::DhtRefusal::rate_limited);
  }
  if (message.body_as_Ping() != nullptr) {
    ++counters_.pings;
    return make_pong(tx, you);
  }
  if (const auto* find = message.body_as_FindNode()) {
    if (find->target() == nullptr) return refuse(fb::DhtRefusal::malformed);
    ++counters_.finds;
    return make_nodes(tx, you, closest(from_fb<id160>(*find->target()), asker), budget);
  }
  if (const auto* get = message.body_as_Get()) {
    if (get->key() == nullptr) return refuse(fb::DhtRefusal::malformed);
    ++counters_.gets;
    const auto key = from_fb<dht_key>(*get->key());
    storage_.expire(now_ms, effects);
    const auto token = tokens_.make(now, you);
    const auto used = page_overhead + token.size();
    const auto shard =
        budget > used ? storage_.page(now_ms, key, get->cursor(), budget - used) : std::optional<bytes>{};
    if (shard) ++counters_.gets_with_leaves;
    return make_page(tx, you, closest(key, asker), token, shard, budget);
  }
  if (const auto* renew = message.body_as_Renew()) {
    if (renew->target() == nullptr || size_of(renew->digests()) > max_renewed_digests)
      return refuse(fb::DhtRefusal::malformed);
    return on_renew(now, now_ms, asker, tx, *renew, budget, effects);
  }
  if (const auto* store = message.body_as_Store()) {
    if (size_of(store->values()) == 0 || store->values()->size() > max_stored_values)
      return refuse(fb::DhtRefusal::malformed);
    if (!may_write) return refuse(fb::DhtRefusal::unsupported);
    return on_store(now, now_ms, asker, tx, *store, effects);
  }
  return refuse(fb::DhtRefusal::unsupported);
}

record<fb::DhtMessage> query_service::on_renew(nanoseconds now, std::uint64_t now_ms, const contact& asker,
                                               std::uint32_t tx, const fb::Renew& renew, std::size_t budget,
                                               std::vector<storage_effect>& effects) {
  ++counters_.renewals;
  std::vector<bool> held;
  if (const auto* digests = renew.digests()) {
    std::vector<fb::LeafDigest> asked;
    for (const auto* digest : *digests) asked.push_back(*digest);
    held = storage_.renew(now_ms, asked, effects);
  }
  counters_.renewed += static_cast<std::uint64_t>(std::count(held.begin(), held.end(), true));
  counters_.renewals_missed += static_cast<std::uint64_t>(std::count(held.begin(), held.end(), false));
  return make_renewed(tx, asker.address, closest(from_fb<id160>(*renew.target()), asker),
                      tokens_.make(now, asker.address), held, budget);
}

record<fb::DhtMessage> query_service::on_store(nanoseconds now, std::uint64_t now_ms, const contact& asker,
                                               std::uint32_t tx, const fb::Store& store,
                                               std::vector<storage_effect>& effects) {
  ++counters_.stores;
  const bool allowed = tokens_.check(now, asker.address, view_of(store.token()));
  std::vector<fb::PutVerdict> verdicts;
  for (const auto* value : *store.values()) {
    auto verdict = fb::PutVerdict::malformed;
    if (!allowed)
      verdict = fb::PutVerdict::bad_token;
    else if (!values_.allow(asker.address, now))
      verdict = fb::PutVerdict::rate_limited;
    else if (value != nullptr && value->key() != nullptr)
      verdict = storage_.put(now_ms, from_fb<dht_key>(*value->key()), view_of(value->data()), asker.address,
                             effects);
    const auto index = static_cast<std::size_t>(verdict);
    if (index < counters_.verdicts.size()) ++counters_.verdicts[index];
    verdicts.push_back(verdict);
  }
  return make_stored(tx, asker.address, verdicts);
}

}  // namespace vsf::dht
