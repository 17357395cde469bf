#include "actors/overlay/frame_cipher.hpp"

namespace vsf::overlay {

frame_cipher::frame_cipher(const digest& key, std::uint64_t rekey_interval)
    : key_(key), aead_(key), interval_(rekey_interval) {}

void frame_cipher::take_turn() {
  if (next_ == 0 || next_ % interval_ != 0) return;
  key_ = crypto::hmac_sha256(key_.view(), crypto::as_bytes("vsf-overlay-rekey-v1"));
  aead_ = crypto::aead(key_);
}

void frame_cipher::seal(std::span<std::uint8_t> text_and_tag) {
  take_turn();
  aead_.seal(next_++, {}, text_and_tag);
}

bool frame_cipher::open(std::span<std::uint8_t> text_and_tag) {
  if (text_and_tag.size() < crypto::tag_size) return false;
  take_turn();
  if (!aead_.open(next_, {}, text_and_tag)) return false;
  ++next_;
  return true;
}

}  // namespace vsf::overlay
