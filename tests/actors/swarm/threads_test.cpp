// The same actors on real threads, clocks, disk and RocksDB; only the overlay and the index are played.

#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include <caf/scoped_actor.hpp>

#include "tests/actors/swarm/swarm_world.hpp"

namespace vsf::tests {

namespace {

class threads_test : public ::testing::Test {
 protected:
  struct config : caf::actor_system_config {
    // One scheduler thread: what a test plays is not made for more; the workers have their own.
    config() { set("scheduler.max-threads", std::size_t{1}); }
  };
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("vsf-swarm-" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  void TearDown() override {
    for (auto& n : nodes) n->kill();
    if (system) system->await_all_actors_done();
    system.reset();
    nodes.clear();
    std::filesystem::remove_all(folder);
  }
  void begin() { system = std::make_unique<caf::actor_system>(configuration); }
  /// The process of a node "dies": its actors are gone and its store is closed, then it starts again.
  void start(swarm_node& n, const std::string& name) {
    const auto home = folder / name;
    for (const auto* sub : {"store", "downloads", "incomplete"})
      std::filesystem::create_directories(home / sub);
    n.download_dir = home / "downloads";
    auto store = storage::open_rocksdb(home / "store");
    ASSERT_TRUE(store) << store.error().message;
    n.real_store = std::move(*store);
    auto files = storage::open_disk_files(home / "downloads", home / "incomplete");
    ASSERT_TRUE(files) << files.error().message;
    n.real_files = std::move(*files);
    n.start(*system);
  }
  template <class T, class Message>
  T ask(const swarm_actor& whom, Message message) {
    caf::scoped_actor self(*system);
    std::optional<T> out;
    std::string problem;
    self->request(whom, std::chrono::seconds(60), std::move(message))
        .receive([&](T& x) { out = std::move(x); }, [&](caf::error& e) { problem = system->render(e); });
    if (!out) throw std::runtime_error(problem);
    return std::move(*out);
  }
  fb::TransferStatusT status(const swarm_actor& whom) {
    const auto all = ask<record<fb::TransferList>>(whom, list_transfers{}).unpack();
    if (all.transfers.empty()) throw std::runtime_error("no transfers");
    return *all.transfers[0];
  }
  template <class Predicate>
  bool poll(const swarm_actor& whom, std::chrono::seconds at_most, Predicate wanted) {
    const auto end = std::chrono::steady_clock::now() + at_most;
    while (std::chrono::steady_clock::now() < end) {
      if (wanted(status(whom))) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }

  std::filesystem::path folder;
  config configuration;
  std::unique_ptr<caf::actor_system> system;
  fake_net net;
  std::vector<std::unique_ptr<swarm_node>> nodes;
};

TEST_F(threads_test, BringsAFileOnRealThreadsAndResumesIt) {
  begin();
  net.usual.latency = 5ms;
  net.usual.bytes_per_s = 20 << 20;
  for (std::uint8_t i = 1; i <= 2; ++i) nodes.push_back(std::make_unique<swarm_node>(net, i));
  auto& down = *nodes[0];
  auto& up = *nodes[1];
  const auto content = made_up(7, 24 << 20);
  const auto path = (folder / "song.flac").string();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
  start(down, "down");
  start(up, "up");
  fb::FileEntryT entry;
  entry.path = path;
  entry.size = content.size();
  entry.root = box(swarm::tree_root(content));
  entry.recording = box(mbid_of(1));
  ASSERT_TRUE(storage::library_store(up.real_store).put(entry));
  const auto hash = crypto::sha256(content);
  down.index.answers[mbid_of(1)] = [&] {
    fb::ResolveResultT out;
    auto c = std::make_unique<fb::CandidateT>();
    c->publisher = std::make_unique<fb::Bytes32>();
    c->node = box(up.who->node_id);
    c->contact = box(up.where());
    c->variant =
        std::make_unique<fb::Variant>(to_fb(swarm::tree_root(content)),
                                      fb::Bytes16(flatbuffers::span<const std::uint8_t, 16>(hash.data(), 16)),
                                      content.size(), std::uint16_t{900}, fb::Codec::flac, std::uint8_t{1});
    out.candidates.push_back(std::move(c));
    return out;
  };
  fb::FetchStartT start_it;
  start_it.mbid = box(mbid_of(1));
  ask<record<fb::TransferStatus>>(down.links.swarm, record<fb::FetchStart>::pack(start_it));
  ASSERT_TRUE(
      poll(down.links.swarm, 120s, [&](const auto& s) { return s.bytes_verified > content.size() / 2; }));
  // Its process ends without a goodbye.
  up.kill();
  down.kill();
  system->await_all_actors_done();
  down.env.reset();
  up.env.reset();
  down.real_store.reset();
  up.real_store.reset();
  system.reset();
  begin();
  start(up, "up");
  start(down, "down");
  ASSERT_TRUE(poll(down.links.swarm, 120s, [](const auto& s) {
    return s.state == fb::TransferState::done && s.sha256;
  })) << status(down.links.swarm).reason;
  const auto s = status(down.links.swarm);
  EXPECT_EQ(from_fb<digest>(*s.sha256), hash);
  EXPECT_GE(s.bytes_kept, content.size() / 2);
  const auto file = down.real_files->open_finished(s.path);
  ASSERT_TRUE(file);
  EXPECT_EQ(slurp(**file), content);
  EXPECT_LE(down.received->data_bytes, content.size() + (4 << 20)) << "what was on its way, no more";
}

}  // namespace

}  // namespace vsf::tests
