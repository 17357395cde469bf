#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/overlay/overlay_frame.hpp"
#include "actors/overlay/overlay_message.hpp"
#include "actors/swarm/hash_tree.hpp"
#include "actors/swarm/swarm_actor.hpp"
#include "actors/swarm/uploads_actor.hpp"
#include "actors/telemetry/telemetry_actor.hpp"
#include "storage/library_store.hpp"
#include "storage/memory_files.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::tests {

using namespace std::chrono_literals;

inline bytes made_up(std::uint64_t seed, std::size_t size) {
  bytes out(size);
  crypto::seeded_random(seed).fill(out);
  return out;
}

inline bytes slurp(const storage::file_reader& file) {
  bytes out(static_cast<std::size_t>(file.size()));
  const auto got = file.read_at(0, out);
  out.resize(got ? *got : 0);
  return out;
}

inline mbid mbid_of(std::uint8_t n) {
  mbid out{};
  out[0] = 0x5b;
  out[15] = n;
  return out;
}

/// What may go wrong on the way from one node to another.
struct link_faults {
  bool refuse = false;  // no new connection
  bool silent = false;  // nothing arrives any more, nobody is told
  /// Sees every data frame that arrives and may change its bytes.
  std::function<void(channel_data&)> tamper;
};

/// What arrived at one node over all its links.
struct link_counters {
  std::uint64_t data_bytes = 0;
  std::uint64_t dials = 0;
};

struct wire {
  std::chrono::nanoseconds latency = 20ms;
  std::uint64_t bytes_per_s = 20'000'000;
  std::shared_ptr<link_faults> faults = std::make_shared<link_faults>();
  std::shared_ptr<link_counters> counters = std::make_shared<link_counters>();
};

struct from_wire {
  channel_data data;
  record<fb::OverlayMessage> message;
};
using wire_end_actor = caf::typed_actor<caf::reacts_to<from_wire>>;
struct twin_is {
  wire_end_actor twin;
};

}  // namespace vsf::tests

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::tests::from_wire)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(vsf::tests::twin_is)

