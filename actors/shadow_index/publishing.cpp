#include "actors/shadow_index/publishing.hpp"

#include <algorithm>

#include "storage/key_codec.hpp"

namespace vsf::shadow_index {
namespace {

using std::chrono::nanoseconds;

// Parts of a step: some milliseconds of work each.
constexpr std::size_t restored_per_step = 256;
constexpr std::size_t listed_per_step = 256;
constexpr std::size_t built_per_step = 32;
constexpr std::size_t listed_ahead = 4096;
constexpr std::size_t files_per_subject = 1000;
constexpr nanoseconds storage_pause = std::chrono::seconds(10);
// The highest seq of leaves that were erased, 8 bytes big-endian.
constexpr std::string_view seq_floor_key = "shadow_index/seq";

std::optional<record<fb::Leaf>> parse_own(byte_view raw) {
  const auto wrapped = record<fb::SignedLeaf>::parse_copy(raw);
  return wrapped ? record<fb::Leaf>::parse_copy(view_of((*wrapped)->leaf())) : std::nullopt;
}

std::string hours_or_minutes(nanoseconds x) {
  const auto minutes = std::max<std::int64_t>(1, x / std::chrono::minutes(1));
  return minutes < 120 ? std::to_string(minutes) + " min" : std::to_string(minutes / 60) + " h";
}

}  // namespace

publishing::publishing(const std::shared_ptr<storage::kv_store>& store,
                       std::shared_ptr<const identity::identity> who, plan_settings settings,
                       crypto::random_source& random)
    : store_(store), own_leaves_(store), library_(store), who_(std::move(who)), plan_(settings, random) {
  const auto floor = store_->get(storage::family::meta, storage::view_of_text(seq_floor_key));
  if (floor && *floor)
    if (const auto seq = storage::key_reader(**floor).number<std::uint64_t>()) seqs_.observe(*seq);
}

void publishing::problem(std::string text, step_result& out) {
  ++counters_.store_errors;
  out.problems.push_back(std::move(text));
}

void publishing::changed(fb::LeafKind kind, const mbid& id) {
  if (!id.is_zero()) to_build_.emplace(kind, id);
}

publishing::step_result publishing::step(nanoseconds now, std::uint64_t unix_ms) {
  step_result out;
  if (!paused_until_ || *paused_until_ <= now) {
    paused_until_.reset();
    if (phase_ == phase::restoring)
      restore_some(now, unix_ms, out);
    else if (phase_ == phase::listing && to_build_.size() < listed_ahead)
      list_some(out);
    else if (!to_build_.empty())
      build_some(now, unix_ms, out);
    if (!out.problems.empty()) paused_until_ = now + storage_pause;
  }
  if (phase_ != phase::restoring)
    for (const auto& planned : plan_.take_due(now)) sweep(planned, now, unix_ms, out);
  drop_unanswered();
  forget_finished(now, out);
  if (plan_.pending() > 0) unpublished_ = true;
  if (unpublished_ && plan_.pending() == 0 && phase_ == phase::following && to_build_.empty()) {
    unpublished_ = false;
    out.all_published = true;
  }
  return out;
}

std::optional<nanoseconds> publishing::next_deadline(nanoseconds now) const {
  auto out = plan_.next_deadline(now);
  if (phase_ != phase::following || !to_build_.empty()) {
    const auto at = paused_until_.value_or(now);
    out = out ? std::min(*out, at) : at;
  }
  return out;
}

void publishing::restore_some(nanoseconds now, std::uint64_t unix_ms, step_result& out) {
  std::size_t n = 0;
  dht_key last{};
  std::vector<dht_key> alien;
  const auto done = own_leaves_.for_each(
      [&](const dht_key& key, const record<fb::OwnLeaf>& stored) {
        if (n == restored_per_step) return false;
        ++n;
        last = key;
        const auto leaf = parse_own(view_of(stored->signed_leaf()));
        if (!leaf || (*leaf)->mbid() == nullptr || !is_leaf_of((*leaf).operator->(), *who_)) {
          alien.push_back(key);
          return true;
        }
        seqs_.observe((*leaf)->seq());
        std::optional<nanoseconds> since_put;
        if (stored->last_put_ms() != 0)
          since_put = std::chrono::milliseconds(
              unix_ms > stored->last_put_ms() ? unix_ms - stored->last_put_ms() : std::uint64_t{0});
        plan_.restore(key, (*leaf)->ttl_s() == 0, since_put, stored->holders() > 0, now);
        changed((*leaf)->kind(), from_fb<mbid>(*(*leaf)->mbid()));
        return true;
      },
      restore_from_);
  if (!done) return problem(done.error().message, out);
  // Leaves of an identity that this node no longer has can't be renewed or withdrawn: their leases end by
  // themselves.
  for (const auto& key : alien) {
    ++counters_.alien_leaves;
    if (const auto erased = own_leaves_.erase(key); !erased) problem(erased.error().message, out);
  }
  if (n < restored_per_step) {
    phase_ = phase::listing;
    return;
  }
  // The next key in order.
  restore_from_ = last;
  for (std::size_t i = dht_key::length; i-- > 0 && ++restore_from_[i] == 0;) {
  }
}

void publishing::list_some(step_result& out) {
  std::size_t n = 0;
  const auto done = library_.for_each(
      [&](const record<fb::FileEntry>& entry) {
        if (n == listed_per_step) return false;
        ++n;
        list_from_ = string_of(entry->path());
        if (entry->recording() != nullptr)
          changed(fb::LeafKind::recording, from_fb<mbid>(*entry->recording()));
        if (entry->release() != nullptr) changed(fb::LeafKind::release, from_fb<mbid>(*entry->release()));
        return true;
      },
      list_from_);
  if (!done) return problem(done.error().message, out);
  if (n < listed_per_step) phase_ = phase::following;
  list_from_.push_back('\0');
}

std::optional<leaf_content> publishing::content_of(const subject& about, step_result& out) {
  const auto& [kind, id] = about;
  const auto paths = kind == fb::LeafKind::recording ? library_.find_recording(id, files_per_subject)
                                                     : library_.find_release(id, files_per_subject);
  if (!paths) {
    problem(paths.error().message, out);
    return std::nullopt;
  }
  std::vector<fb::FileEntryT> files;
  for (const auto& path : *paths) {
    const auto entry = library_.get(path);
    if (!entry) {
      problem(entry.error().message, out);
      return std::nullopt;
    }
    if (*entry) files.push_back((*entry)->unpack());
  }
  return kind == fb::LeafKind::recording ? recording_content(id, files) : release_content(id, files);
}

std::optional<publishing::own> publishing::own_leaf(const dht_key& key, step_result& out) {
  const auto stored = own_leaves_.get(key);
  if (!stored) {
    problem(stored.error().message, out);
    return std::nullopt;
  }
  if (!*stored) return std::nullopt;
  auto leaf = parse_own(view_of((**stored)->signed_leaf()));
  if (!leaf || !is_leaf_of(leaf->operator->(), *who_)) return std::nullopt;
  return own{(*stored)->unpack(), std::move(*leaf)};
}

bool publishing::rebuild(const subject& about, std::uint64_t unix_ms,
                         std::vector<std::pair<build_verdict, fb::OwnLeafT>>& changed_leaves,
                         step_result& out) {
  const auto key = home_of(about.first, about.second);
  if (!key) return true;
  const auto problems_before = out.problems.size();
  const auto content = content_of(about, out);
  const auto published = own_leaf(*key, out);
  if (!content || out.problems.size() != problems_before) return false;
  const auto lease_s = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(plan_.settings().lease).count());
  auto made =
      build(*content, published ? published->leaf.operator->() : nullptr, *who_, seqs_, unix_ms, lease_s);
  if (made.verdict == build_verdict::keep || made.verdict == build_verdict::nothing) {
    ++counters_.unchanged;
    return true;
  }
  const auto raw = sign_leaf(std::move(made.leaf), *who_);
  if (!raw) {
    // Can't happen with content made by build(); a bug should be seen, not loop.
    problem(raw.error().message, out);
    return true;
  }
  fb::OwnLeafT stored;
  stored.key = box(*key);
  stored.signed_leaf = to_bytes(raw->view());
  stored.withdrawn = made.verdict == build_verdict::withdraw;
  // A renewed signature says nothing new, so the lease counts, but nobody holds this very leaf.
  if (made.verdict == build_verdict::renew && published) stored.last_put_ms = published->stored.last_put_ms;
  changed_leaves.emplace_back(made.verdict, std::move(stored));
  return true;
}

