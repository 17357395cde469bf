#include <condition_variable>
#include <functional>
#include <iostream>
#include <mutex>

#include <gtest/gtest.h>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include "actors/overlay/overlay_actor.hpp"
#include "actors/overlay/overlay_message.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "actors/transport/transport_actor.hpp"
#include "net/asio/asio_network.hpp"
#include "tests/actors/overlay/session_pair.hpp"

namespace vsf::tests {
namespace {

constexpr std::size_t frame_bytes = 3 * overlay::leaf_size;
constexpr std::uint32_t frames = 2000;  // 94 MiB
constexpr std::uint32_t window = 8;

template <class Handle>
Handle stand_in(const caf::actor& actor) {
  return caf::actor_cast<Handle>(caf::actor_cast<caf::strong_actor_ptr>(actor));
}

std::uint8_t fill_of(std::uint32_t frame_number) { return static_cast<std::uint8_t>(frame_number * 31 + 7); }

/// What actors on several threads saw; a test waits for it.
struct seen {
  std::mutex lock;
  std::condition_variable changed;
  std::optional<transport_ready> ready_a, ready_b;
  std::optional<overlay_up> up;
  std::string problem;
  std::uint64_t bytes = 0, next = 0;
  bool closed = false, ended = false;

  template <class F>
  void note(F change) {
    const std::lock_guard guard(lock);
    change();
    changed.notify_all();
  }
  template <class F>
  bool wait(F condition) {
    std::unique_lock guard(lock);
    return changed.wait_for(guard, std::chrono::seconds(60), [&] {
      return condition() || !problem.empty();
    }) && problem.empty();
  }
};

/// Answers OpenRoot with all frames at once, as fast as the session takes them.
caf::behavior serve(caf::event_based_actor* self, seen* s) {
  self->set_default_handler(caf::drop);
  struct state {
    overlay_peer_actor peer;
    std::uint16_t channel = 0;
    std::uint32_t sent = 0;
  };
  auto at = std::make_shared<state>();
  const auto me = caf::actor_cast<caf::actor_addr>(self->address());
  const auto send_one = [at, me] {
    if (at->sent >= frames) return;
    auto whole = overlay::allocate_bulk(frame_bytes);
    const auto room = overlay::bulk_room(whole);
    std::fill(room.begin(), room.end(), fill_of(at->sent));
    const auto back = stand_in<session_sender_actor>(
        caf::actor_cast<caf::actor>(caf::actor_cast<caf::strong_actor_ptr>(me)));
    caf::anon_send(at->peer,
                   session_send_data{{at->channel, 1, at->sent * 3, 3, {}}, back, std::move(whole)});
    ++at->sent;
  };
  return {[=](const session_request& r) {
            if (!r.message) {
              at->peer = nullptr;
              return s->note([&] { s->ended = true; });
            }
            if (r.message->body_type() != fb::OverlayBody::OpenRoot) return;
            at->peer = r.peer;
            at->channel = r.message->body_as_OpenRoot()->channel();
            for (std::uint32_t i = 0; i < window; ++i) send_one();
          },
          [=](const session_sent& sent) {
            if (sent.bytes == 0 && at->peer) s->note([&] { s->problem = "a frame was dropped"; });
            send_one();
          }};
}

caf::behavior receive(caf::event_based_actor* self, seen* s) {
  self->set_default_handler(caf::drop);
  return {[=](const channel_data& d) {
            s->note([&] {
              const auto n = static_cast<std::uint32_t>(s->next++);
              if (d.first_leaf != n * 3 || d.body.size() != frame_bytes) s->problem = "a frame is missing";
              for (const auto b : d.body.view())
                if (b != fill_of(n)) s->problem = "wrong bytes";
              s->bytes += d.body.size();
            });
          },
          [=](const channel_closed&) { s->note([&] { s->closed = true; }); }};
}

std::shared_ptr<environment> make_env(std::shared_ptr<net::network> network) {
  auto env = std::make_shared<environment>();
  env->settings.node.listen = endpoint::v4(0x7F000001, 0);
  env->network = std::move(network);
  env->random = std::make_shared<crypto::system_random>();
  env->unix_ms = [](std::chrono::nanoseconds) { return std::uint64_t{1}; };
  env->log = [](log_level, std::string_view, std::string_view) {};
  return env;
}

TEST(overlay_on_sockets, two_nodes_meet_and_move_bytes_over_real_tcp) {
  seen s;
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{2});
  const auto network = net::make_asio_network();
  {
    caf::actor_system system(config);
    const auto env = make_env(network);
    const auto who_a = std::make_shared<const identity::identity>(make_node(1));
    const auto who_b = std::make_shared<const identity::identity>(make_node(2));
    const auto dht = [&](std::optional<transport_ready>* slot) {
      return system.spawn([&s, slot](caf::event_based_actor* self) -> caf::behavior {
        self->set_default_handler(caf::drop);
        return {[&s, slot](const transport_ready& r) { s.note([&] { *slot = r; }); }};
      });
    };
    const auto uploads = system.spawn(serve, &s), client = system.spawn(receive, &s);
    const auto dht_a = dht(&s.ready_a), dht_b = dht(&s.ready_b);
    const auto transport_a = system.spawn(transport::transport, environment_ptr(env));
    const auto transport_b = system.spawn(transport::transport, environment_ptr(env));
    const auto overlay_a = system.spawn(overlay::overlay, environment_ptr(env), who_a);
    const auto overlay_b = system.spawn(overlay::overlay, environment_ptr(env), who_b);
    component_links a, b;
    a.transport = transport_a, a.overlay = overlay_a, a.dht = stand_in<dht_actor>(dht_a);
    b.transport = transport_b, b.overlay = overlay_b, b.dht = stand_in<dht_actor>(dht_b);
    b.uploads = stand_in<uploads_actor>(uploads);
    for (const auto& to : {transport_a}) caf::anon_send(to, a);
    caf::anon_send(overlay_a, a);
    caf::anon_send(transport_b, b);
    caf::anon_send(overlay_b, b);
    ASSERT_TRUE(s.wait([&] { return s.ready_a && s.ready_b; })) << s.problem;
    EXPECT_NE(s.ready_a->local.port, s.ready_b->local.port);

    const auto dialler = system.spawn([&s](caf::event_based_actor*) -> caf::behavior {
      return {[&s](const overlay_up& m) { s.note([&] { s.up = m; }); },
              [&s](const overlay_failed& m) { s.note([&] { s.problem = m.reason; }); }};
    });
    caf::anon_send(overlay_a, overlay_dial{1,
                                           {who_b->node_id, who_b->dh_key.key, s.ready_b->local},
                                           stand_in<overlay_client_actor>(dialler)});
    ASSERT_TRUE(s.wait([&] { return s.up.has_value(); })) << s.problem;
    const auto began = std::chrono::steady_clock::now();
    caf::anon_send(s.up->peer, channel_attach{4, stand_in<channel_client_actor>(client)});
    fb::OpenRootT open;
    open.channel = 4;
    caf::anon_send(s.up->peer, session_send{overlay::overlay_message(std::move(open))});
    ASSERT_TRUE(s.wait([&] { return s.next == frames; })) << s.problem << " after " << s.next;
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::cout << static_cast<double>(s.bytes) / 1e6 / took << " MB/s sealed, sent, received, opened\n";
    // One side ends: the other and its client hear of it.
    caf::anon_send_exit(overlay_b, caf::exit_reason::user_shutdown);
    EXPECT_TRUE(s.wait([&] { return s.closed && s.ended; }));
    s.up.reset();
    s.ready_a.reset();
    s.ready_b.reset();
    for (const auto& x : {uploads, client, dht_a, dht_b, dialler})
      caf::anon_send_exit(x, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(transport_a, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(transport_b, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(overlay_a, caf::exit_reason::user_shutdown);
  }
}

}  // namespace
}  // namespace vsf::tests
