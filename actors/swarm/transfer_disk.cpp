#include "actors/swarm/transfer_disk.hpp"

#include <algorithm>
#include <utility>

#include "actors/swarm/naming.hpp"
#include "messages/mutant.hpp"
#include "storage/component_name.hpp"

namespace vsf::swarm {

namespace {

// An interrupted rename is looked for under this many numbered names.
constexpr unsigned names_tried = 20;
constexpr std::size_t reading_bytes = 1 << 20;
// Whatever was to stay free: with less than that a disk is full.
constexpr std::uint64_t full_bytes = 1 << 20;

/// Reads a file from front to back.
result<void> read_all(const storage::file_reader& file, const std::function<void(byte_view)>& take) {
  bytes buffer(reading_bytes);
  for (std::uint64_t at = 0; at < file.size();) {
    const auto got = file.read_at(at, buffer);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0)
      return fail("The file ended at " + std::to_string(at) + " of " + std::to_string(file.size()) +
                  " bytes: it was changed while it was read.");
    take(byte_view(buffer).first(*got));
    at += *got;
  }
  return {};
}

}  // namespace

transfer_disk::transfer_disk(places where, std::string transfer, bytes synced)
    : where_(std::move(where)),
      transfer_(std::move(transfer)),
      transfers_(where_.store),
      library_(where_.store),
      bans_(where_.store),
      synced_(std::move(synced)) {}

result<void> transfer_disk::put(fb::TransferRecordT& transfer, storage::durability how) {
  transfer.synced = synced_;
  return transfers_.put(transfer, {}, how);
}

transfer_disk::~transfer_disk() { close(); }

void transfer_disk::close() {
  if (part_) part_->withdraw();
  part_.reset();
  file_.reset();
  hashes_.clear();
}

result<void> transfer_disk::load_hashes() {
  hashes_.clear();
  provable_.clear();
  const auto leaves = proof_leaf_count(size_) * digest::length;
  const auto uncles = proof_uncle_count(size_) * digest::length;
  return transfers_.for_each_piece(transfer_, [&](const storage::transfer_store::piece& stored) {
    if (stored.number >= piece_count(size_) || stored.hashes.size() != leaves) return true;
    hashes_[stored.number] = *digests_of(stored.hashes);
    if (stored.uncles.size() == uncles) provable_.insert(stored.number);
    return true;
  });
}

result<transfer_disk::opened> transfer_disk::open(const digest& root, std::uint64_t size_bytes,
                                                  const std::string& partial_name,
                                                  const std::string& finishing_as) {
  root_ = root;
  size_ = size_bytes;
  partial_name_ = partial_name;
  close();
  had_ = bitmap(leaf_count(size_));
  const bool existed = where_.files->partial_exists(partial_name);
  if (!existed) {
    if (!finishing_as.empty()) {
      if (auto path = find_finished(finishing_as)) {
        opened out;
        out.finished_path = *path;
        out.bytes_kept = size_;
        return out;
      }
    }
    synced_.clear();  // whatever was there is gone
  }
  if (!existed)
    if (auto room = check_room(size_bytes); !room) return tl::unexpected(room.error());
  auto file = where_.files->open_partial(partial_name, size_bytes);
  if (!file) return tl::unexpected(file.error());
  file_ = std::move(*file);
  if (auto loaded = load_hashes(); !loaded) return tl::unexpected(loaded.error());
  part_ = std::make_shared<storage::shared_part>(transfer_, root_, size_, piece_count(size_), file_);
  auto out = recheck();
  if (out && existed && out->bytes_kept < size_)
    if (auto room = check_room(0); !room) return tl::unexpected(room.error());
  return out;
}

/// For so much more in the partial file, or (nothing) for a complete one, and for the finished file.
result<void> transfer_disk::check_room(std::optional<std::uint64_t> new_bytes) {
  no_room_ = false;
  const auto space = where_.files->free_space();
  if (!space) return tl::unexpected(space.error());
  const auto least = std::max(where_.min_free_bytes, full_bytes);
  result<void> enough;
  if (new_bytes) enough = storage::check_room_to_write(*space, *new_bytes, least);
  if (enough) enough = storage::check_room_to_finish(*space, size_, least);
  no_room_ = !enough;
  return enough;
}

bool transfer_disk::short_of_room() {
  if (no_room_) return true;
  // A disk that fills up between two checks is met by whatever writes to it.
  const auto space = where_.files->free_space();
  return space && !storage::check_room_to_write(*space, 0, std::max(where_.min_free_bytes, full_bytes));
}

