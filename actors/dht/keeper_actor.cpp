#include "actors/dht/keeper_actor.hpp"

#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::dht {
namespace {

using self_pointer = keeper_actor::stateful_pointer<keeper_state>;
constexpr std::size_t portion = 128;
/// A power cut loses no more changes than that.
constexpr std::size_t max_unsynced = 512;

template <class Message>
void tell(self_pointer self, Message message) {
  // Weakly: the DHT actor holds the keeper.
  if (const auto node = caf::actor_cast<caf::strong_actor_ptr>(self->state.node))
    self->send(caf::actor_cast<dht_inner_actor>(node), std::move(message));
}

void check(self_pointer self, const result<void>& done) {
  if (!done) tell(self, disk_problem{done.error().message});
}

void load(self_pointer self) {
  std::vector<std::pair<std::uint64_t, contact>> known;
  check(self, self->state.contacts->for_each([&](const node_id&, const record<fb::KnownContact>& row) {
    if (row->contact() != nullptr) known.emplace_back(row->last_seen_ms(), from_fb(*row->contact()));
    return true;
  }));
  std::stable_sort(known.begin(), known.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  disk_contacts contacts;
  for (const auto& [seen, who] : known) contacts.contacts.push_back(who);
  tell(self, std::move(contacts));

  disk_leaves leaves;
  check(self, self->state.leaves->for_each(
                  [&](const dht_key&, const public_key& publisher, const record<fb::HeldLeaf>& row) {
                    leaves.leaves.emplace_back(publisher, row);
                    if (leaves.leaves.size() >= portion) tell(self, std::exchange(leaves, {}));
                    return true;
                  }));
  leaves.last = true;
  tell(self, std::move(leaves));
}

void follow(self_pointer self, const disk_changes& message) {
  std::vector<storage::held_leaf_store::entry> kept;
  std::vector<std::pair<dht_key, public_key>> gone;
  // One batch for each stretch of the same kind, so that the last word on a leaf is the last written.
  const auto write = [&] {
    auto& unsynced = self->state.unsynced;
    unsynced += kept.size() + gone.size();
    const auto how = unsynced < max_unsynced ? storage::durability::buffered : storage::durability::synced;
    if (how == storage::durability::synced) unsynced = 0;
    if (!kept.empty()) check(self, self->state.leaves->put(kept, how));
    if (!gone.empty()) check(self, self->state.leaves->erase(gone, how));
    kept.clear();
    gone.clear();
  };
  for (const auto& change : message.changes) {
    if (const auto* k = std::get_if<keep_leaf>(&change)) {
      if (!gone.empty()) write();
      kept.push_back({k->key, k->publisher, k->raw, k->lease_ends_ms, k->from});
    } else if (const auto* d = std::get_if<drop_leaf>(&change)) {
      if (!kept.empty()) write();
      gone.emplace_back(d->key, d->publisher);
    }
  }
  write();
}

}  // namespace

keeper_actor::behavior_type keeper(self_pointer self, environment_ptr env, caf::actor_addr node) {
  supervisor::prepare(self);
  self->state.leaves = std::make_unique<storage::held_leaf_store>(env->store);
  self->state.contacts = std::make_unique<storage::contact_store>(env->store);
  self->state.node = std::move(node);
  return {
      [self](const disk_load&) { load(self); },
      [self](const disk_changes& m) { follow(self, m); },
      [self](const disk_save_contacts& m) {
        check(self, self->state.contacts->put(*m.contacts, storage::durability::synced));
      },
  };
}

}  // namespace vsf::dht
