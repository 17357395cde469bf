#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "actors/swarm/hash_tree.hpp"
#include "messages/bitmap.hpp"

namespace vsf::swarm {

/// A source within one transfer; counted up, never used twice.
using source_number = std::uint32_t;

/// At most this many leaves are asked for at once: one bit each fits a word.
inline constexpr std::uint16_t max_request_leaves = 64;

/// Bytes of those leaves of [first, first + count) whose bit is set in `mask`.
inline std::uint64_t masked_length(std::uint64_t size_bytes, std::uint32_t first, std::uint16_t count,
                                   std::uint64_t mask) {
  std::uint64_t total = 0;
  for (std::uint16_t i = 0; i < count; ++i)
    if ((mask >> i & 1) != 0) total += leaf_length(size_bytes, first + i);
  return total;
}

/// Who fetches what of one file: which pieces' hashes to ask for, which leaves, and what is left. Any number
/// of sources at once, each with the whole file or with some pieces of it. Pure bookkeeping: nothing here
/// knows time, sockets or bytes.
///
/// A leaf is missing, asked for, being checked, or had. It is asked for only when its piece is proven, and
/// never again once it is had; what a lost source still owed goes back to missing. Pieces that were begun go
/// first, then those that fewer sources have. Equal ones go by number, round the end, from a place of one's
/// own, so that disks see runs; once a source has only parts, in an order of one's own, so that downloaders
/// have different pieces to give each other.
class transfer_plan {
 public:
  struct data_request {
    std::uint32_t id = 0;  // unique within the transfer
    std::uint32_t first_leaf = 0;
    std::uint16_t count = 0;
  };
  struct options {
    std::uint32_t proofs_in_flight = 3;  // a source
    std::uint64_t order = 0;  // anything: the first piece is order % pieces, and ties are decided by it
  };

  explicit transfer_plan(std::uint64_t size_bytes) : transfer_plan(size_bytes, options{}) {}
  transfer_plan(std::uint64_t size_bytes, options how);

  /// Before anything else: what an earlier run left.
  void restore(const bitmap& had, const std::vector<std::uint32_t>& proven_pieces);

  /// A source with the whole file.
  void add_source(source_number source);
  /// A source with these pieces only; it may get more.
  void add_source(source_number source, const bitmap& pieces);
  void source_got(source_number source, std::uint32_t piece);
  /// Whether it owes something or has anything that is missing.
  bool can_give(source_number source) const;
  /// Everything it was asked for goes back; what is being checked stays so.
  void drop_source(source_number source);

  /// The next piece whose hashes to ask that source for; it then counts as asked. Nothing while `ahead`
  /// pieces are proven (or about to be) and have missing leaves.
  std::optional<std::uint32_t> next_proof(source_number source, std::uint32_t ahead);
  /// The next run of leaves to ask that source for, at most `most`; its leaves then count as asked.
  std::optional<data_request> next_data(source_number source, std::uint16_t most);
  /// When next_data has nothing: what `victim` was asked for last is asked of `thief`, too, at most `most`
  /// leaves. No leaf is ever asked of more than two.
  std::optional<data_request> steal_data(source_number thief, source_number victim, std::uint16_t most);
  /// The same for hashes.
  std::optional<std::uint32_t> steal_proof(source_number thief, source_number victim);

  /// Hashes came; whether they were asked of that source and are not there yet. They are then being checked.
  bool proof_arrived(source_number source, std::uint32_t piece);
  /// The source won't give them.
  void proof_refused(source_number source, std::uint32_t piece);
  void proof_checked(std::uint32_t piece, bool good);

  /// A request of whose leaves none is needed any more.
  struct obsolete_request {
    source_number source = 0;
    std::uint32_t request = 0;
  };
  struct arrival {
    std::uint64_t wanted = 0;  // bit i: leaf first + i is wanted and now being checked
    /// To be cancelled; they no longer count.
    std::vector<obsolete_request> obsolete{};
  };
  /// Leaves [first, first + count) came for a request. None wanted: nobody asked for them, or they are had.
  arrival data_arrived(source_number source, std::uint32_t request, std::uint32_t first, std::uint16_t count);
  /// The request was denied, timed out or cancelled: what did not arrive goes back.
  void request_over(source_number source, std::uint32_t request);
  /// The verdict on a leaf that was being checked.
  void leaf_checked(std::uint32_t leaf, bool good);

  std::uint64_t size() const { return size_; }
  const bitmap& had() const { return had_; }
  std::uint64_t bytes_had() const { return bytes_had_; }
  bool complete() const { return had_.full(); }
  /// Leaves asked of a source and not arrived.
  std::uint32_t outstanding(source_number source) const;
  std::uint32_t proofs_outstanding(source_number source) const;
  std::uint32_t checking() const { return checking_; }
  /// The file in at most `most` equal parts: how much of each is had, 0 to 255.
  std::vector<std::uint8_t> chunks(std::size_t most) const;

 private:
  enum class leaf : std::uint8_t { missing, asked, checking, had };
  enum class proof : std::uint8_t { none, asked, checking, proven };
  struct request {
    std::uint32_t first = 0;
    std::uint16_t count = 0;
    std::uint64_t arrived = 0;
  };
  struct source {
    bool whole = true;
    bitmap pieces;  // unless whole
    std::map<std::uint32_t, request> requests;
    std::set<std::uint32_t> proofs;
    std::uint32_t outstanding = 0;

    bool has(std::uint32_t piece) const { return whole || pieces.test(piece); }
  };
  struct rank {
    bool untouched = true;
    std::uint32_t rarity = 0;  // partial sources that have it
    std::uint32_t turn = 0;
    std::uint32_t piece = 0;
    auto operator<=>(const rank&) const = default;
  };

  static std::uint64_t all_bits(std::uint16_t count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  }
  std::uint32_t piece_of(std::uint32_t leaf_number) const { return leaf_number / piece_leaves; }
  void set_missing(std::uint32_t leaf_number);
  void take_missing(std::uint32_t leaf_number, leaf to);
  void file_piece(std::uint32_t piece);
  void shuffle();
  void unask(std::uint32_t leaf_number);
  void unask_proof(std::uint32_t piece);
  void give_back(const request& r);
  bool needed(const request& r) const;
  std::optional<std::uint32_t> best_of(const std::set<rank>& pieces, const source& whose) const;
  std::size_t ready_of(const source& whose) const;
  data_request ask(source& whom, std::uint32_t first, std::uint16_t count);
  void collect_obsolete(std::uint32_t first, std::uint16_t count, std::vector<obsolete_request>& out);

  std::uint64_t size_;
  options how_;
  std::vector<leaf> leaves_;
  std::vector<std::uint8_t> askers_;  // sources that owe this leaf
  std::vector<proof> proofs_;
  std::vector<std::uint8_t> proof_askers_;
  std::vector<std::uint8_t> missing_;  // leaves of that piece
  std::vector<std::uint32_t> rarity_;  // partial sources that have that piece
  std::vector<std::uint32_t> turn_;    // among equals
  std::vector<rank> filed_;            // where a piece is in the two sets below, if it is
  bool shuffled_ = false;
  std::set<rank> unproven_;  // nobody is asked, something is missing
  std::set<rank> ready_;     // proven, something is missing
  std::uint32_t proofs_under_way_ = 0;
  std::map<source_number, source> sources_;
  bitmap had_;
  std::uint64_t bytes_had_ = 0;
  std::uint32_t checking_ = 0;
  std::uint32_t next_request_ = 1;
};

}  // namespace vsf::swarm