bool publishing::save(const std::vector<std::pair<build_verdict, fb::OwnLeafT>>& changed_leaves,
                      nanoseconds now, step_result& out) {
  if (changed_leaves.empty()) return true;
  std::vector<fb::OwnLeafT> leaves;
  for (const auto& [verdict, leaf] : changed_leaves) leaves.push_back(leaf);
  // Synced before anybody sees it: a node never forgets a seq that it has used.
  if (const auto done = own_leaves_.put(leaves); !done) {
    problem(done.error().message, out);
    return false;
  }
  for (const auto& [verdict, leaf] : changed_leaves) {
    const auto key = from_fb<dht_key>(*leaf.key);
    ++(verdict == build_verdict::sign       ? counters_.leaves_signed
       : verdict == build_verdict::withdraw ? counters_.tombstones
                                            : counters_.leaves_renewed);
    note_replaced(key);
    if (verdict == build_verdict::renew && plan_.knows(key)) {
      plan_.resigned(key);
      continue;
    }
    if (!plan_.changed(key, verdict == build_verdict::withdraw, now)) ++counters_.over_limit;
  }
  return true;
}

void publishing::build_some(nanoseconds now, std::uint64_t unix_ms, step_result& out) {
  std::vector<std::pair<build_verdict, fb::OwnLeafT>> changed_leaves;
  std::vector<subject> taken;
  while (!to_build_.empty() && taken.size() < built_per_step) {
    taken.push_back(*to_build_.begin());
    to_build_.erase(to_build_.begin());
    if (rebuild(taken.back(), unix_ms, changed_leaves, out)) continue;
    to_build_.insert(taken.back());
    break;
  }
  if (!save(changed_leaves, now, out)) to_build_.insert(taken.begin(), taken.end());
}

