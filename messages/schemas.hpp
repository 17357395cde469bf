#pragma once

// All generated schema types but those of soulseek_schemas.hpp, the file identifier of each root type, and
// conversions between the schema's raw byte structs and the types of types.hpp.

#include <memory>

#include "messages/record.hpp"
#include "messages/types.hpp"
#include "vsf/dht_generated.h"
#include "vsf/index_generated.h"
#include "vsf/node_generated.h"
#include "vsf/overlay_generated.h"
#include "vsf/store_generated.h"

namespace vsf {

VSF_RECORD(Certificate, "VCER");
VSF_RECORD(Leaf, "VLEF");
VSF_RECORD(SignedLeaf, "VSLF");
VSF_RECORD(ShadowIndexShard, "VSHD");
VSF_RECORD(DhtMessage, "VDHT");
VSF_RECORD(OverlayMessage, "VOVL");
VSF_RECORD(DhtGet, "NDG1");
VSF_RECORD(DhtGetResult, "NDG2");
VSF_RECORD(DhtSweep, "NDS1");
VSF_RECORD(DhtSweepResult, "NDS2");
VSF_RECORD(DhtFind, "NDF1");
VSF_RECORD(DhtFindResult, "NDF2");
VSF_RECORD(Resolve, "NRS1");
VSF_RECORD(ResolveResult, "NRS2");
VSF_RECORD(LibraryChanged, "NLIB");
VSF_RECORD(AnalyzeFile, "NAN1");
VSF_RECORD(FetchStart, "NFS1");
VSF_RECORD(FetchControl, "NFC1");
VSF_RECORD(TransferStatus, "NTS1");
VSF_RECORD(TransferList, "NTL1");
VSF_RECORD(TransferLimits, "NTL2");
VSF_RECORD(ComponentReport, "NCR1");
VSF_RECORD(NodeStatus, "NST1");
VSF_RECORD(Event, "NEV1");
VSF_RECORD(IdentityFile, "SIDN");
VSF_RECORD(FileEntry, "SFIL");
VSF_RECORD(OwnLeaf, "SOLF");
VSF_RECORD(HeldLeaf, "SHLF");
VSF_RECORD(KnownContact, "SCON");
VSF_RECORD(TransferRecord, "STRN");
VSF_RECORD(OfferBan, "SBAN");
VSF_RECORD(PieceHashes, "SPCH");
VSF_RECORD(StoredTree, "STRE");

/// A schema struct (fb::Id160, fb::Bytes32...) from fixed bytes of the same length.
template <class Fb, std::size_t N, class Tag>
Fb to_fb(const fixed_bytes<N, Tag>& x) {
  static_assert(sizeof(Fb) == N);
  return Fb(flatbuffers::span<const std::uint8_t, N>(x.data(), N));
}
inline fb::Id160 to_fb(const id160& x) { return to_fb<fb::Id160>(x); }
inline fb::Bytes16 to_fb(const mbid& x) { return to_fb<fb::Bytes16>(x); }
inline fb::Bytes32 to_fb(const digest& x) { return to_fb<fb::Bytes32>(x); }
inline fb::Bytes32 to_fb(const public_key& x) { return to_fb<fb::Bytes32>(x); }
inline fb::Bytes32 to_fb(const static_key& x) { return to_fb<fb::Bytes32>(x); }
inline fb::Bytes64 to_fb(const signature& x) { return to_fb<fb::Bytes64>(x); }
fb::Endpoint to_fb(const endpoint& x);
fb::Contact to_fb(const contact& x);

/// A schema struct as the object API holds an optional one.
template <class T>
auto box(const T& x) {
  if constexpr (requires { to_fb(x); })
    return std::make_unique<decltype(to_fb(x))>(to_fb(x));
  else
    return std::make_unique<T>(x);
}

/// Fixed bytes from a schema struct of the same length: from_fb<node_id>(*message->id()).
template <class Fixed, class Fb>
Fixed from_fb(const Fb& x) {
  static_assert(sizeof(Fb) == Fixed::length);
  Fixed out;
  std::memcpy(out.data(), x.bytes()->data(), Fixed::length);
  return out;
}
endpoint from_fb(const fb::Endpoint& x);
contact from_fb(const fb::Contact& x);

/// The bytes of a FlatBuffers vector; empty for null.
inline byte_view view_of(const flatbuffers::Vector<std::uint8_t>* x) {
  return x == nullptr ? byte_view{} : byte_view{x->data(), x->size()};
}
inline std::string string_of(const flatbuffers::String* x) { return x == nullptr ? std::string{} : x->str(); }
inline bytes to_bytes(byte_view x) { return {x.begin(), x.end()}; }

}  // namespace vsf
