#include "actors/swarm/content_check.hpp"

#include <algorithm>
#include <map>

#include "actors/dht/contacts.hpp"
#include "actors/library/sketch.hpp"

namespace vsf::swarm {

namespace {

constexpr std::size_t max_candidates = 1024;  // as rank_variants
constexpr std::size_t max_roots = 10;         // of a leaf
constexpr std::size_t enough_witnesses = 2;

using kind = content_finding::kind;

bool durations_fit(std::uint32_t a_ms, std::uint32_t b_ms) {
  const auto longer = std::max(a_ms, b_ms);
  return longer - std::min(a_ms, b_ms) <= duration_tolerance_ms(longer);
}

enum class opinion : std::uint8_t { silent, fits, other_length, other_sound };

opinion opinion_of(const publisher_claim& claim, const fb::FileEntryT& found) {
  const bool lengths_known = claim.duration_ms != 0 && found.duration_ms != 0;
  if (lengths_known && !durations_fit(claim.duration_ms, found.duration_ms)) return opinion::other_length;
  if (claim.sketch)
    if (const auto apart = library::distance_per_mille(*claim.sketch, found.sub_fingerprints)) {
      if (*apart >= library::other_sound_per_mille) return opinion::other_sound;
      return *apart <= library::same_sound_per_mille ? opinion::fits : opinion::silent;
    }
  return lengths_known ? opinion::fits : opinion::silent;
}

/// Whether two claims may be about one recording.
bool agree(const publisher_claim& a, const publisher_claim& b) {
  if (a.duration_ms != 0 && b.duration_ms != 0 && !durations_fit(a.duration_ms, b.duration_ms)) return false;
  if (a.sketch && b.sketch)
    if (const auto apart = library::distance_per_mille(*a.sketch, *b.sketch))
      return *apart < library::other_sound_per_mille;
  return a.duration_ms != 0 && b.duration_ms != 0;
}

struct witnesses {
  std::size_t for_it = 0;
  std::vector<std::pair<const publisher_claim*, opinion>> against;  // one for each group
};

witnesses hear(const fb::FileEntryT& found, const digest& root, const std::vector<publisher_claim>& claims) {
  struct group {
    bool fits = false;
    bool of_this_root = false;
    const publisher_claim* against = nullptr;
    opinion why = opinion::silent;
  };
  std::map<std::optional<dht::address_group>, group> groups;
  for (const auto& claim : claims) {
    auto& g = groups[claim.address ? std::optional(dht::group_of(*claim.address)) : std::nullopt];
    const auto says = opinion_of(claim, found);
    g.fits = g.fits || says == opinion::fits;
    g.of_this_root = g.of_this_root || claim.offers(root);
    if (g.against == nullptr && (says == opinion::other_length || says == opinion::other_sound)) {
      g.against = &claim;
      g.why = says;
    }
  }
  witnesses out;
  for (const auto& [where, g] : groups) {
    if (g.fits)
      ++out.for_it;
    else if (g.against != nullptr && !g.of_this_root)
      out.against.emplace_back(g.against, g.why);
  }
  return out;
}

/// Of those who speak against it, the most who agree with one of them.
std::vector<std::pair<const publisher_claim*, opinion>> largest_agreement(const witnesses& all) {
  std::vector<std::pair<const publisher_claim*, opinion>> out;
  for (const auto& first : all.against) {
    std::vector<std::pair<const publisher_claim*, opinion>> with;
    for (const auto& other : all.against)
      if (other.first == first.first || agree(*first.first, *other.first)) with.push_back(other);
    if (with.size() > out.size()) out = std::move(with);
  }
  return out;
}

std::string minutes(std::uint32_t ms) {
  const auto s = (ms + 500) / 1000;
  return std::to_string(s / 60) + (s % 60 < 10 ? ":0" : ":") + std::to_string(s % 60);
}

std::string why_other(const std::vector<std::pair<const publisher_claim*, opinion>>& against,
                      const fb::FileEntryT& found) {
  const auto who = std::to_string(against.size()) + " independent publishers";
  const auto by_length = std::find_if(against.begin(), against.end(),
                                      [](const auto& x) { return x.second == opinion::other_length; });
  if (by_length != against.end())
    return "it lasts " + minutes(found.duration_ms) + ", and what " + who + " have of the recording " +
           minutes(by_length->first->duration_ms);
  return "it sounds unlike what " + who + " have of the recording";
}

}  // namespace

bool publisher_claim::offers(const digest& root) const {
  return std::find(roots.begin(), roots.end(), root) != roots.end();
}

std::uint32_t duration_tolerance_ms(std::uint32_t duration_ms) {
  return std::clamp<std::uint32_t>(duration_ms / 20, 2000, 7000);
}

std::set<storage::offer> offers_of(const fb::ResolveResult& answer) {
  std::set<storage::offer> out;
  if (answer.candidates() == nullptr) return out;
  for (const auto* c : *answer.candidates())
    if (c != nullptr && c->publisher() != nullptr && c->variant() != nullptr && out.size() < max_candidates)
      out.insert({from_fb<public_key>(*c->publisher()), from_fb<digest>(c->variant()->root())});
  return out;
}

std::vector<publisher_claim> claims_of(const fb::ResolveResult& answer, const node_id& self,
                                       const std::set<storage::offer>& refused) {
  std::vector<publisher_claim> out;
  if (answer.candidates() == nullptr) return out;
  std::set<public_key> liars;
  for (const auto& offer : refused) liars.insert(offer.publisher);
  std::size_t seen = 0;
  for (const auto* c : *answer.candidates()) {
    if (++seen > max_candidates) break;
    if (c == nullptr || c->publisher() == nullptr || c->node() == nullptr || c->variant() == nullptr)
      continue;
    const auto publisher = from_fb<public_key>(*c->publisher());
    const auto node = from_fb<node_id>(*c->node());
    if (node == self || liars.count(publisher) != 0) continue;
    auto known =
        std::find_if(out.begin(), out.end(), [&](const auto& x) { return x.publisher == publisher; });
    if (known == out.end()) {
      if (out.size() == max_claims) continue;
      publisher_claim fresh{publisher, node, {}, {}, c->duration_ms(), {}};
      if (c->contact() != nullptr) fresh.address = from_fb(c->contact()->address());
      if (c->sketch() != nullptr) fresh.sketch = *c->sketch();
      out.push_back(std::move(fresh));
      known = std::prev(out.end());
    }
    const auto root = from_fb<digest>(c->variant()->root());
    if (known->roots.size() < max_roots && !known->offers(root)) known->roots.push_back(root);
  }
  return out;
}

fb::ClaimT to_record(const publisher_claim& claim) {
  fb::ClaimT out;
  out.publisher = box(claim.publisher);
  out.node = box(claim.node);
  if (claim.address) out.address = box(*claim.address);
  for (const auto& root : claim.roots) out.roots.push_back(to_fb(root));
  out.duration_ms = claim.duration_ms;
  if (claim.sketch) out.sketch = std::make_unique<fb::Sketch>(*claim.sketch);
  return out;
}

publisher_claim from_record(const fb::ClaimT& claim) {
  publisher_claim out;
  if (claim.publisher) out.publisher = from_fb<public_key>(*claim.publisher);
  if (claim.node) out.node = from_fb<node_id>(*claim.node);
  if (claim.address) out.address = from_fb(*claim.address);
  for (const auto& root : claim.roots) out.roots.push_back(from_fb<digest>(root));
  out.duration_ms = claim.duration_ms;
  if (claim.sketch) out.sketch = *claim.sketch;
  return out;
}

content_finding judge_content(const fb::FileEntryT& found, const mbid& wanted, const digest& root,
                              const std::vector<publisher_claim>& claims) {
  if (found.fault == fb::FileFault::not_audio)
    return {kind::mismatch, "there is no audio in it: " + found.problem};
  const bool tagged = found.recording != nullptr;
  if (tagged && from_fb<mbid>(*found.recording) != wanted)
    return {kind::mismatch, "its tags name another recording, " + to_string(from_fb<mbid>(*found.recording))};
  if (found.fault == fb::FileFault::unread) return {kind::unread, "not checked: " + found.problem};
  const auto heard = hear(found, root, claims);
  const auto against = largest_agreement(heard);
  if (against.size() >= enough_witnesses && against.size() > heard.for_it)
    return {kind::mismatch, why_other(against, found)};
  if (found.fault == fb::FileFault::defective) return {kind::unread, "taken although " + found.problem};
  // A publisher's word for its own file proves nothing.
  const auto others = std::count_if(claims.begin(), claims.end(), [&](const auto& claim) {
    return !claim.offers(root) && opinion_of(claim, found) == opinion::fits;
  });
  std::string text = tagged ? "its tags name the recording" : "";
  if (others > 0)
    text += (text.empty() ? "" : "; ") + std::to_string(others) +
            (others == 1 ? " other publisher describes" : " other publishers describe") + " the same";
  if (!text.empty()) return {kind::agrees, std::move(text)};
  return {kind::no_evidence, "nothing is known to compare it with"};
}

}  // namespace vsf::swarm
