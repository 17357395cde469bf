// Of upload_logic: the hashes that prove pieces, and files of which only parts are here.

#include <algorithm>
#include <utility>

#include "actors/swarm/upload_logic.hpp"

namespace vsf::swarm {

namespace {

bytes join(const std::vector<digest>& hashes) {
  bytes out;
  out.reserve(hashes.size() * digest::length);
  for (const auto& h : hashes) out.insert(out.end(), h.begin(), h.end());
  return out;
}

}  // namespace

void upload_logic::say_proof(session_number to, std::uint16_t number, const piece_proof& proof,
                             std::uint32_t piece, effects& out) {
  fb::ProofT message;
  message.channel = number;
  message.piece = piece;
  message.leaves = join(proof.leaves);
  message.uncles = join(proof.uncles);
  ++counters_.proofs_served;
  out.push_back(say{to, overlay_message(std::move(message))});
}

void upload_logic::get_proof(nanoseconds now, session_number from, session& s, const fb::GetProof& what,
                             effects& out) {
  const auto it = s.channels.find(what.channel());
  if (it == s.channels.end()) {
    deny(from, what.channel(), 0, fb::DenyReason::no_slot, out);  // closed by us meanwhile
    return;
  }
  auto& c = it->second;
  if (!c.file || what.piece() >= piece_count(c.file->size_bytes) ||
      (c.file->part && !c.file->part->has(what.piece()))) {
    close(now, from, s, what.channel());
    deny(from, what.channel(), 0, fb::DenyReason::bad_request, out);
    return;
  }
  slots_.use(now, s.who);
  if (const auto tree = trees_.get(c.root)) {
    say_proof(from, what.channel(), tree->prove(what.piece()), what.piece(), out);
    return;
  }
  if (s.proofs >= how_.max_proofs_per_session) {
    close(now, from, s, what.channel());
    deny(from, what.channel(), 0, fb::DenyReason::rate_limited, out);
    return;
  }
  c.proofs.push_back(what.piece());
  ++s.proofs;
  // Once it is complete its hashes leave the store, and it is read like any other file.
  if (c.file->part && !c.file->part->complete()) {
    const auto ticket = next_ticket_++;
    proving_[ticket] = {from, what.channel(), c.born, what.piece()};
    out.push_back(read_proof{ticket, c.file->part, what.piece()});
    return;
  }
  if (hashing_.emplace(c.root, true).second) out.push_back(hash_file{c.file});
}

upload_logic::effects upload_logic::file_hashed(nanoseconds now, const digest& root,
                                                const shared_files::hashing& what) {
  effects out;
  hashing_.erase(root);
  counters_.kept_trees_evicted += what.evicted;
  counters_.kept_trees_corrupt += what.corrupt;
  counters_.kept_tree_errors += what.not_kept;
  if (!what.tree) {
    file_lost(now, root, what.problem, out);
    pump(now, out);
    return out;
  }
  ++(what.from_disk ? counters_.trees_loaded : counters_.trees_built);
  trees_.put(what.tree);
  for (auto& [id, s] : sessions_)
    for (auto& [number, c] : s.channels) {
      if (c.root != root) continue;
      for (const auto piece : c.proofs) say_proof(id, number, what.tree->prove(piece), piece, out);
      s.proofs -= std::min(s.proofs, c.proofs.size());
      c.proofs.clear();
    }
  return out;
}

// ---- Parts

shared_file_ptr upload_logic::part_of(const digest& root) const {
  const auto it = parts_.find(root);
  if (it == parts_.end()) return nullptr;
  const auto part = it->second.lock();
  return part && part->reader() ? shared_files::of_part(part) : nullptr;
}

bool upload_logic::has_leaves(const channel& c, std::uint32_t first, std::uint16_t count) const {
  if (!c.file->part) return true;
  for (auto piece = first / piece_leaves; piece <= (first + count - 1) / piece_leaves; ++piece)
    if (!c.file->part->has(piece)) return false;
  return true;
}

upload_logic::effects upload_logic::proof_read(nanoseconds now, std::uint64_t ticket,
                                               const std::optional<piece_proof>& proof) {
  effects out;
  const auto found = proving_.find(ticket);
  if (found == proving_.end()) return out;
  const auto job = found->second;
  proving_.erase(found);
  const auto it = sessions_.find(job.session);
  if (it == sessions_.end()) return out;
  auto& s = it->second;
  const auto at = s.channels.find(job.channel);
  if (at == s.channels.end() || at->second.born != job.born) return out;
  auto& waiting = at->second.proofs;
  if (const auto asked = std::find(waiting.begin(), waiting.end(), job.piece); asked != waiting.end()) {
    waiting.erase(asked);
    s.proofs -= std::min<std::size_t>(s.proofs, 1);
  }
  const auto& part = at->second.file->part;
  if (proof) {
    ++counters_.part_proofs_served;
    say_proof(job.session, job.channel, *proof, job.piece, out);
    return out;
  }
  if (part->complete() && part->reader()) {
    waiting.push_back(job.piece);
    ++s.proofs;
    if (hashing_.emplace(part->root(), true).second) out.push_back(hash_file{at->second.file});
    return out;
  }
  // The download was given up, and with it what it knew of the file.
  close(now, job.session, s, job.channel);
  deny(job.session, job.channel, 0, fb::DenyReason::gone, out);
  pump(now, out);
  erase_if_empty(job.session);
  return out;
}

upload_logic::effects upload_logic::part_grew(nanoseconds, const storage::shared_part_ptr& part,
                                              const std::vector<std::uint32_t>& pieces) {
  effects out;
  if (!part || !how_.shares_parts) return out;
  const bool room = parts_.count(part->root()) != 0 || parts_.size() < how_.max_parts ||
                    std::erase_if(parts_, [](const auto& known) { return known.second.expired(); }) != 0;
  if (!room) return out;
  parts_[part->root()] = part;
  if (pieces.empty()) return out;
  for (auto& [id, s] : sessions_)
    for (auto& [number, c] : s.channels) {
      if (!c.file || c.file->part != part) continue;
      fb::HaveT have;
      have.channel = number;
      have.pieces = pieces;
      out.push_back(say{id, overlay_message(std::move(have))});
    }
  return out;
}

void upload_logic::tell(session_number to, std::uint16_t number, const std::vector<contact>& whom,
                        effects& out) {
  fb::SharersT message;
  message.channel = number;
  for (const auto& who : whom) message.contacts.push_back(to_fb(who));
  counters_.sharers_told += whom.size();
  out.push_back(say{to, overlay_message(std::move(message))});
}

/// Those that fetch the same root and share what they have hear of each other, each pair once.
void upload_logic::introduce(session_number number, session& s, std::uint16_t at, effects& out) {
  auto& mine = s.channels.at(at);
  if (!how_.shares_parts || !mine.shares) return;
  std::vector<contact> others;
  for (auto& [id, other] : sessions_) {
    if (id == number || other.who == s.who) continue;
    for (auto& [theirs, c] : other.channels) {
      if (c.root != mine.root || !c.shares || !c.file) continue;
      if (others.size() < how_.max_sharers_told && other.reachable && mine.told.insert(other.who).second)
        others.push_back(*other.reachable);
      if (c.told.size() < how_.max_sharers_told && s.reachable && c.told.insert(s.who).second)
        tell(id, theirs, {*s.reachable}, out);
      break;
    }
  }
  if (!others.empty()) tell(number, at, others, out);
}

}  // namespace vsf::swarm
