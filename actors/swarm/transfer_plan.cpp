#include "actors/swarm/transfer_plan.hpp"

#include <algorithm>
#include <utility>

#include "net/crypto/random.hpp"

namespace vsf::swarm {

namespace {

constexpr std::uint8_t most_askers = 2;

}  // namespace

transfer_plan::transfer_plan(std::uint64_t size_bytes, options how)
    : size_(size_bytes),
      how_(how),
      leaves_(leaf_count(size_bytes), leaf::missing),
      askers_(leaves_.size(), 0),
      proofs_(piece_count(size_bytes), proof::none),
      proof_askers_(proofs_.size(), 0),
      missing_(proofs_.size(), 0),
      rarity_(proofs_.size(), 0),
      turn_(proofs_.size()),
      filed_(proofs_.size()),
      had_(leaf_count(size_bytes)) {
  const auto n = static_cast<std::uint32_t>(proofs_.size());
  const auto first = n == 0 ? 0 : static_cast<std::uint32_t>(how_.order % n);
  for (std::uint32_t p = 0; p < n; ++p) {
    turn_[p] = (p + n - first) % n;
    filed_[p].piece = p;
  }
  for (std::uint32_t i = 0; i < leaves_.size(); ++i) ++missing_[piece_of(i)];
  for (std::uint32_t p = 0; p < proofs_.size(); ++p) file_piece(p);
}

void transfer_plan::restore(const bitmap& had, const std::vector<std::uint32_t>& proven_pieces) {
  for (const auto p : proven_pieces)
    if (p < proofs_.size()) proofs_[p] = proof::proven;
  for (std::uint32_t i = 0; i < leaves_.size(); ++i) {
    if (!had.test(i) || leaves_[i] == leaf::had) continue;
    take_missing(i, leaf::had);
    had_.set(i);
    bytes_had_ += leaf_length(size_, i);
  }
  for (std::uint32_t p = 0; p < proofs_.size(); ++p) file_piece(p);
}

// ---- Which piece next

void transfer_plan::file_piece(std::uint32_t piece) {
  auto& now = filed_[piece];
  unproven_.erase(now);
  ready_.erase(now);
  const auto all = std::min<std::uint32_t>(piece_leaves,
                                           static_cast<std::uint32_t>(leaves_.size()) - piece * piece_leaves);
  now = {missing_[piece] == all, rarity_[piece], turn_[piece], piece};
  if (missing_[piece] == 0) return;
  if (proofs_[piece] == proof::none) unproven_.insert(now);
  if (proofs_[piece] == proof::proven) ready_.insert(now);
}

/// Downloaders that feed each other must not all go the same way round: they would meet and then fetch the
/// same pieces at the same time.
void transfer_plan::shuffle() {
  crypto::seeded_random random(how_.order);
  for (std::size_t i = turn_.size(); i > 1; --i) std::swap(turn_[i - 1], turn_[random.below(i)]);
  for (std::uint32_t p = 0; p < proofs_.size(); ++p) file_piece(p);
}

std::optional<std::uint32_t> transfer_plan::best_of(const std::set<rank>& pieces, const source& whose) const {
  for (const auto& r : pieces)
    if (whose.has(r.piece)) return r.piece;
  return std::nullopt;
}

std::size_t transfer_plan::ready_of(const source& whose) const {
  return static_cast<std::size_t>(
      std::count_if(ready_.begin(), ready_.end(), [&](const rank& r) { return whose.has(r.piece); }));
}

bool transfer_plan::can_give(source_number number) const {
  const auto it = sources_.find(number);
  if (it == sources_.end()) return false;
  const auto& s = it->second;
  if (s.whole || s.outstanding != 0 || !s.proofs.empty()) return true;
  for (std::uint32_t p = 0; p < proofs_.size(); ++p)
    if (missing_[p] > 0 && s.has(p)) return true;
  return false;
}

void transfer_plan::set_missing(std::uint32_t leaf_number) {
  leaves_[leaf_number] = leaf::missing;
  ++missing_[piece_of(leaf_number)];
  file_piece(piece_of(leaf_number));
}

void transfer_plan::take_missing(std::uint32_t leaf_number, leaf to) {
  leaves_[leaf_number] = to;
  --missing_[piece_of(leaf_number)];
}

// ---- Sources

void transfer_plan::add_source(source_number number) { sources_.try_emplace(number); }

void transfer_plan::add_source(source_number number, const bitmap& pieces) {
  const auto [it, is_new] = sources_.try_emplace(number);
  if (!is_new) return;
  if (!std::exchange(shuffled_, true)) shuffle();
  it->second.whole = false;
  it->second.pieces = bitmap(static_cast<std::uint32_t>(proofs_.size()));
  for (std::uint32_t p = 0; p < proofs_.size(); ++p)
    if (pieces.test(p)) source_got(number, p);
}

void transfer_plan::source_got(source_number number, std::uint32_t piece) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || piece >= proofs_.size() || it->second.has(piece)) return;
  it->second.pieces.set(piece);
  ++rarity_[piece];
  file_piece(piece);
}

