// A whole transfer without actors: its logic, its disk and sources that lie, lose and die by chance.

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/swarm/transfer_disk.hpp"
#include "actors/swarm/transfer_logic.hpp"
#include "storage/memory_files.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr const char* id = "000102030405060708090a0b0c0d0e0f";

void must(const result<void>& done) {
  if (!done) throw std::runtime_error(done.error().message);
}

enum class kind : std::uint8_t { honest, wrong_leaf, wrong_hashes, silent, refuses, denies_some };

contact who(std::size_t n) {
  contact c{};
  c.id[0] = c.key[0] = static_cast<std::uint8_t>(n + 1);
  c.address = endpoint::v4(0x0A000001U + (static_cast<std::uint32_t>(n) << 16), 5000);
  return c;
}

/// Runs a transfer over events in virtual time.
struct run {
  crypto::seeded_random random;
  bytes content;
  hash_tree tree;
  std::vector<kind> kinds;
  std::shared_ptr<storage::memory_store> store = storage::make_memory_store();
  std::shared_ptr<storage::memory_files> files = std::make_shared<storage::memory_files>();
  std::unique_ptr<transfer_logic> logic;
  std::unique_ptr<transfer_disk> disk;
  nanoseconds now = 1s;
  nanoseconds disk_free{0};
  std::uint64_t data_bytes = 0;
  std::uint64_t order = 0;
  std::uint64_t generation = 0;  // of the process
  std::multimap<std::pair<nanoseconds, std::uint64_t>, std::function<void()>> events;
  std::map<source_number, std::size_t> peers;
  std::size_t connections = 0;
  std::size_t most_active = 0;

  run(std::uint64_t seed, std::size_t size, std::vector<kind> all)
      : random(seed), content(size), kinds(std::move(all)) {
    random.fill(content);
    tree_builder b(tree_builder::keep::leaves);
    b.update(content);
    tree = b.tree().value();
    fb::TransferRecordT fresh;
    fresh.status = std::make_unique<fb::TransferStatusT>();
    fresh.status->transfer = id;
    fresh.status->mbid = std::make_unique<fb::Bytes16>();
    must(storage::transfer_store(store).put(fresh));
    start();
  }

  void start() {
    ++generation;
    peers.clear();
    auto stored = storage::transfer_store(store).get(id).value().value().unpack();
    disk =
        std::make_unique<transfer_disk>(transfer_disk::places{files, store, "/downloads"}, id, stored.synced);
    transfer_logic::options how;
    how.bytes_per_source = 1;  // all of them, however small the file
    how.order = random.u64();
    logic = std::make_unique<transfer_logic>(node_id{}, std::move(stored), how);
    logic->know_time(now, 1'000'000);
    take(logic->start(now));
  }

  void later(nanoseconds after, std::function<void()> what) {
    events.emplace(std::pair{now + after, order++}, [this, g = generation, what = std::move(what)] {
      if (g == generation) what();
    });
  }
  nanoseconds chance_ms(std::uint64_t low, std::uint64_t high) {
    return std::chrono::milliseconds(low + random.below(high - low));
  }

