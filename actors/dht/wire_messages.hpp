#pragma once

#include "actors/dht/lookup.hpp"
#include "messages/schemas.hpp"

/// DhtMessages that fit their datagram, and what they say: docs/protocol.md, "DHT".
namespace vsf::dht {

/// A question of a run. Its values and digests fit by construction (sweep.cpp).
record<fb::DhtMessage> make_question(std::uint32_t tx, const question& what);

/// Answers, each at most `budget` bytes. `you` is the asker's address as we see it.
record<fb::DhtMessage> make_pong(std::uint32_t tx, const endpoint& you);
/// As many of the contacts as fit, in their order.
record<fb::DhtMessage> make_nodes(std::uint32_t tx, const endpoint& you, const std::vector<contact>& contacts,
                                  std::size_t budget);
/// With a shard at most 3 contacts; without, as many as fit.
record<fb::DhtMessage> make_page(std::uint32_t tx, const endpoint& you, const std::vector<contact>& contacts,
                                 byte_view token, const std::optional<bytes>& shard, std::size_t budget);
/// Which of a renewal's digests are held, and as many of the contacts as fit.
record<fb::DhtMessage> make_renewed(std::uint32_t tx, const endpoint& you,
                                    const std::vector<contact>& contacts, byte_view token,
                                    const std::vector<bool>& held, std::size_t budget);
record<fb::DhtMessage> make_stored(std::uint32_t tx, const endpoint& you,
                                   const std::vector<fb::PutVerdict>& verdicts);
record<fb::DhtMessage> make_refused(std::uint32_t tx, const endpoint& you, fb::DhtRefusal reason);

inline constexpr std::size_t page_contacts = 3;
/// Digests of one renewal, values of one store.
inline constexpr std::size_t max_renewed_digests = 88;
inline constexpr std::size_t max_stored_values = 16;
/// What a page needs besides shard and contacts.
inline constexpr std::size_t page_overhead = 120;

bool is_answer(const fb::DhtMessage& message);
bool is_question(const fb::DhtMessage& message);
/// What an answer of a node at `from` says; contacts that are none or that must not come from there are left
/// out.
peer_answer read_answer(const fb::DhtMessage& message, const endpoint& from);

}  // namespace vsf::dht
