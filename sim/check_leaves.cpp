#include <algorithm>
#include <cmath>
#include <set>

#include "net/crypto/crypto.hpp"
#include "sim/check_parts.hpp"

namespace vsf::sim {

namespace {

using shadow_index::checked_leaf;

/// A put ends after at most 9 s: a holder has the leaf from some time in this span before its end on.
constexpr std::uint64_t put_us = 10'000'000;
/// What is about to expire may be gone already.
constexpr double expiry_margin_s = 60;
constexpr std::uint64_t longest_ttl_s = 24 * 3600;
constexpr std::uint64_t usual_lease_s = 3600;

struct row_name {
  std::size_t node = 0;
  dht_key key;
  public_key publisher;
  auto operator<=>(const row_name&) const = default;
};

class leaves_check {
 public:
  leaves_check(const run_log& log, const scenario& plan, verdict& out) : log_(log), out_(out) {
    margin_us_ = static_cast<std::uint64_t>((expiry_margin_s + 2 * plan.population.clock_skew_s) * 1e6);
    last_cut_us_.resize(log.run().nodes);
    up_.resize(log.run().nodes);
  }

  void run() {
    for (std::size_t i = 0; i < log_.records.size(); ++i) {
      line_ = i + 1;
      std::visit([this](const auto& r) { take(r); }, log_.records[i]);
    }
    check_replicas();
    check_acknowledged();
    out_.looked_at["leaves"] = leaves_.size();
    out_.looked_at["stored"] = stored_.size();
  }

 private:
  struct known_leaf {
    checked_leaf leaf;
    bool parsed = false;
    std::uint64_t expires_s = 0;
    std::uint64_t lease_s = 0;
  };
  struct stored_at {
    const stored_record* record;
    std::size_t line;
  };
  struct acknowledged {
    const ack_record* record;
    std::size_t line;
  };

  template <class Other>
  void take(const Other&) {}

  void take(const node_record& r) {
    keys_.insert(r.key);
    up_[r.node] = r.what == "up";
    if (r.what == "power_cut") last_cut_us_[r.node] = r.at_us;
  }
  void take(const fault_record& r) {
    if (r.what == "clock_jump")
      margin_us_ += static_cast<std::uint64_t>(std::min(std::fabs(r.value), 1e9) * 1e6);
  }

  void take(const leaf_record& r) {
    auto& known = leaves_[r.hash];
    if (crypto::sha256(r.raw) != r.hash) complain("leaf_bytes", 0, "the bytes don't have this hash");
    const auto wrapped = record<fb::SignedLeaf>::parse_copy(r.raw);
    const auto inner = wrapped ? record<fb::Leaf>::parse_copy(view_of((*wrapped)->leaf())) : std::nullopt;
    if (!inner || (*inner)->publisher() == nullptr || (*inner)->mbid() == nullptr ||
        (*wrapped)->signature() == nullptr)
      return complain("leaf_bytes", 0, "leaf " + to_hex(r.hash).substr(0, 16) + " is not well formed");
    known.parsed = true;
    auto& leaf = known.leaf;
    leaf.leaf = *inner;
    leaf.kind = (*inner)->kind();
    leaf.mbid = from_fb<mbid>(*(*inner)->mbid());
    leaf.publisher = from_fb<public_key>(*(*inner)->publisher());
    leaf.seq = (*inner)->seq();
    leaf.tombstone = (*inner)->ttl_s() == 0;
    const auto signed_bytes = view_of((*wrapped)->leaf());
    leaf.order = crypto::blake2b256({signed_bytes});
    known.expires_s = (*inner)->issued_at_s() + (leaf.tombstone ? longest_ttl_s : (*inner)->ttl_s());
    known.lease_s = (*inner)->lease_s() == 0 ? usual_lease_s : (*inner)->lease_s();
    if (log_.run().crypto != "real") return;
    ++out_.looked_at["signatures"];
    if (!crypto::verify(leaf.publisher, from_fb<signature>(*(*wrapped)->signature()),
                        {crypto::as_bytes(shadow_index::leaf_domain), crypto::as_bytes(log_.run().network),
                         signed_bytes}))
      complain("signature", 0, "leaf " + to_hex(r.hash).substr(0, 16) + " is not signed by its publisher");
  }

  void take(const stored_record& r) {
    const auto* known = find(r.hash, log_.end_us(), r.node);
    if (!keys_.contains(r.publisher))
      complain("publisher", log_.end_us(),
               "holds a leaf of " + to_hex(r.publisher).substr(0, 16) + ", which is no node of the run",
               r.node);
    if (!stored_.emplace(row_name{r.node, r.key, r.publisher}, stored_at{&r, line_}).second)
      complain("replicas", log_.end_us(), "holds two leaves of one publisher under one key", r.node);
    if (known == nullptr || !known->parsed) return;
    const auto& leaf = known->leaf;
    if (leaf.publisher != r.publisher || leaf.seq != r.seq)
      complain("leaf_bytes", log_.end_us(), "holds bytes of another publisher or seq than it says", r.node);
    if (shadow_index::home_of(leaf.kind, leaf.mbid) != r.key)
      complain("home", log_.end_us(), "holds a leaf of " + to_string(leaf.mbid) + " under a key not its own",
               r.node);
  }

  void take(const ack_record& r) {
    find(r.hash, r.at_us, r.node);
    for (const auto holder : r.holders) {
      ++out_.looked_at["acknowledgements"];
      auto& last = acknowledged_[{holder, r.key, r.publisher}];
      if (last.record == nullptr || r.seq >= last.record->seq) last = {&r, line_};
    }
  }

