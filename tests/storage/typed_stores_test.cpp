// The stores of leaves, contacts, transfers and events.

#include <gtest/gtest.h>

#include "storage/ban_store.hpp"
#include "storage/contact_store.hpp"
#include "storage/event_store.hpp"
#include "storage/leaf_stores.hpp"
#include "storage/transfer_store.hpp"

namespace vsf::storage {
namespace {

template <class Fixed>
Fixed id_of(std::uint8_t first, std::uint8_t rest = 0) {
  Fixed out;
  out.fill(rest);
  out[0] = first;
  return out;
}

class typed_stores : public testing::Test {
 protected:
  std::shared_ptr<memory_store> kv_ = make_memory_store();

  void put_raw(family where, byte_view key, const bytes& value) {
    write_batch batch;
    batch.put(where, key, value);
    ASSERT_TRUE(kv_->write(batch, durability::buffered));
  }
};

fb::OwnLeafT own_leaf(const dht_key& key, std::uint32_t holders) {
  fb::OwnLeafT out;
  out.key = box(key);
  out.signed_leaf = {1, 2, 3};
  out.holders = holders;
  return out;
}

TEST_F(typed_stores, own_leaves_by_key) {
  own_leaf_store store(kv_);
  std::vector<fb::OwnLeafT> leaves;
  for (std::uint8_t i = 1; i <= 3; ++i) leaves.push_back(own_leaf(id_of<dht_key>(i), i));
  ASSERT_TRUE(store.put(leaves));
  ASSERT_TRUE(store.put(own_leaf(id_of<dht_key>(2), 20)));
  EXPECT_EQ((**store.get(id_of<dht_key>(2)))->holders(), 20u);
  EXPECT_FALSE(*store.get(id_of<dht_key>(9)));
  kv_->crash();  // what is published is synced
  EXPECT_EQ(*store.count(), 3u);
  std::vector<std::uint32_t> seen;
  ASSERT_TRUE(store.for_each(
      [&](const dht_key& key, const auto& leaf) {
        EXPECT_EQ(key, from_fb<dht_key>(*leaf->key()));
        seen.push_back(leaf->holders());
        return true;
      },
      id_of<dht_key>(2)));
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{20, 3}));
  ASSERT_TRUE(store.erase(id_of<dht_key>(2)));
  EXPECT_EQ(*store.count(), 2u);
  EXPECT_FALSE(store.put(fb::OwnLeafT{}));
  EXPECT_TRUE(store.put(std::vector<fb::OwnLeafT>{}));
}

held_leaf_store::entry held_leaf(const dht_key& key, const public_key& publisher, std::uint64_t lease) {
  held_leaf_store::entry out;
  out.key = key;
  out.publisher = publisher;
  out.lease_ends_ms = lease;
  out.signed_leaf = shared_bytes::of(bytes(300, key[0]));
  return out;
}

TEST_F(typed_stores, held_leaves_by_key_and_publisher) {
  held_leaf_store store(kv_);
  const auto key_a = id_of<dht_key>(1, 0xFF), key_b = id_of<dht_key>(2);
  for (std::uint8_t p = 1; p <= 3; ++p) ASSERT_TRUE(store.put({held_leaf(key_a, id_of<public_key>(p), p)}));
  std::vector<held_leaf_store::entry> more;
  more.push_back(held_leaf(key_b, id_of<public_key>(1), 100));
  more.push_back(held_leaf(key_a, id_of<public_key>(2), 22));
  ASSERT_TRUE(store.put(more));
  EXPECT_EQ(*store.count(), 4u);
  EXPECT_EQ(*store.count(key_a), 3u);
  EXPECT_EQ(*store.count(key_b), 1u);
  EXPECT_EQ(*store.count(id_of<dht_key>(3)), 0u);
  EXPECT_EQ((**store.get(key_a, id_of<public_key>(2)))->lease_ends_ms(), 22u);
  std::vector<std::uint64_t> leases;
  ASSERT_TRUE(store.for_each(key_a, [&](const dht_key& key, const public_key& publisher, const auto& leaf) {
    EXPECT_EQ(key, key_a);
    EXPECT_EQ(publisher[0], leases.size() + 1);
    leases.push_back(leaf->lease_ends_ms());
    return true;
  }));
  EXPECT_EQ(leases, (std::vector<std::uint64_t>{1, 22, 3}));
  int all = 0;
  ASSERT_TRUE(store.for_each([&](const dht_key&, const public_key&, const auto&) { return ++all < 4; }));
  EXPECT_EQ(all, 4);
  ASSERT_TRUE(store.erase(key_a, id_of<public_key>(1)));
  ASSERT_TRUE(store.erase({{key_a, id_of<public_key>(3)}, {key_b, id_of<public_key>(1)}}));
  EXPECT_EQ(*store.count(), 1u);
}