void transfer_plan::drop_source(source_number number) {
  const auto it = sources_.find(number);
  if (it == sources_.end()) return;
  for (const auto& [id, r] : it->second.requests) give_back(r);
  for (const auto piece : it->second.proofs) unask_proof(piece);
  if (!it->second.whole)
    for (std::uint32_t p = 0; p < proofs_.size(); ++p)
      if (it->second.pieces.test(p)) {
        --rarity_[p];
        file_piece(p);
      }
  sources_.erase(it);
}

void transfer_plan::unask(std::uint32_t leaf_number) {
  --askers_[leaf_number];
  if (askers_[leaf_number] == 0 && leaves_[leaf_number] == leaf::asked) set_missing(leaf_number);
}

void transfer_plan::unask_proof(std::uint32_t piece) {
  --proof_askers_[piece];
  if (proof_askers_[piece] != 0 || proofs_[piece] != proof::asked) return;
  proofs_[piece] = proof::none;
  --proofs_under_way_;
  file_piece(piece);
}

void transfer_plan::give_back(const request& r) {
  for (std::uint16_t i = 0; i < r.count; ++i)
    if ((r.arrived >> i & 1) == 0) unask(r.first + i);
}

// ---- Hashes

std::optional<std::uint32_t> transfer_plan::next_proof(source_number number, std::uint32_t ahead) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || it->second.proofs.size() >= how_.proofs_in_flight) return std::nullopt;
  // What others can work on is no stock of one that has only parts.
  const auto& s = it->second;
  const auto stock = s.whole ? ready_.size() + proofs_under_way_ : ready_of(s) + s.proofs.size();
  if (stock >= ahead) return std::nullopt;
  const auto piece = best_of(unproven_, it->second);
  if (!piece) return std::nullopt;
  proofs_[*piece] = proof::asked;
  proof_askers_[*piece] = 1;
  ++proofs_under_way_;
  file_piece(*piece);
  it->second.proofs.insert(*piece);
  return piece;
}

std::optional<std::uint32_t> transfer_plan::steal_proof(source_number thief, source_number victim) {
  const auto to = sources_.find(thief);
  const auto from = sources_.find(victim);
  if (to == sources_.end() || from == sources_.end() || to == from) return std::nullopt;
  for (const auto piece : from->second.proofs) {
    if (proofs_[piece] != proof::asked || proof_askers_[piece] >= most_askers || !to->second.has(piece))
      continue;
    ++proof_askers_[piece];
    to->second.proofs.insert(piece);
    return piece;
  }
  return std::nullopt;
}

bool transfer_plan::proof_arrived(source_number number, std::uint32_t piece) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || it->second.proofs.erase(piece) == 0) return false;
  --proof_askers_[piece];
  if (proofs_[piece] != proof::asked) return false;  // another source was faster
  proofs_[piece] = proof::checking;
  return true;
}

void transfer_plan::proof_refused(source_number number, std::uint32_t piece) {
  const auto it = sources_.find(number);
  if (it != sources_.end() && it->second.proofs.erase(piece) != 0) unask_proof(piece);
}

void transfer_plan::proof_checked(std::uint32_t piece, bool good) {
  if (piece >= proofs_.size() || proofs_[piece] != proof::checking) return;
  proofs_[piece] = good ? proof::proven : proof_askers_[piece] != 0 ? proof::asked : proof::none;
  if (proofs_[piece] != proof::asked) --proofs_under_way_;
  file_piece(piece);
}

// ---- Leaves

transfer_plan::data_request transfer_plan::ask(source& whom, std::uint32_t first, std::uint16_t count) {
  const data_request out{next_request_++, first, count};
  for (std::uint16_t i = 0; i < count; ++i) ++askers_[first + i];
  whom.requests.emplace(out.id, request{first, count, 0});
  whom.outstanding += count;
  return out;
}

std::optional<transfer_plan::data_request> transfer_plan::next_data(source_number number,
                                                                    std::uint16_t most) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || most == 0) return std::nullopt;
  const auto piece = best_of(ready_, it->second);
  if (!piece) return std::nullopt;
  const auto begin = *piece * piece_leaves;
  const auto end = std::min<std::uint32_t>(begin + piece_leaves, static_cast<std::uint32_t>(leaves_.size()));
  auto first = begin;
  while (leaves_[first] != leaf::missing) ++first;  // there is one: the piece is in ready_
  const auto limit = std::min(most, max_request_leaves);
  std::uint16_t count = 0;
  while (count < limit && first + count < end && leaves_[first + count] == leaf::missing) {
    take_missing(first + count, leaf::asked);
    ++count;
  }
  file_piece(*piece);
  return ask(it->second, first, count);
}

