// The serving side, asked by a peer that a test plays itself.

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

struct heard_all {
  std::vector<record<fb::OverlayMessage>> messages;
  std::vector<channel_data> data;
};

struct listener_state {
  static inline const char* name = "listener";
};
channel_client_actor::behavior_type listener(channel_client_actor::stateful_pointer<listener_state>,
                                             heard_all* to) {
  return {[=](const channel_message& m) { to->messages.push_back(m.message); },
          [=](const channel_data& d) { to->data.push_back(d); }, [](const channel_closed&) {}};
}
struct dialler_state {
  static inline const char* name = "dialler";
};
overlay_client_actor::behavior_type dialler(overlay_client_actor::stateful_pointer<dialler_state>,
                                            overlay_peer_actor* to) {
  return {[=](const overlay_up& up) { *to = up.peer; }, [](const overlay_failed&) {}};
}

class upload_test : public swarm_test {
 protected:
  void SetUp() override {
    content = made_up(40, 300'000);
    node(1).share("/a", content, mbid_of(1));
    node(1).start(system());
    settle();
  }
  /// A session of node n with the server, all its channels heard.
  overlay_peer_actor session(std::size_t n, heard_all& to, std::uint16_t channels = 64) {
    node(n).start(system());
    overlay_peer_actor peer;
    const auto client = keep(system().spawn(dialler, &peer));
    caf::anon_send(node(n).links.overlay, overlay_dial{1, node(1).where(), client});
    run_for(200ms);
    const auto ear = keep(system().spawn(listener, &to));
    for (std::uint16_t c = 1; c <= channels; ++c) caf::anon_send(peer, channel_attach{c, ear});
    return peer;
  }
  template <class Body>
  void say(const overlay_peer_actor& peer, Body body) {
    caf::anon_send(peer, session_send{overlay::overlay_message(std::move(body))});
    run_for(200ms);
  }
  void open(const overlay_peer_actor& peer, std::uint16_t channel, const digest& root) {
    fb::OpenRootT m;
    m.channel = channel;
    m.root = box(root);
    say(peer, std::move(m));
  }
  void get(const overlay_peer_actor& peer, std::uint16_t channel, std::uint32_t request, std::uint32_t first,
           std::uint16_t count) {
    fb::GetDataT m;
    m.channel = channel;
    m.request = request;
    m.first_leaf = first;
    m.count = count;
    say(peer, std::move(m));
  }
  static std::vector<fb::DenyReason> denials(const heard_all& h) {
    std::vector<fb::DenyReason> out;
    for (const auto& m : h.messages)
      if (const auto* d = m->body_as_Denied()) out.push_back(d->reason());
    return out;
  }
  bytes content;
};

TEST_F(upload_test, OpensProvesAndServes) {
  heard_all h;
  const auto peer = session(2, h);
  open(peer, 1, swarm::tree_root(content));
  ASSERT_EQ(h.messages.size(), 1U);
  ASSERT_NE(h.messages[0]->body_as_RootOpened(), nullptr);
  EXPECT_EQ(h.messages[0]->body_as_RootOpened()->size(), content.size());
  fb::GetProofT ask;
  ask.channel = 1;
  say(peer, ask);
  ASSERT_EQ(h.messages.size(), 2U);
  const auto* proof = h.messages[1]->body_as_Proof();
  ASSERT_NE(proof, nullptr);
  EXPECT_TRUE(swarm::verify_proof(swarm::tree_root(content), content.size(), 0, view_of(proof->leaves()),
                                  view_of(proof->uncles())));
  get(peer, 1, 7, 15, 4);
  bytes got;
  for (const auto& d : h.data) {
    EXPECT_EQ(d.request, 7U);
    EXPECT_EQ(d.first_leaf, 15U + got.size() / swarm::leaf_size);
    got.insert(got.end(), d.body.view().begin(), d.body.view().end());
  }
  EXPECT_EQ(got, bytes(content.begin() + 15 * swarm::leaf_size, content.end()));
  EXPECT_EQ(counter("swarm/uploads", "bytes_served", 1), got.size());
}

TEST_F(upload_test, DeniesWhatIsNotSharedOrNotThere) {
  heard_all h;
  const auto peer = session(2, h);
  open(peer, 1, crypto::sha256(bytes{1, 2, 3}));
  ASSERT_EQ(denials(h), (std::vector{fb::DenyReason::not_shared}));
  open(peer, 0, swarm::tree_root(content));
  open(peer, 2, swarm::tree_root(content));
  get(peer, 2, 1, 18, 2);  // 19 leaves
  EXPECT_EQ(denials(h).back(), fb::DenyReason::bad_request);
  open(peer, 3, swarm::tree_root(content));
  get(peer, 3, 1, 0, 65);
  EXPECT_EQ(denials(h).back(), fb::DenyReason::bad_request);
  open(peer, 4, swarm::tree_root(content));
  get(peer, 4, 0, 0, 1);
  EXPECT_EQ(denials(h).back(), fb::DenyReason::bad_request);
  open(peer, 5, swarm::tree_root(content));
  get(peer, 5, 1, 0xFFFFFFFF, 64);
  EXPECT_EQ(denials(h).back(), fb::DenyReason::bad_request);
  fb::GetProofT far;
  far.channel = 6;
  far.piece = 1;
  open(peer, 6, swarm::tree_root(content));
  say(peer, far);
  EXPECT_EQ(denials(h).back(), fb::DenyReason::bad_request);
  EXPECT_TRUE(h.data.empty());
  EXPECT_EQ(counter("swarm/uploads", "denied", 1, "reason=\"bad_request\""), 6U);
}

TEST_F(upload_test, SlotsAreBound) {
  heard_all h;
  const auto peer = session(2, h);
  for (std::uint16_t c = 1; c <= 9; ++c) open(peer, c, swarm::tree_root(content));
  EXPECT_EQ(denials(h), (std::vector{fb::DenyReason::no_slot})) << "8 a session";
  fb::CloseRootT close;
  close.channel = 3;
  say(peer, close);
  open(peer, 9, swarm::tree_root(content));
  EXPECT_EQ(denials(h).size(), 1U);
}

TEST_F(upload_test, FileThatChangedIsGone) {
  heard_all h;
  const auto peer = session(2, h);
  auto changed = content;
  changed[100] ^= 1;
  node(1).files->share("/a", changed);
  open(peer, 1, swarm::tree_root(content));
  fb::GetProofT ask;
  ask.channel = 1;
  say(peer, ask);
  EXPECT_EQ(denials(h), (std::vector{fb::DenyReason::gone}));
  EXPECT_EQ(counter("swarm/uploads", "files_gone", 1), 1U);
  node(1).files->share("/a", bytes(10));
  open(peer, 2, swarm::tree_root(content));
  EXPECT_EQ(denials(h).back(), fb::DenyReason::gone) << "another size";
}

TEST_F(upload_test, RescannedFileIsGoneWhileBeingServed) {
  heard_all h;
  const auto peer = session(2, h);
  open(peer, 1, swarm::tree_root(content));
  get(peer, 1, 1, 0, 1);
  EXPECT_EQ(h.data.size(), 1U);
  storage::library_store library(node(1).store);
  auto entry = library.get("/a").value().value().unpack();
  entry.mtime_ns = 2;
  ASSERT_TRUE(library.put(entry));
  run_for(2s);
  get(peer, 1, 2, 1, 1);
  EXPECT_EQ(denials(h), (std::vector{fb::DenyReason::gone}));
  EXPECT_EQ(h.data.size(), 1U);
}

TEST_F(upload_test, EndOfSessionFreesEverything) {
  heard_all h;
  const auto peer = session(2, h);
  for (std::uint16_t c = 1; c <= 8; ++c) open(peer, c, swarm::tree_root(content));
  node(2).kill();
  run_for(1s);
  heard_all again;
  const auto other = session(3, again);
  open(other, 1, swarm::tree_root(content));
  EXPECT_TRUE(denials(again).empty());
}

TEST_F(upload_test, CancelStopsARequest) {
  node(1).kill();
  settle();
  node(1).start(system(), 16);  // a leaf a second
  settle();
  heard_all h;
  const auto peer = session(2, h);
  open(peer, 1, swarm::tree_root(content));
  get(peer, 1, 1, 0, 18);
  fb::CancelT cancel;
  cancel.channel = 1;
  cancel.request = 1;
  say(peer, cancel);
  run_for(60s);
  EXPECT_LE(h.data.size(), 3U);
}

TEST_F(upload_test, SessionsTakeTurns) {
  const auto big = made_up(41, 4 << 20);
  node(1).share("/big", big, mbid_of(2));
  node(1).kill();
  settle();
  node(1).start(system(), 512);
  settle();
  heard_all greedy, modest;
  const auto first = session(2, greedy), second = session(3, modest);
  open(first, 1, swarm::tree_root(big));
  open(second, 1, swarm::tree_root(big));
  for (std::uint32_t i = 0; i < 4; ++i) get(first, 1, i + 1, i * 64, 64);
  get(second, 1, 1, 0, 60);
  run_for(3s);
  // 3 s at 512 KiB/s are 96 leaves; the second session, with a quarter of the requests, gets half of what
  // both could.
  std::size_t second_leaves = 0;
  for (const auto& d : modest.data) second_leaves += d.count;
  EXPECT_GE(second_leaves, 40U);
}

TEST_F(upload_test, PeersBeyondTheSlotsAreToldToComeBack) {
  node(1).kill();
  settle();
  node(1).configure = [](auto& all) { all.transfers.upload_slots = 2; };
  node(1).start(system());
  settle();
  std::vector<heard_all> heard(3);
  std::vector<overlay_peer_actor> peers;
  for (std::size_t i = 0; i < 3; ++i) peers.push_back(session(2 + i, heard[i]));
  for (std::size_t i = 0; i < 3; ++i) open(peers[i], 1, swarm::tree_root(content));
  EXPECT_TRUE(denials(heard[0]).empty());
  EXPECT_TRUE(denials(heard[1]).empty());
  EXPECT_EQ(denials(heard[2]), (std::vector{fb::DenyReason::no_slot}));
  node(2).kill();  // its session ends with it
  run_for(100ms);
  open(peers[2], 1, swarm::tree_root(content));
  EXPECT_EQ(denials(heard[2]).size(), 1U);
  get(peers[2], 1, 1, 0, 3);
  EXPECT_EQ(heard[2].data.size(), 1U);
}

TEST_F(upload_test, LimitsAreAsConfiguredAndChangeWhileItServes) {
  const auto big = made_up(42, 8 << 20);
  node(1).share("/big", big, mbid_of(2));
  node(1).kill();
  settle();
  node(1).configure = [](auto& all) { all.transfers.upload_limit_per_peer_kib = 100; };
  node(1).start(system());
  settle();
  const auto leaves = [](const heard_all& h) {
    std::size_t n = 0;
    for (const auto& d : h.data) n += d.count;
    return n;
  };
  heard_all a, b;
  const auto first = session(2, a), second = session(3, b);
  open(first, 1, swarm::tree_root(big));
  open(second, 1, swarm::tree_root(big));
  for (std::uint32_t i = 0; i < 8; ++i) get(first, 1, i + 1, i * 64, 64);
  for (std::uint32_t i = 0; i < 8; ++i) get(second, 1, i + 1, i * 64, 64);
  run_for(8s);
  for (const auto* h : {&a, &b}) {
    EXPECT_GE(leaves(*h), 8U * 100 / 16) << "100 KiB a second each";
    EXPECT_LE(leaves(*h), 13U * 100 / 16);
  }
  fb::TransferLimitsT limits;
  limits.upload_slots = 8;
  caf::anon_send(node(1).links.uploads, record<fb::TransferLimits>::pack(limits));
  run_for(3s);
  EXPECT_EQ(leaves(a), 512U);
  limits.upload_slots = 1;
  caf::anon_send(node(1).links.uploads, record<fb::TransferLimits>::pack(limits));
  run_for(100ms);
  EXPECT_EQ(denials(a).size() + denials(b).size(), 1U) << "one of two must go";
}

TEST_F(upload_test, WhoHadHowMuchIsReported) {
  std::vector<heard_all> heard(2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto peer = session(2 + i, heard[i]);
    open(peer, 1, swarm::tree_root(content));
    get(peer, 1, 1, 0, static_cast<std::uint16_t>(3 + 6 * i));
  }
  const auto all = ask<record<fb::NodeStatus>>(node(1).links.telemetry, status_request{}).unpack();
  for (const auto& r : all.reports) {
    if (r->path != "swarm/uploads") continue;
    ASSERT_EQ(r->traffic.size(), 2U);
    EXPECT_EQ(from_fb<node_id>(*r->traffic[0]->node), node(3).who->node_id) << "most bytes first";
    EXPECT_EQ(r->traffic[0]->bytes_up, 9U * swarm::leaf_size);
    EXPECT_EQ(r->traffic[1]->bytes_up, 3U * swarm::leaf_size);
    EXPECT_EQ(r->traffic[1]->bytes_down, 0U);
    return;
  }
  FAIL() << "no report";
}

TEST_F(upload_test, TreeIsReadBackByTheNextRun) {
  const auto big = made_up(43, 3 << 20);
  node(1).share("/big", big, mbid_of(2));
  const auto prove = [&](std::size_t who) {
    heard_all h;
    const auto peer = session(who, h);
    open(peer, 1, swarm::tree_root(big));
    fb::GetProofT ask;
    ask.channel = 1;
    ask.piece = 2;
    say(peer, ask);
    const auto* proof = h.messages.back()->body_as_Proof();
    return proof != nullptr && swarm::verify_proof(swarm::tree_root(big), big.size(), 2,
                                                   view_of(proof->leaves()), view_of(proof->uncles()));
  };
  EXPECT_TRUE(prove(2));
  EXPECT_EQ(counter("swarm/uploads", "trees_built", 1), 1U);
  node(1).kill();
  node(2).kill();
  settle();
  node(1).start(system());
  settle();
  EXPECT_TRUE(prove(3));
  EXPECT_EQ(counter("swarm/uploads", "trees_built", 1), 0U);
  EXPECT_EQ(counter("swarm/uploads", "trees_loaded", 1), 1U);
}

}  // namespace

}  // namespace vsf::tests