  void take(transfer_logic::effects effects) {
    for (auto& e : effects) std::visit([this](auto& x) { apply(x); }, e);
  }
  void apply(transfer_logic::resolve&) {
    later(chance_ms(10, 500), [this] {
      fb::ResolveResultT out;
      for (std::size_t i = 0; i < kinds.size(); ++i) {
        auto c = std::make_unique<fb::CandidateT>();
        public_key p{};
        p[0] = static_cast<std::uint8_t>(i + 1);
        c->publisher = box(p);
        c->node = box(who(i).id);
        c->contact = box(who(i));
        const auto sha256 = crypto::sha256(content);
        c->variant = std::make_unique<fb::Variant>(
            to_fb(tree.root()), fb::Bytes16(flatbuffers::span<const std::uint8_t, 16>(sha256.data(), 16)),
            content.size(), std::uint16_t{900}, fb::Codec::flac, std::uint8_t{1});
        out.candidates.push_back(std::move(c));
      }
      take(logic->resolved(now, *record<fb::ResolveResult>::pack(out)));
    });
  }
  void apply(transfer_logic::connect& e) {
    ++connections;
    const auto n = static_cast<std::size_t>(e.who.id[0]) - 1;
    peers[e.source] = n;
    most_active = std::max(most_active, peers.size());
    later(chance_ms(10, 300), [this, s = e.source, n] {
      if (peers.count(s) == 0) return;
      if (kinds[n] == kind::refuses) return lose(s, source_logic::end::refused);
      take(logic->source_opened(now, s, pace_of(n)));
    });
  }
  void apply(transfer_logic::disconnect& e) { peers.erase(e.source); }
  void lose(source_number s, source_logic::end how) {
    if (peers.erase(s) != 0) take(logic->source_over(now, s, how, "by chance"));
  }
  void apply(transfer_logic::ask_proof& e) {
    const auto n = peers.at(e.source);
    if (kinds[n] == kind::silent) {
      later(15s, [this, s = e.source] { lose(s, source_logic::end::lost); });
      return;
    }
    auto proof = tree.prove(e.piece);
    if (kinds[n] == kind::wrong_hashes) proof.leaves[0][0] ^= 1;
    fb::ProofT m;
    m.piece = e.piece;
    for (const auto& h : proof.leaves) m.leaves.insert(m.leaves.end(), h.begin(), h.end());
    for (const auto& h : proof.uncles) m.uncles.insert(m.uncles.end(), h.begin(), h.end());
    later(chance_ms(5, 60), [this, s = e.source, p = e.piece, m = overlay_message(std::move(m))] {
      if (peers.count(s) != 0) take(logic->proof_came(now, s, p, m));
    });
  }
  void apply(transfer_logic::ask_data& e) {
    const auto n = peers.at(e.source);
    for (std::uint16_t i = 0; i < e.what.count; ++i) RC_ASSERT(!has(e.what.first_leaf + i));
    if (kinds[n] == kind::denies_some && random.below(3) == 0) {
      later(chance_ms(5, 60), [this, s = e.source, r = e.what.id, n] {
        if (peers.count(s) != 0) take(logic->request_failed(now, s, r, pace_of(n)));
      });
      return;
    }
    for (std::uint16_t i = 0; i < e.what.count; i = static_cast<std::uint16_t>(i + 3)) {
      const auto count = static_cast<std::uint16_t>(std::min(3, e.what.count - i));
      later(chance_ms(20, 400), [this, s = e.source, what = e.what, i, count, n] {
        if (peers.count(s) == 0) return;
        if (random.below(150) == 0) return lose(s, source_logic::end::lost);
        const auto first = what.first_leaf + i;
        const auto begin = std::size_t{first} * leaf_size;
        const auto end = std::min(content.size(), begin + std::size_t{count} * leaf_size);
        auto body = frame::copy_of(byte_view(content).subspan(begin, end - begin));
        if (kinds[n] == kind::wrong_leaf && random.below(10) == 0)
          body.mutable_data()[random.below(body.size())] ^= 1;
        data_bytes += body.size();
        take(logic->data_came(now, s, {what.id, first, count, body}, pace_of(n)));
      });
    }
  }
  void apply(transfer_logic::cancel_data&) {}  // it comes too late for what is on its way
  source_pace pace_of(std::size_t n) { return {64, (n + 1) * 1'000'000, 20ms}; }
  bool has(std::uint32_t leaf) const { return known_had.test(leaf); }
  bitmap known_had;

