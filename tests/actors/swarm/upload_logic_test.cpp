#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "actors/swarm/upload_logic.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(tree_cache_test, KeepsTheLatestWithinItsBytes) {
  const auto tree = [](std::uint8_t n, std::size_t leaves) {
    std::vector<digest> hashes(leaves);
    for (auto& h : hashes) h[0] = n;
    return std::make_shared<const hash_tree>(
        hash_tree::from_leaves(leaves * std::uint64_t{leaf_size}, hashes).value());
  };
  tree_cache cache(3 * tree_cache::weight(*tree(0, 64)));
  const auto a = tree(1, 64), b = tree(2, 64), c = tree(3, 64), d = tree(4, 64);
  cache.put(a);
  cache.put(b);
  cache.put(c);
  EXPECT_EQ(cache.get(a->root()), a);
  cache.put(d);
  EXPECT_FALSE(cache.get(b->root())) << "the one not used for longest";
  EXPECT_TRUE(cache.get(a->root()) && cache.get(c->root()) && cache.get(d->root()));
  EXPECT_EQ(cache.dropped(), 1U);
  const auto huge = tree(9, 1000);
  cache.put(huge);
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.get(huge->root()), huge) << "one always fits";
  cache.erase(huge->root());
  EXPECT_EQ(cache.bytes(), 0U);
}

node_id node_of(std::uint64_t session) {
  node_id out{};
  out[0] = static_cast<std::uint8_t>(session);
  return out;
}

struct no_bytes final : storage::file_reader {
  std::uint64_t size() const override { return 0; }
  result<std::size_t> read_at(std::uint64_t, std::span<std::uint8_t>) const override { return 0; }
};
constexpr std::uint8_t part_root = 7;

/// Peers that say anything, workers that answer in any order.
struct world {
  crypto::seeded_random random;
  upload_logic::options how;
  upload_logic logic;
  nanoseconds now = 1s;
  std::vector<shared_file_ptr> files;
  std::vector<upload_logic::open_file> opens;
  std::vector<upload_logic::read_leaves> reads;
  std::vector<upload_logic::hash_file> hashes;
  std::vector<upload_logic::read_proof> proofs;
  std::shared_ptr<storage::shared_part> part;
  std::map<std::uint64_t, std::size_t> unsent;  // frames, by session
  std::map<std::uint64_t, std::set<std::uint16_t>> open;
  std::uint64_t sent_bytes = 0;

  world(std::uint64_t seed, upload_logic::options o) : random(seed), how(o), logic(o) {
    for (std::uint8_t i = 0; i < 6; ++i) {
      digest root{};
      root[0] = static_cast<std::uint8_t>(i + 1);
      const auto size = 1 + random.below(300 * std::uint64_t{leaf_size});
      files.push_back(std::make_shared<shared_file>(shared_file{root, "/x", size, 0, nullptr}));
    }
    // One more root is being downloaded.
    digest root{};
    root[0] = part_root;
    part =
        std::make_shared<storage::shared_part>("t", root, 6 * piece_size, 6U, std::make_shared<no_bytes>());
  }
  void take(upload_logic::effects effects) {
    for (auto& e : effects) std::visit([this](auto& x) { apply(x); }, e);
    RC_ASSERT(logic.slots().held() <= logic.slots().slots());
    RC_ASSERT(logic.channels() <= logic.slots().slots() * how.max_channels_per_session);
    std::size_t served = 0;
    for (const auto& [session, channels] : open) {
      RC_ASSERT(channels.size() <= how.max_channels_per_session);
      if (!channels.empty()) ++served;
    }
    RC_ASSERT(served <= logic.slots().slots());
    RC_ASSERT(logic.requests_queued() <= served * (2 * how.max_requests_per_session));
    RC_ASSERT(reads.size() <= how.reads_in_flight);
    std::map<std::uint64_t, std::size_t> flying = unsent;
    for (const auto& [session, n] : flying) RC_ASSERT(n <= how.frames_in_flight_per_session);
  }
  void apply(upload_logic::say& e) {
    const auto& m = *e.message;
    if (const auto* opened = m.body_as_RootOpened()) open[e.session].insert(opened->channel());
    if (const auto* told = m.body_as_Sharers()) RC_ASSERT(told->contacts()->size() <= how.max_sharers_told);
    if (const auto* denied = m.body_as_Denied(); denied != nullptr && denied->request() == 0)
      open[e.session].erase(denied->channel());
  }
  void apply(upload_logic::open_file& e) { opens.push_back(e); }
  void apply(upload_logic::hash_file& e) { hashes.push_back(e); }
  void apply(upload_logic::read_proof& e) {
    RC_ASSERT(e.part->has(e.piece));
    proofs.push_back(e);
  }
  void apply(upload_logic::read_leaves& e) {
    if (e.file->part)
      for (std::uint32_t leaf = e.first_leaf; leaf < e.first_leaf + e.count; ++leaf)
        RC_ASSERT(e.file->part->has(leaf / piece_leaves));
    RC_ASSERT(e.count >= 1 && e.count <= how.leaves_per_frame);
    RC_ASSERT(e.first_leaf + e.count <= leaf_count(e.file->size_bytes));
    reads.push_back(e);
  }
  void apply(upload_logic::send_frame& e) {
    RC_ASSERT(open[e.session].count(e.channel) == 1);
    ++unsent[e.session];
    sent_bytes += e.whole.size();
  }