namespace vsf::tests {

/// One end of a session without a session: what its owner sends arrives at the other end after the latency.
struct fake_peer_state {
  static inline const char* name = "fake_peer";
  wire how;
  contact other;
  uploads_actor uploads;  // of this end's node
  wire_end_actor twin;
  std::map<std::uint16_t, channel_client_actor> channels;
  std::chrono::nanoseconds busy_until{0};
};
using fake_peer_actor = overlay_peer_actor::extend<caf::reacts_to<from_wire>, caf::reacts_to<twin_is>>;

inline fake_peer_actor::behavior_type fake_peer(fake_peer_actor::stateful_pointer<fake_peer_state> self,
                                                wire how, contact other, uploads_actor uploads) {
  supervisor::prepare(self);
  self->state.how = std::move(how);
  self->state.other = other;
  self->state.uploads = std::move(uploads);
  const auto deliver = [self](std::chrono::nanoseconds after, from_wire what) {
    if (self->state.twin) self->delayed_send(self->state.twin, after, std::move(what));
  };
  return {
      [=](const session_send& m) {
        deliver(self->state.how.latency, from_wire{{}, m.message});
      },
      [=](const session_send_data& m) {
        auto& st = self->state;
        auto data = m.data;
        if (!m.whole.empty()) {
          auto whole = m.whole;
          data.body = frame::copy_of(overlay::bulk_room(whole));
        }
        const auto now = supervisor::now(self);
        const auto takes = std::chrono::nanoseconds(data.body.size() * 1'000'000'000 / st.how.bytes_per_s);
        st.busy_until = std::max(st.busy_until, now) + takes;
        self->delayed_send(m.sender, st.busy_until - now,
                           session_sent{data.body.size(), data.channel, data.request, data.first_leaf});
        deliver(st.busy_until - now + st.how.latency, from_wire{std::move(data), {}});
      },
      [=](const channel_attach& m) { self->state.channels[m.channel] = m.client; },
      [=](const channel_detach& m) { self->state.channels.erase(m.channel); },
      [](const packet_received&) {},
      [](const link_writable&) {},
      [=](const link_closed& m) {
        auto& st = self->state;
        for (const auto& [number, client] : st.channels) self->send(client, channel_closed{number, m.reason});
        if (st.uploads)
          self->send(st.uploads, session_request{st.other.id, caf::actor_cast<overlay_peer_actor>(self), {}});
        self->quit();
      },
      [](const overlay_order&) {},
      [](const component_links&) {},
      [](const report_request&) {},
      [](const alarm&) {},
      [=](from_wire& m) {
        auto& st = self->state;
        if (st.how.faults->silent) return;
        if (!m.message) {
          st.how.counters->data_bytes += m.data.body.size();
          if (st.how.faults->tamper) st.how.faults->tamper(m.data);
          if (const auto it = st.channels.find(m.data.channel); it != st.channels.end())
            self->send(it->second, std::move(m.data));
          return;
        }
        const auto use = overlay::channel_of(*m.message);
        if (use.request) {
          if (st.uploads)
            self->send(st.uploads, session_request{st.other.id, caf::actor_cast<overlay_peer_actor>(self),
                                                   m.message, st.other});
        } else if (const auto it = st.channels.find(use.channel); it != st.channels.end()) {
          self->send(it->second, channel_message{m.message});
        }
      },
      [=](const twin_is& m) { self->state.twin = m.twin; },
  };
}

class swarm_node;

/// Who can be dialled by whom; a pair of nodes has one session at a time.
struct fake_net {
  using pair = std::pair<node_id, node_id>;  // who downloads, from whom
  std::map<static_key, swarm_node*> nodes;
  std::map<pair, std::shared_ptr<link_faults>> faults;
  std::map<pair, std::pair<fake_peer_actor, fake_peer_actor>> sessions;
  wire usual;

  void close(std::map<pair, std::pair<fake_peer_actor, fake_peer_actor>>::iterator it) {
    for (const auto& end : {it->second.first, it->second.second}) {
      caf::anon_send(end, twin_is{});
      caf::anon_send(end, link_closed{"connection reset"});
    }
    sessions.erase(it);
  }
};

struct fake_overlay_state {
  static inline const char* name = "fake_overlay";
};
overlay_actor::behavior_type fake_overlay(overlay_actor::stateful_pointer<fake_overlay_state> self,
                                          fake_net* net, swarm_node* node);

/// Answers with what a test put in; counts.
struct fake_index {
  std::map<mbid, std::function<fb::ResolveResultT()>> answers;
  std::chrono::nanoseconds delay = 300ms;
  bool silent = false;
  std::uint32_t peers = 9;  // of the mesh, that it says it asked
  std::uint64_t asked = 0;
  std::uint64_t fresh = 0;
  caf::actor_addr last_client;
};
struct fake_resolver_state {
  static inline const char* name = "fake_resolver";
};
inline resolver_actor::behavior_type fake_resolver(resolver_actor::stateful_pointer<fake_resolver_state> self,
                                                   fake_index* index) {
  return {
      [=](const record<fb::Resolve>& ask, const resolve_client_actor& client) {
        ++index->asked;
        if (ask->fresh()) ++index->fresh;
        index->last_client = client.address();
        if (index->silent) return;
        fb::ResolveResultT out;
        out.asked = index->peers;
        if (const auto it = index->answers.find(from_fb<mbid>(*ask->mbid())); it != index->answers.end())
          out = it->second();
        out.id = ask->id();
        out.mbid = std::make_unique<fb::Bytes16>(*ask->mbid());
        self->delayed_send(client, index->delay, record<fb::ResolveResult>::pack(out));
      },
      [](const record<fb::DhtGetResult>&) {},
      [](const record<fb::DhtSweepResult>&) {},
      [](const record<fb::DhtFindResult>&) {},
      [](const component_links&) {},
      [](const report_request&) {},
      [](const alarm&) {},
  };
}

/// What a node's analyzer finds, by hash-tree root; of other files, that they are audio and nothing else.
struct content_table {
  std::map<digest, record<fb::FileEntry>> by_root;
  std::atomic<bool> broken = false;  // can't look at all
  std::atomic<bool> hold = false;    // answers wait for release()
  std::atomic<std::uint64_t> asked = 0;
  std::vector<std::function<void()>> held;

  void put(const bytes& content, const fb::FileEntryT& found) {
    by_root[swarm::tree_root(content)] = record<fb::FileEntry>::pack(found);
  }
  void release() {
    for (auto& answer : std::exchange(held, {})) answer();
  }
};
class fake_analyzer final : public library::analyzer {
 public:
  fake_analyzer(std::shared_ptr<storage::file_system> files, std::shared_ptr<content_table> table)
      : files_(std::move(files)), table_(std::move(table)) {}
  void analyze(std::string path, library::analyze_options, done on_done) override {
    ++table_->asked;
    auto answer = [this, path = std::move(path), on_done = std::move(on_done)] {
      if (table_->broken) return on_done(fail("the analyzer is broken"));
      const auto file = files_->open_shared(path);
      if (!file) return on_done(tl::unexpected(file.error()));
      const auto it = table_->by_root.find(swarm::tree_root(slurp(**file)));
      on_done(it == table_->by_root.end() ? record<fb::FileEntry>::pack({}) : it->second);
    };
    if (table_->hold)
      table_->held.push_back(std::move(answer));
    else
      answer();
  }

 private:
  std::shared_ptr<storage::file_system> files_;
  std::shared_ptr<content_table> table_;
};

/// A node's swarm, uploads and telemetry over memory, with a fake overlay and resolver.
class swarm_node {
 public:
  swarm_node(fake_net& net, std::uint8_t number) : net_(&net), number_(number) {
    auto made = std::make_shared<identity::identity>();
    made->node_id[0] = made->node_id[19] = number;
    made->dh_key.key[0] = number;
    made->network = {"test", 0};
    who = made;
    contact_ = {who->node_id, who->dh_key.key,
                endpoint::v4(0x0A000001U + (std::uint32_t{number} << 16), 50315)};
    net.nodes[contact_.key] = this;
  }

  /// (Re)starts the actors over what is stored.
  void start(caf::actor_system& sys, std::uint32_t upload_kib = 0, std::uint32_t download_kib = 0) {
    auto e = std::make_shared<environment>();
    e->settings.transfers.download_dir = download_dir;
    e->settings.transfers.upload_limit_kib = upload_kib;
    e->settings.transfers.download_limit_kib = download_kib;
    if (configure) configure(e->settings);
    e->store = real_store ? real_store : store;
    e->files = real_files ? real_files : files;
    e->analyzer = std::make_shared<fake_analyzer>(e->files, contents);
    e->random = std::make_shared<crypto::seeded_random>(1000U + number_ + 100U * ++starts_);
    e->unix_ms = [](std::chrono::nanoseconds at) {
      return 1'700'000'000'000 + static_cast<std::uint64_t>(at / 1ms);
    };
    e->log = [](log_level, std::string_view, std::string_view) {};
    e->inline_workers = !real_files;
    e->on_child = on_child;
    env = e;
    links.who = who;
    links.telemetry = sys.spawn(telemetry::telemetry, env);
    links.overlay = sys.spawn(fake_overlay, net_, this);
    links.resolver = sys.spawn(fake_resolver, &index);
    links.swarm = sys.spawn(swarm::swarm, env, who);
    links.uploads = sys.spawn(swarm::uploads, env, who);
    caf::anon_send(links.telemetry, links);
    caf::anon_send(links.swarm, links);
    caf::anon_send(links.uploads, links);
  }

  /// As kill -9: the actors are gone, what was written is there.
  void kill() {
    for (auto it = net_->sessions.begin(); it != net_->sessions.end();) {
      const auto current = it++;
      if (current->first.first == who->node_id || current->first.second == who->node_id) net_->close(current);
    }
    const auto end = [](const auto& handle) {
      if (handle) caf::anon_send_exit(handle, caf::exit_reason::kill);
    };
    end(links.swarm);
    end(links.uploads);
    end(links.telemetry);
    end(links.overlay);
    end(links.resolver);
    links = {};
  }

  /// Shares a file of this content as that recording.
  void share(const std::string& path, const bytes& content, const mbid& recording) {
    files->share(path, content);
    fb::FileEntryT entry;
    entry.path = path;
    entry.size = content.size();
    entry.mtime_ns = 1;
    entry.codec = fb::Codec::flac;
    entry.recording = box(recording);
    entry.root = box(swarm::tree_root(content));
    entry.sha256 = box(crypto::sha256(content));
    ASSERT_TRUE(storage::library_store(store).put(entry));
  }

  const contact& where() const { return contact_; }
  bytes finished(const std::string& path) const {
    const auto file = files->open_finished(path);
    return file ? slurp(**file) : bytes{};
  }

  std::shared_ptr<storage::memory_store> store = storage::make_memory_store();
  std::shared_ptr<storage::memory_files> files = std::make_shared<storage::memory_files>();
  /// Instead of memory; workers then run on threads of their own.
  std::shared_ptr<storage::kv_store> real_store;
  std::shared_ptr<storage::file_system> real_files;
  std::string download_dir = "/downloads";
  std::function<void(config::settings&)> configure;  // at each start
  std::function<void(const supervisor::live_child&)> on_child;
  identity_ptr who;
  environment_ptr env;
  fake_index index;
  std::shared_ptr<content_table> contents = std::make_shared<content_table>();
  component_links links;
  std::shared_ptr<link_counters> received = std::make_shared<link_counters>();

 private:
  fake_net* net_;
  std::uint8_t number_;
  unsigned starts_ = 0;
  contact contact_;
};

inline overlay_actor::behavior_type fake_overlay(overlay_actor::stateful_pointer<fake_overlay_state> self,
                                                 fake_net* net, swarm_node* node) {
  return {
      [=](const overlay_dial& d) {
        ++node->received->dials;
        const auto found = net->nodes.find(d.who.key);
        auto& faults = net->faults[{node->who->node_id, d.who.id}];
        if (!faults) faults = std::make_shared<link_faults>();
        if (found == net->nodes.end() || !found->second->links.uploads || faults->refuse) {
          self->delayed_send(d.client, 50ms, overlay_failed{d.id, "connection refused"});
          return;
        }
        auto& session = net->sessions[{node->who->node_id, d.who.id}];
        if (!session.first) {
          auto in = net->usual, out = net->usual;
          in.faults = faults;
          in.counters = node->received;
          auto& sys = self->system();
          session.first = sys.spawn(fake_peer, in, found->second->where(), node->links.uploads);
          session.second = sys.spawn(fake_peer, out, node->where(), found->second->links.uploads);
          caf::anon_send(session.first, twin_is{caf::actor_cast<wire_end_actor>(session.second)});
          caf::anon_send(session.second, twin_is{caf::actor_cast<wire_end_actor>(session.first)});
        }
        self->delayed_send(d.client, 100ms,
                           overlay_up{d.id, d.who.id, caf::actor_cast<overlay_peer_actor>(session.first)});
      },
      [](const transport_ready&) {},
      [](const link_accepted&) {},
      [](const overlay_news&) {},
      [](const component_links&) {},
      [](const report_request&) {},
      [](const alarm&) {},
      [](const restart_child&) {},
  };
}

/// Nodes in virtual time. Node 0 downloads, the others serve.
class swarm_test : public virtual_time {
 protected:
  swarm_node& node(std::size_t n) {
    while (nodes_.size() <= n)
      nodes_.push_back(std::make_unique<swarm_node>(net, static_cast<std::uint8_t>(nodes_.size() + 1)));
    return *nodes_[n];
  }
  link_faults& faults(std::size_t to, std::size_t from) {
    auto& f = net.faults[{node(to).who->node_id, node(from).who->node_id}];
    if (!f) f = std::make_shared<link_faults>();
    return *f;
  }
  /// The session between two nodes breaks, and both hear of it.
  void break_link(std::size_t to, std::size_t from) {
    const auto it = net.sessions.find({node(to).who->node_id, node(from).who->node_id});
    if (it != net.sessions.end()) net.close(it);
  }

  static std::unique_ptr<fb::CandidateT> candidate(const swarm_node& from, const bytes& content,
                                                   fb::Codec codec = fb::Codec::flac,
                                                   std::uint8_t quality = 200) {
    auto out = std::make_unique<fb::CandidateT>();
    vsf::public_key publisher{};
    publisher[0] = from.who->node_id[0];
    out->publisher = box(publisher);
    out->node = box(from.who->node_id);
    out->contact = box(from.where());
    const auto hash = crypto::sha256(content);
    out->variant =
        std::make_unique<fb::Variant>(to_fb(swarm::tree_root(content)),
                                      fb::Bytes16(flatbuffers::span<const std::uint8_t, 16>(hash.data(), 16)),
                                      content.size(), std::uint16_t{900}, codec, quality);
    return out;
  }
  /// The resolver of that node names these nodes for the recording.
  void offer(const mbid& what, std::vector<std::size_t> from, const bytes& content, std::size_t to = 0) {
    node(to).index.answers[what] = [this, from, content] {
      fb::ResolveResultT out;
      for (const auto n : from) out.candidates.push_back(candidate(node(n), content));
      return out;
    };
  }

  fb::TransferStatusT fetch(const mbid& what, std::size_t by = 0) {
    fb::FetchStartT request;
    request.mbid = box(what);
    return ask<record<fb::TransferStatus>>(node(by).links.swarm, record<fb::FetchStart>::pack(request))
        .unpack();
  }
  fb::TransferStatusT control(const std::string& id, fb::FetchVerb verb) {
    fb::FetchControlT request;
    request.transfer = id;
    request.verb = verb;
    return ask<record<fb::TransferStatus>>(node(0).links.swarm, record<fb::FetchControl>::pack(request))
        .unpack();
  }
  std::vector<fb::TransferStatusT> list(std::size_t of = 0) {
    const auto found = ask<record<fb::TransferList>>(node(of).links.swarm, list_transfers{}).unpack();
    std::vector<fb::TransferStatusT> out;
    for (const auto& t : found.transfers) out.push_back(*t);
    return out;
  }
  fb::TransferStatusT status(const std::string& id, std::size_t of = 0) {
    for (auto& t : list(of))
      if (t.transfer == id) return t;
    throw std::runtime_error("no transfer " + id);
  }
  /// Runs until `wanted` holds for the transfer; false when it does not within `at_most`.
  bool run_until(const std::string& id, std::chrono::nanoseconds at_most,
                 const std::function<bool(const fb::TransferStatusT&)>& wanted) {
    const auto end = now() + at_most;
    while (now() < end) {
      if (wanted(status(id))) return true;
      run_for(50ms);
    }
    return wanted(status(id));
  }
  bool run_until_done(const std::string& id, std::chrono::nanoseconds at_most = 120s) {
    return run_until(id, at_most,
                     [](const auto& s) { return s.state == fb::TransferState::done && s.sha256; });
  }
  std::uint64_t counter(const std::string& component, const std::string& name, std::size_t of = 0,
                        const std::string& label = {}) {
    const auto all = ask<record<fb::NodeStatus>>(node(of).links.telemetry, status_request{}).unpack();
    for (const auto& r : all.reports)
      if (r->path == component)
        for (const auto& c : r->counters)
          if (c->name == name && c->label == label) return c->value;
    throw std::runtime_error("no counter " + component + "/" + name);
  }

  void TearDown() override {
    for (auto& n : nodes_) n->kill();
    settle();
    nodes_.clear();
    virtual_time::TearDown();
  }

  fake_net net;

 private:
  std::vector<std::unique_ptr<swarm_node>> nodes_;
};

}  // namespace vsf::tests