  void apply(transfer_logic::warn&) {}
  template <class Command>
  void apply(Command& c) {
    // The worker does one command after the other.
    disk_free = std::max(disk_free, now + chance_ms(0, 20));
    later(disk_free - now, [this, c = std::move(c)]() mutable { perform(c); });
  }
  void perform(transfer_logic::open_disk& c) {
    const auto o = disk->open(c.root, c.size_bytes, c.partial_name, c.finishing_as).value();
    known_had = o.had;
    take(logic->disk_opened(now, c.epoch,
                            {o.had, o.proven, o.bytes_kept, o.bytes_recovered, o.finished_path}));
  }
  void perform(transfer_logic::check_proof& c) {
    const auto* p = c.message->body_as_Proof();
    const auto good = disk->prove(c.piece, view_of(p->leaves()), view_of(p->uncles())).value();
    take(logic->proof_checked(now, c.epoch, c.source, c.piece, good));
  }
  void perform(transfer_logic::write_leaves& c) {
    const auto w = disk->write(c.first_leaf, c.count, c.wanted, c.body.view()).value();
    for (std::uint16_t i = 0; i < c.count; ++i)
      if ((w.good >> i & 1) != 0) known_had.set(c.first_leaf + i);
    take(logic->leaves_checked(now, c.epoch, c.source, c.first_leaf, c.count, w.good, w.bad));
  }
  void perform(transfer_logic::checkpoint& c) {
    must(disk->checkpoint(std::move(c.transfer)));
    take(logic->checkpointed(now, c.epoch));
  }
  void perform(transfer_logic::save& c) {
    must(disk->save(std::move(c.transfer), storage::durability::buffered));
  }
  void perform(transfer_logic::finish& c) {
    take(logic->finished(now, c.epoch, disk->finish(std::move(c.transfer), "x.bin").value()));
  }
  void perform(transfer_logic::check& c) { take(logic->content_seen(now, c.epoch, {})); }
  void perform(transfer_logic::quarantine& c) {
    const auto moved = disk->quarantine(std::move(c.transfer), c.partial_name, c.unix_ms, c.bans);
    take(logic->quarantined(now, moved.value()));
  }
  void perform(transfer_logic::settle& c) { must(disk->settle(std::move(c.transfer))); }
  void perform(transfer_logic::hash_file& c) {
    take(logic->hashed(now, c.epoch, disk->hash_finished(c.path).value()));
  }
  void perform(transfer_logic::discard& c) { must(disk->discard(std::move(c.transfer), c.partial_name)); }
  void perform(transfer_logic::forget& c) { must(disk->forget(c.partial_name)); }

  bool done() const { return logic->status().state == fb::TransferState::done && logic->status().sha256; }
  /// One event or deadline; false when there is none.
  bool step() {
    logic->take_status(now);
    const auto deadline = logic->next_deadline();
    if (!events.empty() && (!deadline || events.begin()->first.first <= *deadline)) {
      auto node = events.extract(events.begin());
      now = std::max(now, node.key().first);
      node.mapped()();
      return true;
    }
    if (!deadline) return false;
    now = std::max(now, *deadline);
    take(logic->tick(now));
    return true;
  }
  bytes result() const {
    const auto file = files->open_finished(logic->status().path);
    bytes out(content.size());
    if (!file || !(*file)->read_at(0, out)) return {};
    return out;
  }
};