std::optional<publishing::sent_leaf> publishing::leaf_to_send(std::uint64_t id,
                                                              const planned_sweep::item& item,
                                                              nanoseconds now, std::uint64_t unix_ms,
                                                              step_result& out) {
  const auto problems_before = out.problems.size();
  auto mine = own_leaf(item.key, out);
  if (mine && mine->leaf->ttl_s() != 0 && signature_is_old(*mine->leaf, unix_ms / 1000)) {
    std::vector<std::pair<build_verdict, fb::OwnLeafT>> changed_leaves;
    if (rebuild({mine->leaf->kind(), from_fb<mbid>(*mine->leaf->mbid())}, unix_ms, changed_leaves, out) &&
        save(changed_leaves, now, out))
      mine = own_leaf(item.key, out);
  }
  if (!mine) {
    plan_.not_sent(id, item.key, now);
    // A failure of the disk passes; a leaf that isn't there does not come back by itself.
    if (out.problems.size() == problems_before) plan_.forget(item.key);
    return std::nullopt;
  }
  const bool held = item.held && mine->stored.holders > 0;
  return sent_leaf{item.key, std::move(mine->stored), held};
}

void publishing::sweep(const planned_sweep& planned, nanoseconds now, std::uint64_t unix_ms,
                       step_result& out) {
  fb::DhtSweepT message;
  message.id = planned.id;
  std::vector<sent_leaf> sent;
  for (const auto& planned_item : planned.items) {
    auto leaf = leaf_to_send(planned.id, planned_item, now, unix_ms, out);
    if (!leaf) continue;
    auto& item = *message.items.emplace_back(std::make_unique<fb::SweepItemT>());
    item.key = box(leaf->key);
    item.value = leaf->stored.signed_leaf;
    item.held = leaf->held;
    sent.push_back(std::move(*leaf));
  }
  if (sent.empty()) return;
  ++counters_.sweeps;
  counters_.keys_put += sent.size();
  flights_.emplace(planned.id, std::move(sent));
  out.sweeps.push_back(record<fb::DhtSweep>::pack(message));
}

