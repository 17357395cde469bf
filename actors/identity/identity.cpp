#include "actors/identity/identity.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "actors/identity/puzzle.hpp"
#include "messages/schemas.hpp"

namespace vsf::identity {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

/// Decimal without sign or leading zeros: two spellings of one number would be two networks.
std::optional<int> parse_bits(std::string_view text) {
  int bits = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), bits);
  if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (bits < 0 || bits > max_difficulty_bits || std::to_string(bits) != text) return std::nullopt;
  return bits;
}

}  // namespace

result<network_parameters> parse_network(std::string_view text) {
  const auto refuse = [&](const std::string& why) {
    const std::string shown(text.substr(0, max_network_length));
    return fail("the network \"" + shown + "\" can't be used: " + why +
                "; give NAME or NAME/BITS, such as vsf-1");
  };
  if (text.size() > max_network_length) return refuse("it is longer than 64 bytes");
  const auto slash = text.find('/');
  const auto name = text.substr(0, slash);
  if (name.empty()) return refuse("its name is empty");
  if (!std::all_of(name.begin(), name.end(), is_name_character))
    return refuse("its name may only hold letters, digits, '.', '_' and '-'");
  network_parameters out{std::string(text), default_difficulty_bits};
  if (slash != std::string_view::npos) {
    const auto bits = parse_bits(text.substr(slash + 1));
    if (!bits) return refuse("BITS must be a number from 0 to 40 without leading zeros");
    out.difficulty_bits = *bits;
  }
  return out;
}

digest puzzle_hash(const public_key& who, std::uint64_t nonce, const network_parameters& network) {
  std::array<std::uint8_t, 8> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<std::uint8_t>(nonce >> (8 * i));
  return crypto::blake2b256({who.view(), raw, crypto::as_bytes(network.name)});
}

bool solves(const digest& hash, int difficulty_bits) {
  auto left = difficulty_bits;
  for (auto i = hash.size(); left > 0 && i-- > 0; left -= 8) {
    const auto mask = left >= 8 ? 0xffU : (1U << left) - 1;
    if ((hash[i] & mask) != 0) return false;
  }
  return true;
}

std::optional<node_id> derive_node_id(const public_key& who, std::uint64_t nonce,
                                      const network_parameters& network) {
  const auto hash = puzzle_hash(who, nonce, network);
  if (!solves(hash, network.difficulty_bits)) return std::nullopt;
  return node_id::from(hash.view().first(node_id::length));
}

bool identity::accept(std::uint64_t nonce) {
  const auto id = derive_node_id(signing_key.identity, nonce, network);
  if (!id) return false;
  id_nonce = nonce;
  node_id = *id;
  return true;
}

identity make_identity(const network_parameters& network, crypto::random_source& random) {
  identity out;
  out.signing_key = crypto::signing_key::generate(random);
  out.dh_key = crypto::dh_key::generate(random);
  out.network = network;
  return out;
}

identity make_solved_identity(const network_parameters& network, crypto::random_source& random) {
  auto out = make_identity(network, random);
  puzzle search(out.signing_key.identity, network, random);
  for (;;)
    if (const auto nonce = search.step(1U << 16); nonce && out.accept(*nonce)) return out;
}

bytes to_file_content(const identity& who) {
  fb::IdentityFileT native;
  native.seed = box(who.signing_key.seed);
  native.static_secret = box(who.dh_key.secret);
  native.nonce = who.id_nonce;
  native.puzzle_solved = who.solved();
  native.network = who.network.name;
  return to_bytes(record<fb::IdentityFile>::pack(native).raw().view());
}

result<identity> from_file_content(byte_view content, const network_parameters& expected) {
  const auto file = record<fb::IdentityFile>::parse_copy(content);
  if (!file || (*file)->seed() == nullptr || (*file)->static_secret() == nullptr)
    return fail(
        "the identity file is damaged; restore it from a backup, or remove it to start as a new node");
  const auto network = string_of((*file)->network());
  if (network != expected.name)
    return fail("the identity file was made for the network \"" + network.substr(0, max_network_length) +
                "\", not for \"" + expected.name + "\"; use another state folder for this network");
  identity out;
  out.signing_key = crypto::signing_key::from_seed(from_fb<digest>(*(*file)->seed()));
  out.dh_key = crypto::dh_key::from_secret(from_fb<digest>(*(*file)->static_secret()));
  out.network = expected;
  if ((*file)->puzzle_solved() && !out.accept((*file)->nonce()))
    return fail("the identity file is damaged: its nonce does not solve the puzzle of the network \"" +
                expected.name + "\"; restore it from a backup, or remove it to start as a new node");
  return out;
}

}  // namespace vsf::identity