  const known_leaf* find(const digest& hash, std::uint64_t at_us, std::size_t node) {
    const auto known = leaves_.find(hash);
    if (known != leaves_.end()) return &known->second;
    complain("leaf_bytes", at_us, "names leaf " + to_hex(hash).substr(0, 16) + ", whose bytes the log lacks",
             node);
    return nullptr;
  }

  void check_replicas() {
    std::map<std::tuple<dht_key, public_key, std::uint64_t>, stored_at> first;
    std::map<dht_key, std::vector<stored_at>> by_key;
    for (const auto& [name, at] : stored_) {
      by_key[name.key].push_back(at);
      const auto [other, fresh] = first.try_emplace({name.key, name.publisher, at.record->seq}, at);
      line_ = at.line;
      if (!fresh && other->second.record->hash != at.record->hash)
        complain("replicas", log_.end_us(),
                 "holds other bytes than node " + std::to_string(other->second.record->node) +
                     " of the same key, publisher and seq " + std::to_string(at.record->seq),
                 name.node);
    }
    for (const auto& [key, replicas] : by_key) {
      std::vector<const checked_leaf*> copies;
      for (const auto& at : replicas)
        if (const auto known = leaves_.find(at.record->hash); known != leaves_.end() && known->second.parsed)
          copies.push_back(&known->second.leaf);
      ++out_.looked_at["merged_keys"];
      line_ = replicas.front().line;
      if (!orders_agree(copies, merge_leaves))
        complain("merge", log_.end_us(), "key " + to_hex(key) + ": the order of merging changes the result");
    }
  }

  void check_acknowledged() {
    for (const auto& [name, last] : acknowledged_) {
      const auto& ack = *last.record;
      const auto begun_us = ack.at_us - std::min(ack.at_us, put_us);
      const auto& cut = last_cut_us_[name.node];
      if (!up_[name.node] || (cut && *cut >= begun_us) || may_be_expired(ack, begun_us)) continue;
      ++out_.looked_at["acknowledged_rows"];
      const auto held = stored_.find(name);
      if (held != stored_.end() && held->second.record->seq >= ack.seq) continue;
      line_ = last.line;
      complain("acknowledged", ack.at_us,
               "said that it keeps seq " + std::to_string(ack.seq) + " of node " + std::to_string(ack.node) +
                   " under " + to_hex(ack.key) +
                   (held == stored_.end()
                        ? ", and has nothing of it at the end"
                        : ", and has seq " + std::to_string(held->second.record->seq) + " at the end"),
               name.node);
    }
  }

  bool may_be_expired(const ack_record& ack, std::uint64_t begun_us) const {
    const auto known = leaves_.find(ack.hash);
    if (known == leaves_.end() || !known->second.parsed) return true;  // complained of already
    const auto start_s = log_.run().unix_ms_at_start / 1000;
    const auto signature_s = known->second.expires_s - std::min(known->second.expires_s, start_s);
    const auto lease_s = std::min(known->second.lease_s, longest_ttl_s);
    const auto until_us =
        std::min(std::min(signature_s, 1000 * longest_ttl_s) * 1'000'000, begun_us + lease_s * 1'000'000);
    return until_us <= log_.end_us() + margin_us_;
  }

  void complain(const char* check, std::uint64_t at_us, const std::string& what,
                std::optional<std::size_t> node = std::nullopt) {
    out_.violations.push_back({check, node ? node_name(*node) : "the run", what, at_us, line_});
  }

  const run_log& log_;
  verdict& out_;
  std::size_t line_ = 0;
  std::uint64_t margin_us_ = 0;
  std::set<public_key> keys_;
  std::vector<bool> up_;
  std::vector<std::optional<std::uint64_t>> last_cut_us_;
  std::map<digest, known_leaf> leaves_;
  std::map<row_name, stored_at> stored_;
  std::map<row_name, acknowledged> acknowledged_;
};

}  // namespace

shadow_index::leaf_map merge_leaves(const std::vector<const checked_leaf*>& leaves) {
  shadow_index::leaf_map out;
  for (const auto* leaf : leaves) out.insert(*leaf);
  return out;
}

bool orders_agree(std::vector<const checked_leaf*> leaves, const merge_function& merge) {
  const auto first = merge(leaves);
  std::map<public_key, std::pair<std::uint64_t, digest>> best;
  for (const auto* leaf : leaves) {
    auto& b = best[leaf->publisher];
    b = std::max(b, std::pair(leaf->seq, leaf->order));
  }
  if (first.size() != best.size()) return false;
  for (const auto& [publisher, leaf] : first.all())
    if (!best.contains(publisher) || best.at(publisher) != std::pair(leaf.seq, leaf.order)) return false;
  std::reverse(leaves.begin(), leaves.end());
  if (!(merge(leaves) == first)) return false;
  std::rotate(leaves.begin(), leaves.begin() + static_cast<std::ptrdiff_t>(leaves.size() / 2), leaves.end());
  if (!(merge(leaves) == first)) return false;
  // As two halves that learn of each other, both ways.
  const auto middle = leaves.begin() + static_cast<std::ptrdiff_t>(leaves.size() / 2);
  auto left = merge({leaves.begin(), middle}), right = merge({middle, leaves.end()});
  const auto left_before = left;
  left.merge(right);
  right.merge(left_before);
  return left == first && right == first;
}

void check_leaves(const run_log& log, const scenario& plan, verdict& out) {
  leaves_check(log, plan, out).run();
}

}  // namespace vsf::sim
