#include "actors/overlay/link_handshake.hpp"

#include <algorithm>
#include <utility>

namespace vsf::overlay {
namespace {

constexpr std::string_view prologue_name = "vsf-overlay-v1";

noise::pattern noise_pattern(pattern_byte p) {
  return p == pattern_byte::xx ? noise::pattern::xx : noise::pattern::ik;
}

}  // namespace

std::shared_ptr<const local_side> local_side::of(const identity::identity& who) {
  return std::make_shared<const local_side>(local_side{
      who.dh_key, who.node_id, who.network, to_bytes(identity::make_certificate(who).raw().view())});
}

link_handshake::link_handshake(std::shared_ptr<const local_side> self, std::optional<expected_peer> whom,
                               crypto::random_source& random)
    : self_(std::move(self)), expected_(std::move(whom)), random_(&random) {}

link_handshake link_handshake::dial(std::shared_ptr<const local_side> self, expected_peer whom,
                                    crypto::random_source& random) {
  link_handshake out(std::move(self), std::move(whom), random);
  out.pattern_ = out.expected_->key ? pattern_byte::ik : pattern_byte::xx;
  out.noise_ = noise::handshake::initiator(noise_pattern(out.pattern_), out.prologue(), out.self_->dh,
                                           out.expected_->key, random);
  return out;
}

link_handshake link_handshake::accept(std::shared_ptr<const local_side> self, crypto::random_source& random) {
  return {std::move(self), std::nullopt, random};
}

bytes link_handshake::prologue() const {
  bytes out;
  const auto add = [&](std::string_view text) { out.insert(out.end(), text.begin(), text.end()); };
  add(prologue_name);
  out.push_back(0);
  out.push_back(static_cast<std::uint8_t>(pattern_));
  add(self_->network.name);
  return out;
}

result<frame> link_handshake::first() { return write(); }

bool link_handshake::sends_certificate() const {
  // Message 1 of XX goes in the clear.
  return pattern_ == pattern_byte::ik || messages_ > 0;
}

result<frame> link_handshake::write() {
  const auto message = noise_->write(sends_certificate() ? byte_view(self_->certificate) : byte_view{});
  if (!message) return fail("the peer's key can't be used");
  const bool preamble = expected_ && messages_ == 0;
  auto out = frame::allocate((preamble ? preamble_size : 0) + message->size());
  auto at = out.mutable_view();
  if (preamble) {
    std::copy(handshake_magic.begin(), handshake_magic.end(), at.begin());
    at[handshake_magic.size()] = static_cast<std::uint8_t>(pattern_);
    at = at.subspan(preamble_size);
  }
  std::copy(message->begin(), message->end(), at.begin());
  ++messages_;
  return out;
}

result<void> link_handshake::take_preamble(byte_view& packet) {
  if (packet.size() < preamble_size ||
      !std::ranges::equal(packet.first(handshake_magic.size()), crypto::as_bytes(handshake_magic)))
    return fail("not the overlay protocol, or another version of it");
  const auto pattern = packet[handshake_magic.size()];
  if (pattern != static_cast<std::uint8_t>(pattern_byte::xx) &&
      pattern != static_cast<std::uint8_t>(pattern_byte::ik))
    return fail("unknown handshake pattern " + std::to_string(pattern));
  pattern_ = static_cast<pattern_byte>(pattern);
  packet = packet.subspan(preamble_size);
  noise_ = noise::handshake::responder(noise_pattern(pattern_), prologue(), self_->dh, *random_);
  return {};
}

result<void> link_handshake::take_certificate(byte_view payload) {
  const auto certificate = record<fb::Certificate>::parse_copy(payload);
  if (!certificate) return fail("the handshake carries no certificate");
  const auto who = identity::verify_certificate(&**certificate, self_->network);
  if (!who) return fail("the peer's certificate does not hold in this network");
  if (who->static_key != noise_->remote_static()) return fail("the peer's certificate is for another key");
  if (who->node_id == self_->id) return fail("that is this node itself");
  if (expected_ && who->node_id != expected_->id)
    return fail("expected node " + to_hex(expected_->id) + ", found " + to_hex(who->node_id));
  peer_ = *who;
  return {};
}

result<frame> link_handshake::on_packet(byte_view packet) {
  if (packet.size() > max_handshake_packet) return fail("a handshake packet is too long");
  if (!noise_)
    if (auto ok = take_preamble(packet); !ok) return fail(ok.error().message);
  const bool certificate_due = sends_certificate();
  const auto payload = noise_->read(packet);
  if (!payload) return fail("the handshake failed: another network, another key or a damaged packet");
  ++messages_;
  if (certificate_due)
    if (auto ok = take_certificate(*payload); !ok) return fail(ok.error().message);
  if (!noise_->my_turn()) return frame{};
  return write();
}

}  // namespace vsf::overlay