RC_GTEST_PROP(transfer_logic_test, CompletesIfOneSourceIsHonest, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto size = *rc::gen::inRange<std::size_t>(1, 2 * piece_size);
  auto kinds = *rc::gen::container<std::vector<kind>>(
      rc::gen::map(rc::gen::inRange(0, 6), [](int k) { return static_cast<kind>(k); }));
  kinds.resize(std::min<std::size_t>(kinds.size(), 4));
  kinds.insert(kinds.begin() + static_cast<std::ptrdiff_t>(seed % (kinds.size() + 1)), kind::honest);
  run r(seed, size, kinds);
  int steps = 0;
  while (!r.done()) {
    RC_ASSERT(++steps < 100'000);
    RC_ASSERT(r.step());
  }
  RC_ASSERT(r.result() == r.content);
  RC_ASSERT(r.most_active == std::min<std::size_t>(r.kinds.size(), 8));
  const auto s = r.logic->status();
  RC_ASSERT(from_fb<digest>(*s.sha256) == crypto::sha256(r.content));
  RC_ASSERT(s.bytes_received == r.data_bytes);
  const auto c = r.logic->take_counters();
  RC_ASSERT(c.bytes_verified == r.content.size());
  RC_ASSERT(c.bytes_received >= c.bytes_verified + c.bytes_wasted);
}

RC_GTEST_PROP(transfer_logic_test, KilledAnywhereItFetchesNothingWrittenTwice, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto size = *rc::gen::inRange<std::size_t>(piece_size, 3 * piece_size);
  run r(seed, size, {kind::honest, kind::honest});
  int steps = 0;
  std::uint64_t kills = 0;
  std::uint64_t lost = 0;
  while (!r.done()) {
    RC_ASSERT(++steps < 200'000);
    if (kills < 5 && r.random.below(60) == 0) {
      ++kills;
      // What was received and not yet with the disk goes with the process.
      lost += 2 * 64 * std::uint64_t{leaf_size};
      r.start();
    }
    RC_ASSERT(r.step());
  }
  RC_ASSERT(r.result() == r.content);
  RC_ASSERT(r.data_bytes <= size + lost + r.logic->status().bytes_wasted);
  const auto s = r.logic->status();
  RC_ASSERT(s.bytes_received >= size);
  RC_ASSERT(s.bytes_received <= r.data_bytes);
}

TEST(transfer_logic_test, WithoutAnHonestSourceItNeverFinishesAndSaysWhy) {
  run r(3, 3 * piece_size, {kind::wrong_hashes, kind::refuses});
  while (r.now < 500s && r.step()) {
  }
  const auto s = r.logic->status();
  EXPECT_EQ(s.state, fb::TransferState::resolving);
  EXPECT_NE(s.reason.find("1 sent wrong bytes and is not asked again"), std::string::npos) << s.reason;
  EXPECT_NE(s.reason.find("1 no longer shares it"), std::string::npos) << s.reason;
  EXPECT_EQ(s.bytes_verified, 0U);
  EXPECT_EQ(r.connections, 2U) << "each once in ten minutes";
}

TEST(transfer_logic_test, AnotherShaThanPublishedIsSaid) {
  run r(4, 1000, {kind::honest});
  while (!r.done()) {
    // The publisher's prefix is of something else.
    if (auto s = r.logic->status(); s.state == fb::TransferState::done && !s.sha256) {
      const auto e = r.logic->hashed(r.now, 99, digest{});
      EXPECT_TRUE(e.empty()) << "an answer of another epoch";
      for (std::uint32_t epoch = 0; epoch < 10; ++epoch) r.take(r.logic->hashed(r.now, epoch, digest{}));
      break;
    }
    ASSERT_TRUE(r.step());
  }
  EXPECT_NE(r.logic->status().reason.find("another SHA-256"), std::string::npos);
  EXPECT_EQ(r.logic->take_counters().sha256_mismatches, 1U);
}

TEST(transfer_logic_test, StatusIsToldAtMostFourTimesASecond) {
  run r(5, 4 * piece_size, {kind::honest});
  std::vector<std::pair<nanoseconds, fb::TransferState>> told;
  while (!r.done()) {
    if (const auto s = r.logic->take_status(r.now)) told.emplace_back(r.now, s->state);
    ASSERT_TRUE(r.step());
  }
  ASSERT_GE(told.size(), 4U);
  for (std::size_t i = 1; i < told.size(); ++i)
    if (told[i].second == told[i - 1].second) {
      EXPECT_GE(told[i].first - told[i - 1].first, 250ms);
    }
}

}  // namespace

}  // namespace vsf::swarm
