// Feeds bytes to both sides of a Noise handshake at every step. The keys are fixed, so a seed can hold
// genuine messages and the fuzzer starts from beyond the first check; any other message than the genuine one
// must be refused.

#include <algorithm>
#include <array>
#include <cstdlib>

#include "net/noise/handshake.hpp"

namespace {

using vsf::byte_view;
using vsf::bytes;
using vsf::noise::handshake;
using vsf::noise::pattern;

/// The side that reads next, the message it should get, and both after that.
struct moment {
  handshake reader;
  bytes genuine;
  bool plain;
};

const std::vector<moment>& moments() {
  static const std::vector<moment> all = [] {
    vsf::crypto::memoise(true);
    // Outlives every copy of the handshakes.
    static vsf::crypto::seeded_random random(1);
    std::vector<moment> out;
    for (const auto p : {pattern::xx, pattern::ik}) {
      const auto a = vsf::crypto::dh_key::generate(random);
      const auto b = vsf::crypto::dh_key::generate(random);
      auto writer = handshake::initiator(p, vsf::crypto::as_bytes("fuzz"), a, b.key, random);
      auto reader = handshake::responder(p, vsf::crypto::as_bytes("fuzz"), b, random);
      while (!writer.finished()) {
        const auto plain = p == pattern::xx && out.empty();
        auto message = writer.write(vsf::crypto::as_bytes("payload")).value();
        out.push_back({reader, message, plain});
        if (!reader.read(message)) std::abort();
        std::swap(writer, reader);
      }
    }
    return out;
  }();
  return all;
}

void must(bool held) {
  if (!held) std::abort();
}

void feed(const moment& at, byte_view message) {
  auto reader = at.reader;
  const bool same = std::equal(message.begin(), message.end(), at.genuine.begin(), at.genuine.end());
  const auto payload = reader.read(message);
  if (same) must(payload.has_value());
  if (!at.plain) must(payload.has_value() == same);
  if (!payload) {
    must(!reader.my_turn() && !reader.finished());
    must(!reader.read(at.genuine).has_value());
    must(!reader.write({}).has_value());
    return;
  }
  if (!reader.my_turn()) return;
  const auto size = reader.message_size(payload->size());
  if (size > vsf::noise::max_message_size) return;
  const auto answer = reader.write(*payload);
  if (answer) must(answer->size() == size);
}

}  // namespace

/// Byte 0: the moment; its top bit: the rest is laid over the genuine message by exclusive or instead of
/// replacing it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const byte_view input(data + 1, size - 1);
  const auto& at = moments()[(data[0] & 0x7fU) % moments().size()];
  if ((data[0] & 0x80U) == 0) {
    feed(at, input);
    return 0;
  }
  auto message = at.genuine;
  for (std::size_t i = 0; i < std::min(input.size(), message.size()); ++i)
    message[i] = static_cast<std::uint8_t>(message[i] ^ input[i]);
  feed(at, message);
  return 0;
}
