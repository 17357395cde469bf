#pragma once

#include "actors/dht/lookup.hpp"

namespace vsf::dht::tests {

inline std::vector<ask_peer> asks_of(const lookup_effects& effects) {
  std::vector<ask_peer> out;
  for (const auto& e : effects)
    if (const auto* ask = std::get_if<ask_peer>(&e)) out.push_back(*ask);
  return out;
}
inline const lookup_result* result_of(const lookup_effects& effects) {
  for (const auto& e : effects)
    if (const auto* over = std::get_if<lookup_finished>(&e)) return &over->result;
  return nullptr;
}

}  // namespace vsf::dht::tests
