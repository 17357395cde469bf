#include "actors/dht/wire_messages.hpp"

namespace vsf::dht {
namespace {

constexpr std::size_t contact_size = sizeof(fb::Contact);
constexpr std::size_t nodes_overhead = 96;
constexpr std::size_t max_contacts_taken = 20;
constexpr std::size_t max_token = 64;
constexpr std::size_t max_held = max_renewed_digests / 8;

template <class Body>
fb::DhtMessageT answer_of(std::uint32_t tx, const endpoint& you, Body body) {
  fb::DhtMessageT out;
  out.tx = tx;
  out.you = box(you);
  out.body.Set(std::move(body));
  return out;
}

std::vector<fb::Contact> first_of(const std::vector<contact>& contacts, std::size_t count) {
  std::vector<fb::Contact> out;
  for (std::size_t i = 0; i < std::min(count, contacts.size()); ++i) out.push_back(to_fb(contacts[i]));
  return out;
}

template <class Contacts>
void read_contacts(const Contacts* told, const endpoint& from, peer_answer& out) {
  if (told == nullptr) return;
  for (const auto* c : *told) {
    if (out.contacts.size() >= max_contacts_taken) break;
    const auto who = from_fb(*c);
    if (is_plausible(who) && fits_scope(who.address, from)) out.contacts.push_back({who, {}});
  }
}

fb::RenewT renew_of(const question& what) {
  fb::RenewT out;
  out.target = box(what.target);
  for (const auto index : what.which) {
    const auto& item = (*what.items)[index];
    out.digests.emplace_back(flatbuffers::span<const std::uint8_t, 6>(item.key.data(), 6),
                             flatbuffers::span<const std::uint8_t, 6>(item.hash.data(), 6));
  }
  return out;
}

fb::StoreT store_of(const question& what) {
  fb::StoreT out;
  out.token = what.token;
  for (const auto index : what.which) {
    auto value = std::make_unique<fb::KeyedValueT>();
    value->key = box((*what.items)[index].key);
    value->data = (*what.items)[index].value;
    out.values.push_back(std::move(value));
  }
  return out;
}

}  // namespace

record<fb::DhtMessage> make_question(std::uint32_t tx, const question& what) {
  fb::DhtMessageT out;
  out.tx = tx;
  switch (what.kind) {
    case question_kind::ping:
      out.body.Set(fb::PingT{});
      break;
    case question_kind::find: {
      fb::FindNodeT find;
      find.target = box(what.target);
      out.body.Set(std::move(find));
      break;
    }
    case question_kind::get: {
      fb::GetT get;
      get.key = box(what.target);
      get.cursor = what.cursor;
      out.body.Set(std::move(get));
      break;
    }
    case question_kind::renew:
      out.body.Set(renew_of(what));
      break;
    case question_kind::store:
      out.body.Set(store_of(what));
      break;
  }
  return record<fb::DhtMessage>::pack(out);
}

record<fb::DhtMessage> make_pong(std::uint32_t tx, const endpoint& you) {
  return record<fb::DhtMessage>::pack(answer_of(tx, you, fb::PongT{}));
}

record<fb::DhtMessage> make_nodes(std::uint32_t tx, const endpoint& you, const std::vector<contact>& contacts,
                                  std::size_t budget) {
  fb::NodesT nodes;
  nodes.contacts = first_of(contacts, budget > nodes_overhead ? (budget - nodes_overhead) / contact_size : 0);
  return record<fb::DhtMessage>::pack(answer_of(tx, you, std::move(nodes)));
}

record<fb::DhtMessage> make_page(std::uint32_t tx, const endpoint& you, const std::vector<contact>& contacts,
                                 byte_view token, const std::optional<bytes>& shard, std::size_t budget) {
  fb::PageT page;
  page.token = to_bytes(token);
  if (shard) page.shard = *shard;
  const auto used = page_overhead + token.size() + page.shard.size();
  const auto room = budget > used ? (budget - used) / contact_size : 0;
  page.contacts = first_of(contacts, shard ? std::min(room, page_contacts) : room);
  return record<fb::DhtMessage>::pack(answer_of(tx, you, std::move(page)));
}

record<fb::DhtMessage> make_renewed(std::uint32_t tx, const endpoint& you,
                                    const std::vector<contact>& contacts, byte_view token,
                                    const std::vector<bool>& held, std::size_t budget) {
  fb::RenewedT renewed;
  renewed.token = to_bytes(token);
  renewed.held.resize((held.size() + 7) / 8);
  for (std::size_t i = 0; i < held.size(); ++i)
    if (held[i]) renewed.held[i / 8] = static_cast<std::uint8_t>(renewed.held[i / 8] | 1u << (i % 8));
  const auto used = page_overhead + token.size() + renewed.held.size();
  renewed.contacts = first_of(contacts, budget > used ? (budget - used) / contact_size : 0);
  return record<fb::DhtMessage>::pack(answer_of(tx, you, std::move(renewed)));
}

record<fb::DhtMessage> make_stored(std::uint32_t tx, const endpoint& you,
                                   const std::vector<fb::PutVerdict>& verdicts) {
  fb::StoredT done;
  done.verdicts = verdicts;
  return record<fb::DhtMessage>::pack(answer_of(tx, you, std::move(done)));
}

record<fb::DhtMessage> make_refused(std::uint32_t tx, const endpoint& you, fb::DhtRefusal reason) {
  fb::RefusedT refused;
  refused.reason = reason;
  return record<fb::DhtMessage>::pack(answer_of(tx, you, refused));
}

bool is_answer(const fb::DhtMessage& message) {
  switch (message.body_type()) {
    case fb::DhtBody::Pong:
    case fb::DhtBody::Nodes:
    case fb::DhtBody::Page:
    case fb::DhtBody::Stored:
    case fb::DhtBody::Renewed:
    case fb::DhtBody::Refused:
      return message.body() != nullptr;
    default:
      return false;
  }
}

bool is_question(const fb::DhtMessage& message) {
  switch (message.body_type()) {
    case fb::DhtBody::Ping:
    case fb::DhtBody::FindNode:
    case fb::DhtBody::Get:
    case fb::DhtBody::Store:
    case fb::DhtBody::Renew:
      return message.body() != nullptr;
    default:
      return false;
  }
}

peer_answer read_answer(const fb::DhtMessage& message, const endpoint& from) {
  peer_answer out;
  if (const auto* nodes = message.body_as_Nodes()) {
    read_contacts(nodes->contacts(), from, out);
  } else if (const auto* page = message.body_as_Page()) {
    read_contacts(page->contacts(), from, out);
    const auto token = view_of(page->token());
    if (token.size() <= max_token) out.token = to_bytes(token);
    out.shard = to_bytes(view_of(page->shard()));
  } else if (const auto* renewed = message.body_as_Renewed()) {
    read_contacts(renewed->contacts(), from, out);
    const auto token = view_of(renewed->token());
    if (token.size() <= max_token) out.token = to_bytes(token);
    for (const auto byte :
         view_of(renewed->held()).first(std::min(view_of(renewed->held()).size(), max_held)))
      for (unsigned bit = 0; bit < 8; ++bit) out.held.push_back((byte >> bit & 1u) != 0);
  } else if (const auto* done = message.body_as_Stored()) {
    if (done->verdicts() != nullptr)
      for (const auto v : *done->verdicts()) out.verdicts.push_back(static_cast<fb::PutVerdict>(v));
  } else if (message.body_as_Refused() != nullptr) {
    out.refused = true;
  }
  return out;
}

}  // namespace vsf::dht