std::optional<transfer_plan::data_request> transfer_plan::steal_data(source_number thief,
                                                                     source_number victim,
                                                                     std::uint16_t most) {
  const auto to = sources_.find(thief);
  const auto from = sources_.find(victim);
  if (to == sources_.end() || from == sources_.end() || to == from) return std::nullopt;
  const auto& requests = from->second.requests;
  for (auto it = requests.rbegin(); it != requests.rend(); ++it) {
    const auto& r = it->second;
    if (!to->second.has(piece_of(r.first))) continue;
    // The end of what it owes: leaves come in order.
    std::uint16_t end = r.count, count = 0;
    const auto takeable = [&](std::uint16_t i) {
      return (r.arrived >> i & 1) == 0 && leaves_[r.first + i] == leaf::asked &&
             askers_[r.first + i] < most_askers;
    };
    while (end > 0 && !takeable(static_cast<std::uint16_t>(end - 1))) --end;
    const auto limit = std::min(most, max_request_leaves);
    while (count < end && count < limit && takeable(static_cast<std::uint16_t>(end - count - 1))) ++count;
    if (count != 0) return ask(to->second, r.first + end - count, count);
  }
  return std::nullopt;
}

bool transfer_plan::needed(const request& r) const {
  for (std::uint16_t i = 0; i < r.count; ++i)
    if ((r.arrived >> i & 1) == 0 && leaves_[r.first + i] == leaf::asked) return true;
  return false;
}

/// What is still owed by anybody and overlaps these leaves, but brings nothing new.
void transfer_plan::collect_obsolete(std::uint32_t first, std::uint16_t count,
                                     std::vector<obsolete_request>& out) {
  for (auto& [number, s] : sources_)
    for (auto it = s.requests.begin(); it != s.requests.end();) {
      const auto& r = it->second;
      const bool overlaps = r.first < first + count && first < r.first + r.count;
      if (!overlaps || needed(r)) {
        ++it;
        continue;
      }
      for (std::uint16_t i = 0; i < r.count; ++i)
        if ((r.arrived >> i & 1) == 0) --s.outstanding;
      give_back(r);
      out.push_back({number, it->first});
      it = s.requests.erase(it);
    }
}

transfer_plan::arrival transfer_plan::data_arrived(source_number number, std::uint32_t id,
                                                   std::uint32_t first, std::uint16_t count) {
  arrival out;
  const auto it = sources_.find(number);
  if (it == sources_.end() || count == 0 || count > max_request_leaves) return out;
  const auto found = it->second.requests.find(id);
  if (found == it->second.requests.end()) return out;
  auto& r = found->second;
  if (first < r.first || std::uint64_t{first} - r.first + count > r.count) return out;
  const auto shift = first - r.first;
  const auto fresh = all_bits(count) & ~(r.arrived >> shift);
  bool owed_twice = false;
  for (std::uint16_t i = 0; i < count; ++i) {
    if ((fresh >> i & 1) == 0) continue;
    --it->second.outstanding;
    --askers_[first + i];
    owed_twice = owed_twice || askers_[first + i] != 0;
    if (leaves_[first + i] != leaf::asked) continue;  // another source was faster
    leaves_[first + i] = leaf::checking;
    ++checking_;
    out.wanted |= std::uint64_t{1} << i;
  }
  r.arrived |= fresh << shift;
  // Leaves that others took over may be all that this request still brings.
  const bool rest_taken = r.arrived != all_bits(r.count) && !needed(r);
  if (r.arrived == all_bits(r.count)) it->second.requests.erase(found);
  if (owed_twice || rest_taken) collect_obsolete(first, count, out.obsolete);
  return out;
}

void transfer_plan::request_over(source_number number, std::uint32_t id) {
  const auto it = sources_.find(number);
  if (it == sources_.end()) return;
  const auto found = it->second.requests.find(id);
  if (found == it->second.requests.end()) return;
  for (std::uint16_t i = 0; i < found->second.count; ++i)
    if ((found->second.arrived >> i & 1) == 0) --it->second.outstanding;
  give_back(found->second);
  it->second.requests.erase(found);
}

void transfer_plan::leaf_checked(std::uint32_t number, bool good) {
  if (number >= leaves_.size() || leaves_[number] != leaf::checking) return;
  --checking_;
  if (!good) {
    if (askers_[number] != 0)
      leaves_[number] = leaf::asked;
    else
      set_missing(number);
    return;
  }
  leaves_[number] = leaf::had;
  had_.set(number);
  bytes_had_ += leaf_length(size_, number);
}

// ---- What to show

std::uint32_t transfer_plan::outstanding(source_number number) const {
  const auto it = sources_.find(number);
  return it == sources_.end() ? 0 : it->second.outstanding;
}

std::uint32_t transfer_plan::proofs_outstanding(source_number number) const {
  const auto it = sources_.find(number);
  return it == sources_.end() ? 0 : static_cast<std::uint32_t>(it->second.proofs.size());
}

std::vector<std::uint8_t> transfer_plan::chunks(std::size_t most) const {
  const std::uint64_t n = leaves_.size();
  const auto parts = std::min<std::uint64_t>(most, n);
  std::vector<std::uint8_t> out(parts);
  for (std::uint64_t part = 0; part < parts; ++part) {
    const auto begin = part * n / parts, end = (part + 1) * n / parts;
    std::uint64_t count = 0;
    for (auto i = begin; i < end; ++i) count += leaves_[i] == leaf::had ? 1U : 0U;
    out[part] = static_cast<std::uint8_t>(count * 255 / (end - begin));
  }
  return out;
}

}  // namespace vsf::swarm
