#pragma once

#include <string>

#include "actors/identity/identity.hpp"

namespace vsf::identity {

/// The identity kept at `path`, or a new one (its puzzle still unsolved), already written there. Refused
/// besides what storage::read_identity_file refuses: a damaged file and one made for another network.
result<identity> open_identity(const std::string& path, const network_parameters& network,
                               crypto::random_source& random);
/// For when the puzzle is solved.
result<void> save_identity(const std::string& path, const identity& who);

}  // namespace vsf::identity
