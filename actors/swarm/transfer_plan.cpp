#include "actors/swarm/transfer_plan.hpp"

#include <algorithm>

namespace vsf::swarm {

transfer_plan::transfer_plan(std::uint64_t size_bytes, options how)
    : size_(size_bytes),
      how_(how),
      leaves_(leaf_count(size_bytes), leaf::missing),
      proofs_(piece_count(size_bytes), proof::none),
      missing_(proofs_.size(), 0),
      had_(leaf_count(size_bytes)) {
  for (std::uint32_t i = 0; i < leaves_.size(); ++i) ++missing_[piece_of(i)];
  for (std::uint32_t p = 0; p < proofs_.size(); ++p) file_piece(p);
}

void transfer_plan::restore(const leaf_bitmap& had, const std::vector<std::uint32_t>& proven_pieces) {
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

void transfer_plan::file_piece(std::uint32_t piece) {
  if (missing_[piece] > 0 && proofs_[piece] == proof::none)
    unproven_.insert(piece);
  else
    unproven_.erase(piece);
  if (missing_[piece] > 0 && proofs_[piece] == proof::proven)
    ready_.insert(piece);
  else
    ready_.erase(piece);
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

void transfer_plan::add_source(source_number number) { sources_.try_emplace(number); }

void transfer_plan::give_back(const request& r) {
  for (std::uint16_t i = 0; i < r.count; ++i)
    if ((r.arrived >> i & 1) == 0 && leaves_[r.first + i] == leaf::asked) set_missing(r.first + i);
}

void transfer_plan::drop_source(source_number number) {
  const auto it = sources_.find(number);
  if (it == sources_.end()) return;
  for (const auto& [id, r] : it->second.requests) give_back(r);
  for (const auto piece : it->second.proofs) {
    proofs_[piece] = proof::none;
    --proofs_under_way_;
    file_piece(piece);
  }
  sources_.erase(it);
}

std::optional<std::uint32_t> transfer_plan::from_first(const std::set<std::uint32_t>& pieces) const {
  if (pieces.empty()) return std::nullopt;
  const auto it = pieces.lower_bound(how_.first_piece);
  return it != pieces.end() ? *it : *pieces.begin();
}

std::optional<std::uint32_t> transfer_plan::next_proof(source_number number) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || it->second.proofs.size() >= how_.proofs_in_flight) return std::nullopt;
  if (ready_.size() + proofs_under_way_ >= how_.pieces_ahead) return std::nullopt;
  const auto piece = from_first(unproven_);
  if (!piece) return std::nullopt;
  proofs_[*piece] = proof::asked;
  ++proofs_under_way_;
  file_piece(*piece);
  it->second.proofs.insert(*piece);
  return piece;
}

std::optional<transfer_plan::data_request> transfer_plan::next_data(source_number number,
                                                                    std::uint16_t most) {
  const auto it = sources_.find(number);
  const auto piece = from_first(ready_);
  if (it == sources_.end() || !piece || most == 0) return std::nullopt;
  const auto begin = *piece * piece_leaves;
  const auto end = std::min<std::uint32_t>(begin + piece_leaves, static_cast<std::uint32_t>(leaves_.size()));
  auto first = begin;
  while (leaves_[first] != leaf::missing) ++first;  // there is one: the piece is in ready_
  data_request out{next_request_++, first, 0};
  const auto limit = std::min(most, max_request_leaves);
  while (out.count < limit && first + out.count < end && leaves_[first + out.count] == leaf::missing) {
    take_missing(first + out.count, leaf::asked);
    ++out.count;
  }
  file_piece(*piece);
  it->second.requests.emplace(out.id, request{out.first_leaf, out.count, 0});
  it->second.outstanding += out.count;
  return out;
}

bool transfer_plan::proof_arrived(source_number number, std::uint32_t piece) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || it->second.proofs.erase(piece) == 0) return false;
  proofs_[piece] = proof::checking;
  return true;
}

void transfer_plan::proof_refused(source_number number, std::uint32_t piece) {
  if (proof_arrived(number, piece)) proof_checked(piece, false);
}

void transfer_plan::proof_checked(std::uint32_t piece, bool good) {
  if (piece >= proofs_.size() || proofs_[piece] != proof::checking) return;
  proofs_[piece] = good ? proof::proven : proof::none;
  --proofs_under_way_;
  file_piece(piece);
}

std::uint64_t transfer_plan::data_arrived(source_number number, std::uint32_t id, std::uint32_t first,
                                          std::uint16_t count) {
  const auto it = sources_.find(number);
  if (it == sources_.end() || count == 0 || count > max_request_leaves) return 0;
  const auto found = it->second.requests.find(id);
  if (found == it->second.requests.end()) return 0;
  auto& r = found->second;
  if (first < r.first || std::uint64_t{first} - r.first + count > r.count) return 0;
  const auto shift = first - r.first;
  const auto fresh = all_bits(count) & ~(r.arrived >> shift);
  std::uint64_t wanted = 0;
  for (std::uint16_t i = 0; i < count; ++i) {
    if ((fresh >> i & 1) == 0) continue;
    --it->second.outstanding;
    if (leaves_[first + i] != leaf::asked) continue;  // another source was faster
    leaves_[first + i] = leaf::checking;
    ++checking_;
    wanted |= std::uint64_t{1} << i;
  }
  r.arrived |= fresh << shift;
  if (r.arrived == all_bits(r.count)) it->second.requests.erase(found);
  return wanted;
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
    set_missing(number);
    return;
  }
  leaves_[number] = leaf::had;
  had_.set(number);
  bytes_had_ += leaf_length(size_, number);
}

std::uint32_t transfer_plan::outstanding(source_number number) const {
  const auto it = sources_.find(number);
  return it == sources_.end() ? 0 : it->second.outstanding;
}

}  // namespace vsf::swarm