  template <class Body>
  void say(std::uint64_t session, Body body) {
    std::optional<contact> reachable;
    if (session % 2 == 0) reachable = contact{node_of(session), {}, endpoint::v4(1, 1)};
    take(logic.message(now, session, node_of(session), *overlay_message(std::move(body)), reachable));
  }
  void change_limits() {
    fb::TransferLimitsT limits;
    limits.upload_slots = static_cast<std::uint32_t>(random.below(7));
    limits.upload_limit_kib = random.below(2) == 0 ? 0 : 1000;
    limits.upload_limit_per_peer_kib = random.below(2) == 0 ? 0 : 200;
    const auto packed = record<fb::TransferLimits>::pack(limits);
    take(logic.set_limits(now, *packed));
  }
  void peer() {
    auto session = 1 + random.below(8);
    auto channel = static_cast<std::uint16_t>(random.below(12));
    // Half of what is said concerns something that is open.
    if (const auto it = open.lower_bound(session);
        random.below(2) == 0 && it != open.end() && !it->second.empty()) {
      session = it->first;
      channel = *std::next(it->second.begin(), static_cast<std::ptrdiff_t>(random.below(it->second.size())));
    }
    switch (random.below(8)) {
      case 0: {
        fb::OpenRootT m;
        m.channel = channel;
        digest root{};
        root[0] = static_cast<std::uint8_t>(random.below(9));
        m.shares = random.below(2) == 0;
        if (random.below(20) != 0) m.root = box(root);
        open[session].erase(channel);
        return say(session, std::move(m));
      }
      case 1: {
        fb::GetProofT m;
        m.channel = channel;
        m.piece = static_cast<std::uint32_t>(random.below(6));
        return say(session, std::move(m));
      }
      case 2: {
        fb::CancelT m;
        m.channel = channel;
        m.request = static_cast<std::uint32_t>(random.below(50));
        return say(session, std::move(m));
      }
      case 3: {
        if (random.below(4) != 0) return;
        fb::CloseRootT m;
        m.channel = channel;
        open[session].erase(channel);
        return say(session, std::move(m));
      }
      case 4:
        if (random.below(20) != 0) return;
        open.erase(session);
        unsent.erase(session);
        return take(logic.session_ended(now, session));
      default: {
        fb::GetDataT m;
        m.channel = channel;
        m.request = static_cast<std::uint32_t>(random.below(5000));
        m.first_leaf = static_cast<std::uint32_t>(random.below(random.below(30) == 0 ? 0xFFFFFFFF : 200));
        m.count = static_cast<std::uint16_t>(random.below(random.below(30) == 0 ? 0xFFFF : 64));
        return say(session, std::move(m));
      }
    }
  }
  template <class T>
  std::optional<T> pick(std::vector<T>& from) {
    if (from.empty()) return std::nullopt;
    const auto at = static_cast<std::ptrdiff_t>(random.below(from.size()));
    auto out = from[static_cast<std::size_t>(at)];
    from.erase(from.begin() + at);
    return out;
  }
  void worker() {
    switch (random.below(6)) {
      case 4:
        if (const auto job = pick(proofs))
          take(logic.proof_read(now, job->ticket,
                                random.below(9) == 0 ? std::nullopt
                                                     : std::optional(piece_proof{std::vector<digest>(64),
                                                                                 std::vector<digest>(3)})));
        return;
      case 5:
        if (random.below(10) == 0) {
          const auto piece = static_cast<std::uint32_t>(random.below(5));
          part->add(piece);
          take(logic.part_grew(now, part, {piece}));
        }
        return;
      case 0:
        if (const auto job = pick(opens)) {
          const auto n = job->root[0];
          const bool known = n >= 1 && n <= files.size();
          take(logic.file_opened(
              now, job->ticket,
              {known ? files[n - 1U] : nullptr, known ? file_problem::none : file_problem::not_shared}));
        }
        return;
      case 1:
        if (const auto job = pick(reads)) {
          if (random.below(60) == 0)
            return take(logic.leaves_read(now, job->ticket, {{}, 0, file_problem::gone}));
          take(logic.leaves_read(now, job->ticket, {frame::allocate(10), 10, file_problem::none}));
        }
        return;
      case 2:
        if (const auto job = pick(hashes)) {
          if (random.below(4) == 0)
            return take(logic.file_hashed(now, job->file->root, {nullptr, file_problem::gone}));
          take(logic.file_hashed(
              now, job->file->root,
              {std::make_shared<const hash_tree>(
                   hash_tree::from_leaves(job->file->size_bytes,
                                          std::vector<digest>(leaf_count(job->file->size_bytes)))
                       .value()),
               file_problem::none}));
        }
        return;
      default:
        for (auto& [session, n] : unsent)
          if (n > 0 && random.below(2) == 0) {
            --n;
            return take(logic.frame_sent(now, session, random.below(20) != 0));
          }
    }
  }
};