TEST_F(typed_stores, damaged_values_and_keys_are_passed_over) {
  held_leaf_store held(kv_);
  ASSERT_TRUE(held.put({held_leaf(id_of<dht_key>(1), id_of<public_key>(1), 1)}));
  put_raw(family::held_leaves, id_of<dht_key>(1).view(), {});  // a key without a publisher
  put_raw(family::held_leaves, key_builder().fixed(id_of<dht_key>(1)).fixed(id_of<public_key>(2)).view(),
          bytes(64, 0xAA));
  // A well-formed record of another type is as alien as noise.
  put_raw(family::held_leaves, key_builder().fixed(id_of<dht_key>(1)).fixed(id_of<public_key>(3)).view(),
          to_bytes(record<fb::OwnLeaf>::pack(own_leaf(id_of<dht_key>(1), 1)).raw().view()));
  int seen = 0;
  ASSERT_TRUE(held.for_each([&](const dht_key&, const public_key&, const auto&) { return ++seen > 0; }));
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(held.corrupt(), 3u);
  put_raw(family::held_leaves, bytes{1, 2, 3},
          to_bytes(record<fb::HeldLeaf>::pack(fb::HeldLeafT{}).raw().view()));
  ASSERT_TRUE(held.for_each([&](const dht_key&, const public_key&, const auto&) { return ++seen > 0; }));
  EXPECT_EQ(seen, 2);
}

fb::KnownContactT known(std::uint16_t n, std::uint64_t last_seen_ms) {
  fb::KnownContactT out;
  contact who{};
  who.id[0] = static_cast<std::uint8_t>(n >> 8);
  who.id[1] = static_cast<std::uint8_t>(n);
  who.address = endpoint::v4(0x7F000001, n);
  out.contact = box(who);
  out.last_seen_ms = last_seen_ms;
  return out;
}

node_id id_of_known(std::uint16_t n) { return from_fb<node_id>(known(n, 0).contact->id()); }

