#pragma once

#include <optional>

#include "actors/soulseek/link_effects.hpp"
#include "actors/soulseek/transfer_types.hpp"
#include "net/soulseek/codec.hpp"

/// What the transfer queues say to each other, as messages of the protocol.
namespace vsf::soulseek {

shared_bytes encode_said(const said::message& what);
/// nullopt: the message is not about transfers.
std::optional<said::message> said_by(const peer::message& message);

}  // namespace vsf::soulseek