void live(world& w) {
  for (int i = 0; i < 3000; ++i) {
    if (w.random.below(2) == 0)
      w.peer();
    else
      w.worker();
    if (w.random.below(20) == 0) w.now += std::chrono::milliseconds(w.random.below(3000));
    if (w.random.below(500) == 0) w.change_limits();
    if (const auto at = w.logic.next_deadline(); at && *at <= w.now) w.take(w.logic.tick(w.now));
  }
}

RC_GTEST_PROP(upload_logic_test, WhateverPeersSayItsBoundsHold, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  upload_logic::options how;
  how.slots.slots = 1 + seed % 6;
  how.max_requests_per_session = seed % 5 == 0 ? 16 : 512;
  how.rate_bytes_per_s = seed % 3 == 0 ? 1'000'000 : 0;
  how.peer_rate_bytes_per_s = seed % 4 == 0 ? 300'000 : 0;
  world w(seed, how);
  live(w);
  for (std::uint64_t s = 1; s <= 8; ++s) {
    w.unsent.erase(s);
    w.take(w.logic.session_ended(w.now, s));
  }
  const auto& sent = w.logic.counters();
  RC_ASSERT(w.logic.traffic().total().up == sent.bytes_served);
  RC_ASSERT(sent.bytes_served <= w.sent_bytes);
  RC_ASSERT(w.logic.slots().held() == 0U);
  RC_ASSERT(w.logic.channels() == 0U);
  RC_ASSERT(w.logic.sessions() == 0U);
  RC_ASSERT(w.logic.requests_queued() == 0U);
}

TEST(upload_logic_test, WhatPeersSayInTheTestAboveIsServedToo) {
  std::uint64_t frames = 0, evicted = 0, waiting = 0, dropped = 0, parts = 0, told = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    upload_logic::options how;
    how.slots.slots = 3;
    world w(seed, how);
    live(w);
    frames += w.logic.counters().frames_served;
    dropped += w.logic.counters().frames_dropped;
    parts += w.logic.counters().part_proofs_served;
    told += w.logic.counters().sharers_told;
    evicted += w.logic.slots().evicted();
    waiting += w.logic.slots().waiting();
  }
  EXPECT_GT(frames, 800U);
  EXPECT_GT(dropped, 50U);
  EXPECT_GT(parts, 20U);
  EXPECT_GT(told, 50U);
  EXPECT_GT(evicted, 20U);
  EXPECT_GT(waiting, 20U);
}

TEST(upload_logic_test, WhatWasReadForAnEndedSessionIsNotSentInTheNext) {
  upload_logic logic;
  const auto file = std::make_shared<shared_file>(shared_file{digest{}, "/x", 64 * leaf_size, 0, nullptr});
  const auto ask = [&] {
    fb::OpenRootT open;
    open.channel = 1;
    open.root = box(digest{});
    auto e = logic.message(1s, 7, node_of(7), *overlay_message(std::move(open)));
    e = logic.file_opened(1s, std::get<upload_logic::open_file>(e.at(0)).ticket, {file, file_problem::none});
    fb::GetDataT get;
    get.channel = 1;
    get.request = 1;
    get.count = 1;
    e = logic.message(1s, 7, node_of(7), *overlay_message(std::move(get)));
    return std::get<upload_logic::read_leaves>(e.at(0)).ticket;
  };
  const auto stale = ask();
  logic.session_ended(1s, 7);
  const auto fresh = ask();
  EXPECT_TRUE(logic.leaves_read(1s, stale, {frame::allocate(10), 10, file_problem::none}).empty());
  const auto sent = logic.leaves_read(1s, fresh, {frame::allocate(10), 10, file_problem::none});
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<upload_logic::send_frame>(sent[0]));
}

struct parts_world {
  upload_logic logic;
  digest root{};
  std::shared_ptr<storage::shared_part> part =
      std::make_shared<storage::shared_part>("t", root, 4 * piece_size, 4U, std::make_shared<no_bytes>());

