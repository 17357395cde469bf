#include "actors/identity/certificate.hpp"

namespace vsf::identity {
namespace {

constexpr std::string_view purpose = "vsf-static-key-v1";

}  // namespace

fb::CertificateT make_certificate_part(const identity& who) {
  fb::CertificateT out;
  out.identity = box(who.signing_key.identity);
  out.nonce = who.id_nonce;
  out.static_key = box(who.dh_key.key);
  out.signature = box(who.signing_key.sign(
      {crypto::as_bytes(purpose), crypto::as_bytes(who.network.name), who.dh_key.key.view()}));
  return out;
}

record<fb::Certificate> make_certificate(const identity& who) {
  return record<fb::Certificate>::pack(make_certificate_part(who));
}

std::optional<certified> verify_certificate(const fb::Certificate* certificate,
                                            const network_parameters& network) {
  if (certificate == nullptr || certificate->identity() == nullptr || certificate->static_key() == nullptr ||
      certificate->signature() == nullptr)
    return std::nullopt;
  const auto who = from_fb<public_key>(*certificate->identity());
  // The puzzle first: it costs a hash, the signature a hundred.
  const auto id = derive_node_id(who, certificate->nonce(), network);
  if (!id) return std::nullopt;
  const auto key = from_fb<static_key>(*certificate->static_key());
  if (!crypto::verify(who, from_fb<signature>(*certificate->signature()),
                      {crypto::as_bytes(purpose), crypto::as_bytes(network.name), key.view()}))
    return std::nullopt;
  return certified{who, *id, key};
}

}  // namespace vsf::identity
