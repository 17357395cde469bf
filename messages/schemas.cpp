#include "messages/schemas.hpp"

namespace vsf {

fb::Endpoint to_fb(const endpoint& x) {
  return fb::Endpoint(flatbuffers::span<const std::uint8_t, 16>(x.ip.data(), 16), x.port);
}

endpoint from_fb(const fb::Endpoint& x) {
  endpoint out;
  std::memcpy(out.ip.data(), x.ip()->data(), 16);
  out.port = x.port();
  return out;
}

fb::Contact to_fb(const contact& x) { return {to_fb(x.id), to_fb(x.key), to_fb(x.address)}; }

contact from_fb(const fb::Contact& x) {
  return {from_fb<node_id>(x.id()), from_fb<static_key>(x.static_key()), from_fb(x.address())};
}

}  // namespace vsf
