#pragma once

#include <optional>

#include "actors/identity/identity.hpp"
#include "messages/schemas.hpp"

namespace vsf::identity {

/// What a certificate that holds says: this identity sits at this place and is met under this static key.
struct certified {
  public_key identity;
  vsf::node_id node_id;
  vsf::static_key static_key;
};

/// Ed25519 over "vsf-static-key-v1" || network || static key, with what a verifier needs to know the NodeId.
record<fb::Certificate> make_certificate(const identity& who);
/// The same as a part of another message.
fb::CertificateT make_certificate_part(const identity& who);
/// nullopt: a field is missing, the signature is not theirs, or the nonce does not solve this network's
/// puzzle. nullptr is no certificate.
std::optional<certified> verify_certificate(const fb::Certificate* certificate,
                                            const network_parameters& network);

}  // namespace vsf::identity