TEST_F(typed_stores, contacts_are_bounded_and_the_oldest_go) {
  contact_store store(kv_);
  std::vector<fb::KnownContactT> first;
  for (std::uint16_t n = 0; n < 1000; ++n) first.push_back(known(n, 10'000u - n));  // 999 is the oldest
  ASSERT_TRUE(store.put(first));
  EXPECT_EQ(*store.count(), 1000u);
  EXPECT_EQ(store.dropped(), 0u);
  std::vector<fb::KnownContactT> more;
  more.push_back(known(2000, 20'000));
  more.push_back(known(2001, 1));      // older than all: goes at once
  more.push_back(known(998, 20'000));  // seen again: stays
  ASSERT_TRUE(store.put(more));
  EXPECT_EQ(*store.count(), 1000u);
  EXPECT_EQ(store.dropped(), 2u);
  EXPECT_TRUE(*store.get(id_of_known(2000)));
  EXPECT_FALSE(*store.get(id_of_known(2001)));
  EXPECT_TRUE(*store.get(id_of_known(998)));
  EXPECT_FALSE(*store.get(id_of_known(999)));
  ASSERT_TRUE(store.erase(id_of_known(0)));
  EXPECT_EQ(*store.count(), 999u);
  EXPECT_FALSE(store.put([] {
    std::vector<fb::KnownContactT> bad;
    bad.emplace_back();
    return bad;
  }()));
}

TEST_F(typed_stores, unreadable_contacts_are_the_first_to_go) {
  contact_store store(kv_, 2);
  put_raw(family::contacts, id_of_known(7).view(), bytes(30, 1));
  std::vector<fb::KnownContactT> two;
  two.push_back(known(1, 5));
  two.push_back(known(2, 6));
  ASSERT_TRUE(store.put(two));
  EXPECT_EQ(*store.count(), 2u);
  std::vector<std::uint16_t> ports;
  ASSERT_TRUE(store.for_each([&](const node_id& id, const auto& value) {
    EXPECT_EQ(id, from_fb<node_id>(value->contact()->id()));
    ports.push_back(from_fb(*value->contact()).address.port);
    return true;
  }));
  EXPECT_EQ(ports, (std::vector<std::uint16_t>{1, 2}));
  EXPECT_EQ(store.corrupt(), 0u);
}

fb::OfferBanT ban(std::uint8_t publisher, std::uint8_t root, std::uint64_t at_ms) {
  fb::OfferBanT out;
  public_key who{};
  who[0] = publisher;
  digest what{};
  what[0] = root;
  out.publisher = box(who);
  out.root = box(what);
  out.reason = "another recording";
  out.at_ms = at_ms;
  return out;
}
offer offer_of(std::uint8_t publisher, std::uint8_t root) {
  const auto native = ban(publisher, root, 0);
  return {from_fb<public_key>(*native.publisher), from_fb<digest>(*native.root)};
}
std::vector<fb::OfferBanT> one_ban(std::uint8_t publisher, std::uint8_t root, std::uint64_t at_ms) {
  std::vector<fb::OfferBanT> out;
  out.push_back(ban(publisher, root, at_ms));
  return out;
}

TEST_F(typed_stores, bans_are_of_a_publisher_and_a_root) {
  ban_store store(kv_);
  ASSERT_TRUE(store.put({}));
  ASSERT_TRUE(store.put(one_ban(1, 1, 5)));
  EXPECT_EQ(*store.among({offer_of(1, 1), offer_of(1, 2), offer_of(2, 1)}), std::set<offer>{offer_of(1, 1)});
  EXPECT_EQ((**store.get(offer_of(1, 1)))->at_ms(), 5u);
  ASSERT_TRUE(store.put(one_ban(1, 1, 9)));
  EXPECT_EQ(*store.count(), 1u);
  EXPECT_EQ((**store.get(offer_of(1, 1)))->at_ms(), 9u);
  std::size_t seen = 0;
  ASSERT_TRUE(store.for_each([&](const auto& each) {
    EXPECT_EQ(string_of(each->reason()), "another recording");
    return ++seen < 10;
  }));
  EXPECT_EQ(seen, 1u);
  ASSERT_TRUE(store.erase(offer_of(1, 1)));
  EXPECT_EQ(*store.count(), 0u);
  std::vector<fb::OfferBanT> bad;
  bad.emplace_back();
  EXPECT_FALSE(store.put(bad));
}

TEST_F(typed_stores, bans_are_bounded_and_the_oldest_go) {
  ban_store store(kv_, 3);
  for (std::uint8_t n = 1; n <= 5; ++n) ASSERT_TRUE(store.put(one_ban(n, 1, 10u + n)));
  EXPECT_EQ(*store.count(), 3u);
  EXPECT_EQ(store.dropped(), 2u);
  EXPECT_FALSE(*store.get(offer_of(2, 1)));
  EXPECT_TRUE(*store.get(offer_of(3, 1)));
}

fb::TransferRecordT transfer(const std::string& id, const std::string& name) {
  fb::TransferRecordT out;
  out.status = std::make_unique<fb::TransferStatusT>();
  out.status->transfer = id;
  out.partial_name = name;
  out.synced = {0xFF};
  return out;
}

const std::string id_a(32, 'a'), id_b = std::string(31, 'a') + "b";

TEST_F(typed_stores, transfers_and_their_pieces) {
  transfer_store store(kv_);
  ASSERT_TRUE(store.put(transfer(id_a, "a"), {{0, bytes(64, 1)}, {7, bytes(2048, 2)}}));
  ASSERT_TRUE(store.put(transfer(id_b, "b")));
  ASSERT_TRUE(store.put_pieces(id_b, {{300, bytes(32, 3), bytes(64, 9)}}));
  EXPECT_EQ(*store.count(), 2u);
  EXPECT_EQ(string_of((**store.get(id_a))->partial_name()), "a");
  EXPECT_FALSE(*store.get(std::string(32, 'c')));
  EXPECT_EQ((**store.get_piece(id_a, 7)).hashes, bytes(2048, 2));
  EXPECT_EQ((**store.get_piece(id_b, 300)).uncles, bytes(64, 9));
  EXPECT_FALSE(*store.get_piece(id_a, 300));
  std::vector<std::uint32_t> pieces;
  ASSERT_TRUE(store.put_pieces(id_a, {{1u << 24, bytes(32, 4)}, {255, bytes(32, 4)}, {256, bytes(32, 4)}}));
  ASSERT_TRUE(store.for_each_piece(id_a, [&](const transfer_store::piece& piece) {
    EXPECT_EQ(piece.hashes.size() % 32, 0u);
    pieces.push_back(piece.number);
    return true;
  }));
  EXPECT_EQ(pieces, (std::vector<std::uint32_t>{0, 7, 255, 256, 1u << 24}));
  std::vector<std::string> ids;
  ASSERT_TRUE(store.for_each([&](const std::string& id, const auto&) {
    ids.push_back(id);
    return true;
  }));
  EXPECT_EQ(ids, (std::vector<std::string>{id_a, id_b}));
}

TEST_F(typed_stores, pieces_go_with_their_transfer) {
  transfer_store store(kv_);
  const auto pieces_of = [&](const std::string& id) {
    int n = 0;
    EXPECT_TRUE(store.for_each_piece(id, [&](const transfer_store::piece&) { return ++n > 0; }));
    return n;
  };
  for (const auto& id : {id_a, id_b})
    ASSERT_TRUE(store.put(transfer(id, "x"), {{0, bytes(32, 1)}, {1, bytes(32, 1)}}));
  ASSERT_TRUE(store.erase_pieces(id_a));
  EXPECT_EQ(pieces_of(id_a), 0);
  EXPECT_TRUE(*store.get(id_a));
  EXPECT_EQ(pieces_of(id_b), 2);
  ASSERT_TRUE(store.erase(id_b));
  EXPECT_EQ(pieces_of(id_b), 0);
  EXPECT_FALSE(*store.get(id_b));
  EXPECT_EQ(*store.count(), 1u);
  kv_->crash();
  EXPECT_FALSE(*store.get(id_b)) << "a removed transfer came back";
}

TEST_F(typed_stores, bad_transfers_are_refused) {
  transfer_store store(kv_);
  for (const std::string bad : {"", "a", "zz", "../../etc/passwd"}) {
    EXPECT_FALSE(store.put(transfer(bad, "x"))) << bad;
    EXPECT_FALSE(store.get(bad)) << bad;
    EXPECT_FALSE(store.erase(bad)) << bad;
    EXPECT_FALSE(store.for_each_piece(bad, [](const transfer_store::piece&) { return true; })) << bad;
  }
  EXPECT_FALSE(store.put(fb::TransferRecordT{}));
  for (const std::size_t size : {0u, 31u, 33u, 65u * 32u})
    EXPECT_FALSE(store.put(transfer(id_a, "x"), {{0, bytes(size, 1)}})) << size;
  EXPECT_EQ(*store.count(), 0u);
}

fb::EventT event(const std::string& text) {
  fb::EventT out;
  out.seq = 999;  // no matter
  out.text = text;
  return out;
}

TEST_F(typed_stores, events_are_numbered_without_gaps) {
  event_store store(kv_);
  EXPECT_EQ(*store.last_seq(), 0u);
  EXPECT_TRUE(store.newest(10)->empty());
  for (std::uint64_t i = 1; i <= 5; ++i) EXPECT_EQ(*store.append(event(std::to_string(i))), i);
  event_store again(kv_);  // after a restart
  EXPECT_EQ(*again.append(event("6"), durability::synced), 6u);
  EXPECT_EQ(*again.append(event("lost")), 7u);
  kv_->crash();
  EXPECT_EQ(*again.append(event("7")), 7u);
  const auto newest = again.newest(3);
  ASSERT_TRUE(newest);
  ASSERT_EQ(newest->size(), 3u);
  EXPECT_EQ(string_of((*newest)[0]->text()), "5");
  EXPECT_EQ(string_of((*newest)[2]->text()), "7");
  EXPECT_EQ((*newest)[2]->seq(), 7u);
  EXPECT_EQ(again.newest(100)->size(), 7u);
  int from_six = 0;
  ASSERT_TRUE(again.for_each(6, [&](const auto& e) {
    EXPECT_GE(e->seq(), 6u);
    return ++from_six > 0;
  }));
  EXPECT_EQ(from_six, 2);
}

TEST_F(typed_stores, the_last_ten_thousand_events_are_kept) {
  event_store store(kv_);
  for (int i = 0; i < 10'050; ++i) ASSERT_TRUE(store.append(event("x")));
  EXPECT_EQ(*store.count(), 10'000u);
  std::uint64_t first = 0;
  ASSERT_TRUE(store.for_each(0, [&](const auto& e) {
    first = e->seq();
    return false;
  }));
  EXPECT_EQ(first, 51u);
  EXPECT_EQ(*store.last_seq(), 10'050u);
}

TEST_F(typed_stores, every_store_gives_the_error_of_a_store_that_fails) {
  class failing final : public kv_store {
   public:
    result<std::optional<bytes>> get(family, byte_view) const override { return fail("no disk"); }
    result<void> write(const write_batch&, durability) override { return fail("no disk"); }
    result<void> scan(family, byte_view, byte_view,
                      const std::function<bool(byte_view, byte_view)>&) const override {
      return fail("no disk");
    }
    std::uint64_t approximate_bytes() const override { return 0; }
  };
  const auto broken = std::make_shared<failing>();
  EXPECT_EQ(own_leaf_store(broken).put(own_leaf(id_of<dht_key>(1), 1)).error().message, "no disk");
  EXPECT_EQ(own_leaf_store(broken).get(id_of<dht_key>(1)).error().message, "no disk");
  EXPECT_EQ(held_leaf_store(broken).count().error().message, "no disk");
  EXPECT_EQ(transfer_store(broken).erase(id_a).error().message, "no disk");
  EXPECT_EQ(event_store(broken).append(event("x")).error().message, "no disk");
  std::vector<fb::KnownContactT> one;
  one.push_back(known(1, 1));
  EXPECT_EQ(contact_store(broken).put(one).error().message, "no disk");
}

}  // namespace
}  // namespace vsf::storage