  explicit parts_world(upload_logic::options how = {}) : logic(how) {}
  upload_logic::effects open(std::uint64_t session, bool shares, shared_file_ptr file = nullptr) {
    fb::OpenRootT open;
    open.channel = 1;
    open.root = box(root);
    open.shares = shares;
    const contact reachable{node_of(session), {}, endpoint::v4(static_cast<std::uint32_t>(session), 9)};
    const auto asked =
        logic.message(1s, session, node_of(session), *overlay_message(std::move(open)), reachable);
    return logic.file_opened(1s, std::get<upload_logic::open_file>(asked.at(0)).ticket,
                             {file, file ? file_problem::none : file_problem::not_shared});
  }
  template <class Body>
  upload_logic::effects say(std::uint64_t session, Body body) {
    body.channel = 1;
    return logic.message(1s, session, node_of(session), *overlay_message(std::move(body)));
  }
};

const fb::OverlayMessage& said(const upload_logic::effect& e) {
  return *std::get<upload_logic::say>(e).message;
}

TEST(upload_logic_test, APartIsOpenedWithItsPiecesAndGrows) {
  parts_world w;
  EXPECT_NE(said(w.open(1, false).at(0)).body_as_Denied(), nullptr) << "nobody has it";
  w.part->add(2);
  w.logic.part_grew(1s, w.part, {2});
  const auto opened = w.open(1, false);
  ASSERT_EQ(opened.size(), 1U);
  const auto* yes = said(opened[0]).body_as_RootOpened();
  ASSERT_NE(yes, nullptr);
  EXPECT_EQ(yes->size(), 4 * piece_size);
  EXPECT_EQ(to_bytes(view_of(yes->pieces())), bytes{4});
  w.part->add(0);
  const auto grown = w.logic.part_grew(1s, w.part, {0});
  ASSERT_EQ(grown.size(), 1U);
  EXPECT_EQ(said(grown[0]).body_as_Have()->pieces()->Get(0), 0U);

  fb::GetProofT proof;
  proof.piece = 2;
  const auto reads = w.say(1, proof);
  const auto* read = std::get_if<upload_logic::read_proof>(&reads.at(0));
  ASSERT_NE(read, nullptr);
  const auto proven = w.logic.proof_read(1s, read->ticket, piece_proof{{digest{}}, {}});
  EXPECT_EQ(said(proven.at(0)).body_as_Proof()->piece(), 2U);

  fb::GetDataT data;
  data.request = 1;
  data.first_leaf = 2 * piece_leaves;
  data.count = 3;
  EXPECT_TRUE(std::holds_alternative<upload_logic::read_leaves>(w.say(1, data).at(0)));
  data.request = 2;
  data.first_leaf = 3 * piece_leaves - 1;
  data.count = 2;
  EXPECT_EQ(said(w.say(1, data).at(0)).body_as_Denied()->reason(), fb::DenyReason::bad_request)
      << "its second leaf is in a piece that is not there";
}

TEST(upload_logic_test, APartThatWasWithdrawnIsNoLongerOpened) {
  parts_world w;
  w.part->add(2);
  w.logic.part_grew(1s, w.part, {2});
  w.part->withdraw();
  EXPECT_NE(said(w.open(1, false).at(0)).body_as_Denied(), nullptr);
  w.part.reset();
  EXPECT_NE(said(w.open(1, false).at(0)).body_as_Denied(), nullptr);
}

TEST(upload_logic_test, SharersOfARootHearOfEachOtherOnce) {
  for (const bool shares : {true, false}) {
    upload_logic::options how;
    how.shares_parts = shares;
    parts_world w(how);
    const auto file = std::make_shared<shared_file>(shared_file{w.root, "/x", 4 * piece_size, 0, nullptr});
    EXPECT_EQ(w.open(1, true, file).size(), 1U);
    EXPECT_EQ(w.open(2, false, file).size(), 1U) << "it doesn't share";
    const auto told = w.open(3, true, file);
    ASSERT_EQ(told.size(), shares ? 3U : 1U);
    if (!shares) continue;
    const auto check = [&](const upload_logic::effect& e, std::uint64_t to, std::uint64_t of) {
      EXPECT_EQ(std::get<upload_logic::say>(e).session, to);
      const auto* who = said(e).body_as_Sharers()->contacts();
      ASSERT_EQ(who->size(), 1U);
      EXPECT_EQ(from_fb(*who->Get(0)).id, node_of(of));
    };
    check(told[1], 1, 3);
    check(told[2], 3, 1);
    const auto again = w.open(3, true, file);
    ASSERT_EQ(again.size(), 2U) << "who opens again is told again, the other is not";
    check(again[1], 3, 1);
  }
}

}  // namespace

}  // namespace vsf::swarm
