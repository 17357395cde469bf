#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/schemas.hpp"
#include "storage/ban_store.hpp"

/// "Is it the music?" What publishers say of a recording, and whether a complete file fits that. A hash tree
/// proves a liar's bytes as well as an honest peer's.
namespace vsf::swarm {

/// What one publisher says of a recording, of all its files together.
struct publisher_claim {
  vsf::public_key publisher{};
  node_id node{};
  std::optional<endpoint> address;   // where known
  std::vector<digest> roots;         // of the files it offers as this recording, at most 10
  std::uint32_t duration_ms = 0;     // 0: not said
  std::optional<fb::Sketch> sketch;  // absent: not said

  bool offers(const digest& root) const;
};

inline constexpr std::size_t max_claims = 64;

/// The publishers of an answer, in its order, without ourselves and without those of a refused offer: whoever
/// lied about this recording is no witness.
std::vector<publisher_claim> claims_of(const fb::ResolveResult& answer, const node_id& self,
                                       const std::set<storage::offer>& refused);
/// All (publisher, root) of an answer.
std::set<storage::offer> offers_of(const fb::ResolveResult& answer);

fb::ClaimT to_record(const publisher_claim& claim);
publisher_claim from_record(const fb::ClaimT& claim);

/// What comes of a check. Only `mismatch` keeps a file back: what can't be told is no fault of the file's.
struct content_finding {
  enum class kind : std::uint8_t {
    agrees,       // its tags name the recording, or others describe the same sound
    no_evidence,  // nothing to compare with, or the witnesses disagree
    unread,       // the analyzer could not tell what it is
    mismatch
  };
  kind what = kind::no_evidence;
  std::string text;  // for people
};

/// Compares what the analyzer found in a complete file with the recording that was asked for.
///
/// Mismatch: there is no audio in it; or its tags name another recording; or at least two independent
/// publishers of other files describe another sound or length, agree with each other, and are more than those
/// who describe this one. Independent are address groups (dht::group_of), those without a known address
/// together counting as one; a group with a publisher of this root never speaks against it.
content_finding judge_content(const fb::FileEntryT& found, const mbid& wanted, const digest& root,
                              const std::vector<publisher_claim>& claims);

/// How far two copies of one recording may differ in length: a twentieth, 2 s at least, 7 s at most.
std::uint32_t duration_tolerance_ms(std::uint32_t duration_ms);

}  // namespace vsf::swarm