result<transfer_disk::opened> transfer_disk::recheck() {
  opened out;
  if (mutant(mutation::no_resume)) {
    synced_.clear();
    hashes_.clear();
  }
  had_ = bitmap::from_bytes(synced_, leaf_count(size_));
  bytes buffer(leaf_size);
  for (auto it = hashes_.begin(); it != hashes_.end();) {
    const auto& [piece, hashes] = *it;
    const auto first = piece * piece_leaves;
    const auto end = std::min(first + piece_leaves, leaf_count(size_));
    bool missing = false;
    for (auto leaf = first; leaf < end; ++leaf) {
      if (had_.test(leaf)) continue;
      const auto length = leaf_length(size_, leaf);
      const auto part = std::span(buffer).first(length);
      const auto got = file_->read_at(std::uint64_t{leaf} * leaf_size, part);
      if (!got) return tl::unexpected(got.error());
      if (*got == length && hasher_(part) == hashes[leaf - first]) {
        had_.set(leaf);
        out.bytes_recovered += length;
      } else {
        missing = true;
      }
    }
    if (missing) out.proven.push_back(piece);
    if (!missing && provable_.count(piece) != 0) part_->add(piece);
    it = missing ? std::next(it) : hashes_.erase(it);
  }
  for (std::uint32_t leaf = 0; leaf < had_.size(); ++leaf)
    if (had_.test(leaf)) out.bytes_kept += leaf_length(size_, leaf);
  out.had = had_;
  return out;
}

std::optional<std::string> transfer_disk::find_finished(const std::string& name) const {
  for (unsigned n = 1; n <= names_tried; ++n) {
    const auto path = where_.download_folder + '/' + storage::numbered(name, n);
    const auto file = where_.files->open_finished(path);
    if (!file || (*file)->size() != size_) continue;
    tree_builder tree;
    if (read_all(**file, [&](byte_view part) { tree.update(part); }) && tree.root() == root_) return path;
  }
  return std::nullopt;
}

result<bool> transfer_disk::prove(std::uint32_t piece, byte_view leaves, byte_view uncles) {
  if (!verify_proof(root_, size_, piece, leaves, uncles) && !mutant(mutation::no_proof_check)) return false;
  // Buffered: it outlives a kill, and after a loss of power there is nothing to check with it.
  if (auto stored = transfers_.put_pieces(transfer_, {{piece, to_bytes(leaves), to_bytes(uncles)}}); !stored)
    return tl::unexpected(stored.error());
  hashes_[piece] = *digests_of(leaves);
  provable_.insert(piece);
  return true;
}

result<transfer_disk::written> transfer_disk::write(std::uint32_t first_leaf, std::uint16_t count,
                                                    std::uint64_t wanted, byte_view body) {
  written out;
  if (!file_) return fail("The partial file is not open: retry this download.");
  std::size_t at = 0, run_at = 0;
  std::uint32_t run_first = 0, run_count = 0;
  const auto flush = [&](std::size_t end) -> result<void> {
    if (run_count == 0) return {};
    auto done = file_->write_at(std::uint64_t{run_first} * leaf_size, body.subspan(run_at, end - run_at));
    run_count = 0;
    return done;
  };
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto leaf = first_leaf + i;
    const auto length = leaf_length(size_, leaf);
    if (length == 0 || at + length > body.size())
      return fail("Leaves beyond the end of the file were to be written.");
    const auto known = hashes_.find(leaf / piece_leaves);
    const bool asked = (wanted >> i & 1) != 0;
    const bool good = asked && known != hashes_.end() &&
                      (mutant(mutation::no_leaf_hash_check) ||
                       hasher_(body.subspan(at, length)) == known->second[leaf % piece_leaves]);
    if (good) {
      if (run_count == 0) {
        run_first = leaf;
        run_at = at;
      }
      ++run_count;
      out.good |= std::uint64_t{1} << i;
    } else {
      if (auto done = flush(at); !done) return tl::unexpected(done.error());
      if (asked) out.bad |= std::uint64_t{1} << i;
    }
    at += length;
  }
  if (auto done = flush(at); !done) return tl::unexpected(done.error());
  for (std::uint16_t i = 0; i < count; ++i) {
    if ((out.good >> i & 1) == 0) continue;
    had_.set(first_leaf + i);
    const auto piece = (first_leaf + i) / piece_leaves;
    const auto begin = piece * piece_leaves, end = std::min(begin + piece_leaves, had_.size());
    bool whole = true;
    for (auto leaf = begin; leaf < end && whole; ++leaf) whole = had_.test(leaf);
    if (!whole) continue;
    hashes_.erase(piece);
    if (provable_.count(piece) == 0) continue;
    part_->add(piece);
    out.completed.push_back(piece);
  }
  return out;
}

