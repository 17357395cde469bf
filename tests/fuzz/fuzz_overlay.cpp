// Overlay: the first packets of strangers, the answers to a dialler, and whatever a proven peer may say,
// sealed and not.

#include <cstdlib>

#include "tests/actors/overlay/session_pair.hpp"

namespace {

using namespace vsf;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The rest of the input as packets: length u16 little-endian, bytes.
template <class Visit>
void packets_of(byte_view rest, Visit visit) {
  while (rest.size() >= 2) {
    const auto size = std::min<std::size_t>(rest[0] + 256u * rest[1], rest.size() - 2);
    visit(rest.subspan(2, size));
    rest = rest.subspan(2 + size);
  }
}

void stranger(byte_view input) {
  tests::session_pair p;
  packets_of(input, [&](byte_view packet) {
    if (!packet.empty()) p.b->it.on_packet(frame::copy_of(packet), p.now, p.b->effects);
  });
  p.b->collect();
  require(!p.b->up);
}

void answer_to_a_dialler(byte_view input, bool know_key) {
  tests::session_pair p(know_key);
  require(p.a->it.next_packet() != nullptr);
  p.a->it.taken(p.a->effects);
  packets_of(input, [&](byte_view packet) {
    if (!packet.empty()) p.a->it.on_packet(frame::copy_of(packet), p.now, p.a->effects);
  });
  p.a->collect();
  require(!p.a->up);
}

void proven_peer(byte_view input, bool sealed) {
  tests::raw_peer p;
  p.say_hello();
  require(p.side->up.has_value());
  require(!p.side->it.attach(1));
  packets_of(input, [&](byte_view packet) {
    if (packet.empty()) return;
    p.now += std::chrono::seconds(packet[0] % 8);
    p.side->it.on_alarm(p.now, p.side->effects);
    if (sealed)
      p.say(packet);
    else
      p.side->it.on_packet(frame::copy_of(packet), p.now, p.side->effects);
    p.flush();
  });
  for (const auto& d : p.side->data) {
    require(d.data.header.channel == 1);
    require(overlay::leaves_fit(d.data.header.count, d.data.body.size()));
  }
  for (const auto& a : p.side->answers) require(a.channel == 1);
  for (const auto& r : p.side->requests) require(overlay::channel_of(*r.message).channel != 0);
  require(p.side->it.channels() <= 1 + overlay::session_limits{}.channels);
  if (!sealed && p.side->requests.size() + p.side->data.size() > 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  crypto::use(crypto::suite::stand_in);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const byte_view input{data + 1, size - 1};
  switch (data[0] % 5) {
    case 0:
      stranger(input);
      break;
    case 1:
      answer_to_a_dialler(input, true);
      break;
    case 2:
      answer_to_a_dialler(input, false);
      break;
    case 3:
      proven_peer(input, true);
      break;
    default:
      proven_peer(input, false);
      break;
  }
  return 0;
}