void publishing::note_replaced(const dht_key& key) {
  for (auto& [id, sent] : flights_) {
    const auto at = std::ranges::lower_bound(sent, key, {}, &sent_leaf::key);
    if (at != sent.end() && at->key == key) at->replaced = true;
  }
}

void publishing::drop_unanswered() {
  std::erase_if(flights_, [&](const auto& flight) {
    if (plan_.flying(flight.first)) return false;
    for (const auto& leaf : flight.second) count_ending(leaf.held, &put_endings::unanswered);
    return true;
  });
}

void publishing::count_ending(bool held, std::uint64_t put_endings::*how) {
  ++(counters_.puts.*how);
  if (held) ++(counters_.renewals.*how);
}

void publishing::on_sweep(const fb::DhtSweepResult& result, nanoseconds now, std::uint64_t unix_ms) {
  const auto at = flights_.find(result.id());
  if (at == flights_.end()) return;
  auto sent = std::move(at->second);
  flights_.erase(at);
  std::vector<key_outcome> outcomes;
  if (result.outcomes() != nullptr)
    for (const auto* outcome : *result.outcomes())
      if (outcome->key() != nullptr)
        outcomes.push_back({from_fb<dht_key>(*outcome->key()), outcome->holders()});
  plan_.done(result.id(), outcomes, result.asked(), result.written(), now);
  counters_.datagrams += result.written();

  // The lease counts from when the first holder can have taken it.
  const auto elapsed_ms = std::min(result.elapsed_us() / 1000, unix_ms);
  std::vector<fb::OwnLeafT> taken;
  auto next = outcomes.begin();
  for (auto& leaf : sent) {
    while (next != outcomes.end() && next->key < leaf.key) ++next;
    const auto holders = next != outcomes.end() && next->key == leaf.key ? next->holders : 0;
    count_ending(leaf.held, holders > 0          ? &put_endings::taken
                            : result.asked() > 0 ? &put_endings::refused
                                                 : &put_endings::unheard);
    if (leaf.replaced) {
      plan_.resigned(leaf.key);
    } else if (holders > 0) {
      leaf.stored.last_put_ms = unix_ms - elapsed_ms;
      leaf.stored.holders = holders;
      taken.push_back(std::move(leaf.stored));
    }
  }
  if (!own_leaves_.put(taken, storage::durability::buffered)) ++counters_.store_errors;
}

void publishing::dht_restarted(nanoseconds now) {
  flights_.clear();
  plan_.abandon_in_flight(now);
}

void publishing::forget_finished(nanoseconds now, step_result& out) {
  const auto finished = plan_.take_finished(now);
  if (finished.empty()) return;
  storage::write_batch batch;
  for (const auto& key : finished) batch.erase(storage::family::own_leaves, key.view());
  // What these tombstones said must not be said again with a lower number by a clock that went back.
  batch.put(storage::family::meta, storage::view_of_text(seq_floor_key),
            storage::key_builder().number(seqs_.last()).take());
  if (const auto done = store_->write(batch, storage::durability::synced); !done)
    problem(done.error().message, out);
}

std::vector<std::string> publishing::notes(nanoseconds now) const {
  std::vector<std::string> out;
  const auto s = plan_.status(now);
  if (s.beyond_rate > 0)
    out.push_back(std::to_string(s.beyond_rate) + " of " + std::to_string(s.keys) +
                  " keys can't be kept alive all the time within mesh.privacy.dht_rate_limit_per_minute (" +
                  std::to_string(plan_.settings().datagrams_per_minute) +
                  "); raise it or mesh.shadow_index.shard_ttl_hours.");
  if (s.pending > 0)
    out.push_back(std::to_string(s.pending) + " of " + std::to_string(s.keys + s.withdrawing) +
                  " keys are still to be published; a full publish takes about " +
                  hours_or_minutes(s.full_publish) + ".");
  if (counters_.over_limit > 0)
    out.push_back("More keys than the " + std::to_string(publish_plan::max_keys) +
                  " that one node publishes: the rest is not found by others.");
  if (paused_until_)
    out.push_back("The store can't be used; publishing goes on from what is known and tries again.");
  return out;
}

}  // namespace vsf::shadow_index
