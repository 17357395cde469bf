#include "actors/identity/puzzle.hpp"

namespace vsf::identity {
namespace {

/// What puzzle_hash() hashes, the nonce still zero.
bytes message_of(const public_key& who, const network_parameters& network) {
  bytes out(who.begin(), who.end());
  out.resize(public_key::length + 8);
  out.insert(out.end(), network.name.begin(), network.name.end());
  return out;
}

}  // namespace

puzzle::puzzle(const public_key& who, const network_parameters& network, crypto::random_source& random)
    : search_(message_of(who, network), public_key::length),
      mask_((std::uint64_t{1} << network.difficulty_bits) - 1),
      next_(random.u64()) {}

std::optional<std::uint64_t> puzzle::step(std::uint64_t attempts) {
  for (; attempts > 0; --attempts) {
    const auto nonce = next_++;
    ++tried_;
    if ((search_.last_bits(nonce) & mask_) == 0) return nonce;
  }
  return std::nullopt;
}

}  // namespace vsf::identity
