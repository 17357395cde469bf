#include "net/noise/handshake.hpp"

#include <array>
#include <stdexcept>

#include "net/crypto/stand_in.hpp"

namespace vsf::noise {
namespace {

/// Noise's HKDF with two outputs.
struct two_digests {
  digest first;
  digest second;
};
two_digests hkdf(const digest& chaining_key, byte_view input) {
  if (crypto::in_use() == crypto::suite::stand_in) {
    const auto both = crypto::stand_in::derive(chaining_key, input);
    return {*digest::from(byte_view(both).first(32)), *digest::from(byte_view(both).last(32))};
  }
  const auto secret = crypto::hmac_sha256(chaining_key.view(), input);
  static constexpr std::uint8_t one = 1;
  two_digests out;
  out.first = crypto::hmac_sha256(secret.view(), {&one, 1});
  std::array<std::uint8_t, 33> block;
  std::memcpy(block.data(), out.first.data(), 32);
  block[32] = 2;
  out.second = crypto::hmac_sha256(secret.view(), block);
  return out;
}

digest initial_hash(pattern p) {
  // Both names are 32 bytes long, so they are the hash as they stand (section 5.2).
  const std::string_view name =
      p == pattern::xx ? "Noise_XX_25519_ChaChaPoly_SHA256" : "Noise_IK_25519_ChaChaPoly_SHA256";
  return *digest::from(crypto::as_bytes(name));
}

}  // namespace

handshake::handshake(pattern p, bool is_initiator, byte_view prologue, const crypto::dh_key& local,
                     crypto::random_source& random)
    : pattern_(p),
      is_initiator_(is_initiator),
      chaining_key_(initial_hash(p)),
      hash_(chaining_key_),
      random_(&random),
      local_(local) {
  mix_hash(prologue);
}

handshake handshake::initiator(pattern p, byte_view prologue, const crypto::dh_key& local,
                               const std::optional<static_key>& remote, crypto::random_source& random) {
  handshake out(p, true, prologue, local, random);
  if (p == pattern::ik) {
    if (!remote) throw std::invalid_argument("a Noise IK initiator needs the remote static key");
    out.remote_static_ = remote;
    out.mix_hash(remote->view());
  }
  return out;
}

handshake handshake::responder(pattern p, byte_view prologue, const crypto::dh_key& local,
                               crypto::random_source& random) {
  handshake out(p, false, prologue, local, random);
  if (p == pattern::ik) out.mix_hash(local.key.view());
  return out;
}

std::size_t handshake::message_count() const { return pattern_ == pattern::xx ? 3 : 2; }

std::span<const handshake::token> handshake::tokens() const {
  using enum token;
  static constexpr std::array xx1{e};
  static constexpr std::array xx2{e, ee, s, es};
  static constexpr std::array xx3{s, se};
  static constexpr std::array ik1{e, es, s, ss};
  static constexpr std::array ik2{e, ee, se};
  if (next_message_ >= message_count()) return {};
  if (pattern_ == pattern::ik) return next_message_ == 0 ? std::span<const token>(ik1) : ik2;
  if (next_message_ == 0) return xx1;
  return next_message_ == 1 ? std::span<const token>(xx2) : xx3;
}

bool handshake::my_turn() const {
  return !failed_ && !finished() && (next_message_ % 2 == 0) == is_initiator_;
}
bool handshake::finished() const { return !failed_ && next_message_ == message_count(); }

std::size_t handshake::message_size(std::size_t payload_size) const {
  auto size = payload_size;
  bool keyed = has_key_;
  for (const auto t : tokens()) {
    if (t == token::e)
      size += static_key::length;
    else if (t == token::s)
      size += static_key::length + (keyed ? crypto::tag_size : 0);
    else
      keyed = true;
  }
  return size + (keyed ? crypto::tag_size : 0);
}

void handshake::mix_hash(byte_view data) {
  thread_local crypto::sha256_hasher hasher;
  hasher.begin();
  hasher.update(hash_.view());
  hasher.update(data);
  hash_ = hasher.finish();
}

void handshake::mix_key(const digest& input) {
  const auto keys = hkdf(chaining_key_, input.view());
  chaining_key_ = keys.first;
  key_ = keys.second;
  has_key_ = true;
  nonce_ = 0;
}

/// The first letter of a token is the initiator's key, the second the responder's.
bool handshake::mix_dh(token t) {
  const bool mine_is_static =
      is_initiator_ ? t == token::se || t == token::ss : t == token::es || t == token::ss;
  const bool theirs_is_static =
      is_initiator_ ? t == token::es || t == token::ss : t == token::se || t == token::ss;
  const auto& theirs = theirs_is_static ? remote_static_ : remote_ephemeral_;
  const auto secret = crypto::shared_secret(mine_is_static ? local_ : ephemeral_.value(), theirs.value());
  if (!secret) return false;
  mix_key(*secret);
  return true;
}

void handshake::encrypt_and_append(byte_view text, bytes& out) {
  const auto start = out.size();
  out.insert(out.end(), text.begin(), text.end());
  if (has_key_) {
    out.resize(out.size() + crypto::tag_size);
    crypto::aead(key_).seal(nonce_++, hash_.view(), std::span(out).subspan(start));
  }
  mix_hash(byte_view(out).subspan(start));
}

std::optional<bytes> handshake::decrypt_and_hash(byte_view text) {
  bytes plain(text.begin(), text.end());
  if (has_key_) {
    if (!crypto::aead(key_).open(nonce_, hash_.view(), plain)) return std::nullopt;
    ++nonce_;
    plain.resize(plain.size() - crypto::tag_size);
  }
  mix_hash(text);
  return plain;
}

std::optional<bytes> handshake::write(byte_view payload) {
  if (failed_) return std::nullopt;
  if (!my_turn()) throw std::logic_error("a Noise message may only be written in turn");
  const auto size = message_size(payload.size());
  if (size > max_message_size) throw std::length_error("a Noise message is at most 65,535 bytes");
  bytes out;
  out.reserve(size);
  for (const auto t : tokens()) {
    if (t == token::e) {
      if (!ephemeral_) ephemeral_ = crypto::dh_key::generate(*random_);
      out.insert(out.end(), ephemeral_->key.begin(), ephemeral_->key.end());
      mix_hash(ephemeral_->key.view());
    } else if (t == token::s) {
      encrypt_and_append(local_.key.view(), out);
    } else if (!mix_dh(t)) {
      failed_ = true;
      return std::nullopt;
    }
  }
  encrypt_and_append(payload, out);
  ++next_message_;
  return out;
}

/// Takes the key of token e or s from the front of `rest`.
bool handshake::read_key(token t, byte_view& rest) {
  const auto size = static_key::length + (t == token::s && has_key_ ? crypto::tag_size : 0);
  if (rest.size() < size) return false;
  const auto raw = rest.first(size);
  rest = rest.subspan(size);
  if (t == token::e) {
    remote_ephemeral_ = static_key::from(raw);
    mix_hash(raw);
    return true;
  }
  const auto plain = decrypt_and_hash(raw);
  if (!plain) return false;
  remote_static_ = static_key::from(*plain);
  return remote_static_.has_value();
}

std::optional<bytes> handshake::read(byte_view message) {
  if (failed_ || finished() || my_turn()) return std::nullopt;
  failed_ = true;  // until the whole message has proved good
  if (message.size() > max_message_size || message.size() < message_size(0)) return std::nullopt;
  auto rest = message;
  for (const auto t : tokens()) {
    const bool good = t == token::e || t == token::s ? read_key(t, rest) : mix_dh(t);
    if (!good) return std::nullopt;
  }
  auto payload = decrypt_and_hash(rest);
  if (!payload) return std::nullopt;
  failed_ = false;
  ++next_message_;
  return payload;
}

split_keys handshake::split() const {
  if (!finished()) throw std::logic_error("a Noise handshake is split only when it has finished");
  const auto keys = hkdf(chaining_key_, {});
  return is_initiator_ ? split_keys{keys.first, keys.second, hash_}
                       : split_keys{keys.second, keys.first, hash_};
}

}  // namespace vsf::noise
