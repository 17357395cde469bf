// Bytes from strangers through the DHT: datagrams, what is inside a handshake, questions, answers and shards.
#include <cstdlib>

#include "actors/dht/node_core.hpp"

namespace {

using namespace std::chrono_literals;
using namespace vsf;

/// Takes everything as a value, so that what is behind the policy is reached.
class any_policy final : public dht::value_policy {
 public:
  dht::value_facts parse(const dht_key&, byte_view raw, std::uint64_t) const override {
    dht::value_facts out;
    out.order = crypto::sha256(raw);
    std::copy_n(out.order.begin(), 32, out.publisher.begin());
    out.expires_unix_s = 4'000'000'000;
    out.verdict = fb::PutVerdict::stored;
    return out;
  }
};

constexpr dht::link_time now{10s, 1'800'000'000'000};

struct node {
  crypto::seeded_random random{1};
  std::shared_ptr<const any_policy> policy = std::make_shared<const any_policy>();
  std::shared_ptr<const identity::identity> me = std::make_shared<const identity::identity>(
      identity::make_solved_identity(identity::parse_network("fuzz/0").value(), random));
  dht::node_core core{me, policy, random, {}};
  dht::routing_table table{me->node_id};
  dht::leaf_storage storage{policy, 1};
  dht::query_service service{table, storage, random, {}};
  node() { core.on_ready(now, endpoint::v4(0x30000001, 1)); }
};

void require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const byte_view rest(data + 1, size - 1);
  const auto from = endpoint::v4(0x40000001, 2);
  static node shared;
  switch (data[0] % 5) {
    case 0: {
      // Repaired where a stranger could have it right, so that more than the header is reached.
      auto raw = frame::copy_of(rest);
      if (raw.size() >= 8) {
        const auto tag = dht::tag_of(shared.me->network);
        std::copy_n("VS\x01", 3, raw.mutable_data());
        if (raw.size() % 2 == 0) std::copy(tag.begin(), tag.end(), raw.mutable_data() + 4);
      }
      for (const auto& e : shared.core.on_datagram(now, from, raw))
        if (const auto* sent = std::get_if<dht::send_datagram>(&e))
          require(sent->payload.size() <= raw.size());
      shared.core.on_datagram(now, from, frame::copy_of(rest));
      break;
    }
    case 1:
      for (const bool first : {true, false})
        if (const auto payload = dht::read_payload(first, rest)) {
          record<fb::Certificate>::parse_copy(payload->certificate);
          record<fb::DhtMessage>::parse_copy(payload->message);
        }
      break;
    case 2:
      if (const auto message = record<fb::DhtMessage>::parse_copy(rest)) {
        std::vector<dht::storage_effect> effects;
        const contact asker{{}, {}, from};
        for (const std::size_t budget : {std::size_t{0}, std::size_t{300}, dht::transport_budget}) {
          const auto answer =
              shared.service.answer(now.now, now.unix_ms, asker, **message, budget, true, effects);
          require(budget < 300 || answer.raw().size() <= budget);
          require(dht::is_answer(*answer));
        }
        dht::read_answer(**message, from);
      }
      break;
    case 3: {
      dht::lookup run(dht::lookup_goal::quorum, {}, shared.me->node_id, {}, shared.policy);
      contact holder;
      holder.id[0] = 1;
      holder.key[0] = 1;
      holder.address = from;
      run.start(now.now, {{holder, {}}});
      dht::peer_answer answer;
      answer.shard = to_bytes(rest);
      run.on_answer(now.now, now.unix_ms / 1000, 1, answer);
      run.on_time(now.now + 20s);
      require(run.done());
      break;
    }
    default: {
      dht::leaf_storage storage(shared.policy, 7);
      std::vector<dht::storage_effect> effects;
      // Cut into values of all lengths.
      auto left = rest;
      while (!left.empty()) {
        const auto take = std::min<std::size_t>(left.size(), 1 + left[0] * 5u);
        storage.put(now.unix_ms, {}, left.first(take),
                    endpoint::v4(0x7F000001, static_cast<std::uint16_t>(take)), effects);
        left = left.subspan(take);
      }
      std::uint64_t cursor = 0;
      for (int pages = 0; pages < 70; ++pages) {
        const auto page = storage.page(now.unix_ms, {}, cursor, 1030);
        if (!page) break;
        require(page->size() <= 1030);
        const auto shard = record<fb::ShadowIndexShard>::parse_copy(*page);
        require(shard.has_value());
        cursor = (*shard)->cursor();
        if (cursor == 0) break;
      }
    }
  }
  return 0;
}