result<void> transfer_disk::checkpoint(fb::TransferRecordT transfer) {
  if (!file_) return fail("The partial file is not open: retry this download.");
  if (!mutant(mutation::no_checkpoint_sync))
    if (auto done = file_->sync(); !done) return done;
  synced_ = had_.raw();
  if (auto done = put(transfer, storage::durability::synced); !done) return done;
  if (had_.set_count() == had_.size()) return {};
  return check_room(0);  // after what is there is safe
}

result<void> transfer_disk::save(fb::TransferRecordT transfer, storage::durability how) {
  return put(transfer, how);
}

result<std::string> transfer_disk::choose_name(const mbid& recording) const {
  if (!file_) return fail("The partial file is not open: retry this download.");
  bytes head(static_cast<std::size_t>(std::min<std::uint64_t>(size_, sniff_bytes)));
  const auto got = file_->read_at(0, head);
  if (!got) return tl::unexpected(got.error());
  head.resize(*got);
  std::string artist, title;
  if (const auto paths = library_.find_recording(recording, 1); paths && !paths->empty()) {
    if (const auto entry = library_.get(paths->front()); entry && *entry) {
      artist = string_of((**entry)->artist());
      title = string_of((**entry)->title());
    }
  }
  return finished_name(recording, artist, title, sniff_extension(head));
}

result<std::string> transfer_disk::finish(fb::TransferRecordT transfer, const std::string& name) {
  if (!file_) return fail("The partial file is not open: retry this download.");
  if (auto done = file_->sync(); !done) return tl::unexpected(done.error());
  synced_ = had_.raw();
  if (auto room = check_room(std::nullopt); !room) return tl::unexpected(room.error());
  transfer.status->path = name;
  if (auto done = put(transfer, storage::durability::synced); !done) return tl::unexpected(done.error());
  file_.reset();
  auto path = where_.files->finish(partial_name_, name);
  if (path) part_.reset();  // whoever reads it may go on
  return path;
}

result<digest> transfer_disk::hash_finished(const std::string& path) const {
  const auto file = where_.files->open_finished(path);
  if (!file) return tl::unexpected(file.error());
  crypto::sha256_hasher hasher;
  hasher.begin();
  if (auto done = read_all(**file, [&](byte_view part) { hasher.update(part); }); !done)
    return tl::unexpected(done.error());
  return hasher.finish();
}

result<void> transfer_disk::settle(fb::TransferRecordT transfer) {
  synced_.clear();
  hashes_.clear();
  if (auto done = put(transfer, storage::durability::synced); !done) return done;
  return transfers_.erase_pieces(transfer_);
}

result<void> transfer_disk::discard(fb::TransferRecordT transfer, const std::string& partial_name) {
  synced_.clear();
  close();
  // The record first: a bitmap must never outlive the bytes it speaks of.
  if (auto done = put(transfer, storage::durability::synced); !done) return done;
  if (auto done = transfers_.erase_pieces(transfer_); !done) return done;
  if (partial_name.empty()) return {};
  return where_.files->discard_partial(partial_name);
}

result<std::uint64_t> transfer_disk::quarantine(fb::TransferRecordT transfer, const std::string& partial_name,
                                                std::uint64_t unix_ms,
                                                const std::vector<fb::OfferBanT>& bans) {
  close();
  // While the record still names the file as the one it fetches, a node that comes back checks it again.
  if (auto done = bans_.put(bans); !done) return tl::unexpected(done.error());
  if (auto done = transfers_.erase_pieces(transfer_); !done) return tl::unexpected(done.error());
  synced_.clear();
  if (auto done = put(transfer, storage::durability::synced); !done) return tl::unexpected(done.error());
  const auto moved = where_.files->quarantine(partial_name, unix_ms, storage::quarantine_limits{});
  if (!moved) return tl::unexpected(moved.error());
  return moved->removed;
}

result<void> transfer_disk::forget(const std::string& partial_name) {
  close();
  if (!partial_name.empty())
    if (auto done = where_.files->discard_partial(partial_name); !done) return done;
  return transfers_.erase(transfer_);
}

}  // namespace vsf::swarm
