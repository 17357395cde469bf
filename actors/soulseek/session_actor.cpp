#include "actors/soulseek/session_actor.hpp"

#include "actors/soulseek/stream_writer.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "net/soulseek/frame_splitter.hpp"

namespace vsf::soulseek {

using self_pointer = session_actor::stateful_pointer<session_state_holder>;

namespace {

constexpr std::size_t read_ahead = 16;  // chunks

session_options options_for(const config::settings& settings) {
  session_options out;
  out.host = settings.soulseek.server.host;
  out.port = settings.soulseek.server.port;
  return out;
}

template <class Message>
void tell(const caf::actor_addr& weak, Message message) {
  if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak))
    caf::anon_send(caf::actor_cast<session_actor>(strong), std::move(message));
}

}  // namespace

/// Carries out what the session logic wants, on one connection at a time.
class session_runner {
 public:
  session_runner(self_pointer self, environment_ptr env, owner_address owner)
      : self_(self),
        me_(self->address()),
        env_(std::move(env)),
        owner_(std::move(owner)),
        logic_(options_for(env_->settings), *env_->random) {}
  ~session_runner() { drop_stream(); }
  session_runner(const session_runner&) = delete;
  session_runner& operator=(const session_runner&) = delete;

  void on_order(const session_order& order) {
    std::visit([this](const auto& what) { carry_out(what); }, order.what);
    turn();
  }
  void on_resolved(const server_resolved& m) {
    if (m.where)
      logic_.on_resolved(m.attempt, *m.where, now(), effects_);
    else
      logic_.on_connection_failed(m.attempt, m.where.error().message, now(), effects_);
    turn();
  }
  void on_connected(const server_connected& m) {
    if (!m.link) {
      logic_.on_connection_failed(m.attempt, m.link.error().message, now(), effects_);
    } else if (m.attempt != wanted_) {
      (*m.link)->close();
    } else {
      stream_ = *m.link;
      splitter_.emplace(server_frame_limit, wide_code);
      const auto attempt = m.attempt;
      stream_->start({[me = me_, attempt](frame chunk) {
                        tell(me, server_packet{attempt, std::move(chunk)});
                      },
                      [me = me_] { tell(me, link_writable{}); },
                      [me = me_, attempt](std::string why) {
                        tell(me, server_closed{attempt, std::move(why)});
                      }});
      stream_->grant(read_ahead);
      logic_.on_connected(m.attempt, now(), effects_);
    }
    turn();
  }
  void on_packet(const server_packet& m) {
    if (m.attempt != wanted_ || !stream_) return;
    stream_->grant(1);
    splitter_->feed(m.chunk.view());
    while (stream_ && m.attempt == wanted_) {
      const auto next = splitter_->next();
      if (!next) break;
      logic_.on_message(m.attempt, *next, now(), effects_);
      turn();
    }
    if (stream_ && m.attempt == wanted_ && splitter_->error()) {
      logic_.on_closed(m.attempt, "the server sent what isn't this protocol", now(), effects_);
      drop_stream();
    }
    turn();
  }
  void on_closed(const server_closed& m) {
    if (m.attempt != wanted_) return;
    drop_stream();
    logic_.on_closed(m.attempt, m.why, now(), effects_);
    turn();
  }
  void on_writable() { turn(); }
  void on_alarm(const alarm& m) {
    if (!timer_.take(m)) return;
    logic_.on_alarm(now(), effects_);
    turn();
  }

 private:
  nanoseconds now() const { return supervisor::now(self_); }
  void drop_stream() {
    if (stream_) std::exchange(stream_, nullptr)->close();
    writer_ = {};
  }

  void carry_out(const say_to_server& e) { logic_.say(e.message, now(), effects_); }
  void carry_out(const be_online& e) { logic_.log_in(e.who, now(), effects_); }
  void carry_out(const be_offline&) { logic_.log_out(now(), effects_); }
  void carry_out(const listen_ports& e) { logic_.set_listen_port(e.port, e.obfuscated, now(), effects_); }
  void carry_out(const be_away& e) { logic_.set_away(e.away, now(), effects_); }
  void carry_out(const probe_server&) { logic_.probe(1, now(), effects_); }
  void carry_out(const shared_counts& e) { logic_.set_counts(e.folders, e.files, now(), effects_); }

  void turn() {
    // Telling that all was taken may bring further effects.
    for (;;) {
      auto effects = std::exchange(effects_, {});
      for (auto& e : effects) std::visit([this](auto& x) { act(x); }, e);
      if (!stream_) break;
      writer_.pump(*stream_);
      if (writer_.empty()) logic_.on_taken(wanted_, now());
      if (effects_.empty()) break;
    }
    if (const auto at = logic_.next_deadline()) timer_.arm(self_, *at);
  }
  void act(resolve_server& e) {
    wanted_ = e.attempt;
    env_->network->resolve(e.host_and_port, [me = me_, attempt = e.attempt](auto where) {
      tell(me, server_resolved{attempt, std::move(where)});
    });
  }
  void act(connect_server& e) {
    drop_stream();
    wanted_ = e.attempt;
    env_->network->connect(
        e.where, std::chrono::seconds(15),
        [me = me_, attempt = e.attempt](auto link) {
          tell(me, server_connected{attempt, std::move(link)});
        },
        net::stream_framing::raw);
  }
  void act(send_server& e) {
    if (e.attempt == wanted_ && stream_) writer_.add(byte_view(e.message));
  }
  void act(close_server& e) {
    if (e.attempt != wanted_) return;
    if (stream_) writer_.pump(*stream_);
    drop_stream();
    wanted_ = 0;
  }
  template <class News>
  void act(News& e) {
    tell_owner(owner_, std::move(e));
    if constexpr (std::is_same_v<News, session_changed> || std::is_same_v<News, probe_result>)
      tell_owner(owner_, session_counted{logic_.counters()});
  }

  self_pointer self_;
  caf::actor_addr me_;
  environment_ptr env_;
  owner_address owner_;
  server_session logic_;
  session_effects effects_;
  attempt_id wanted_ = 0;
  std::shared_ptr<net::stream_link> stream_;
  std::optional<frame_splitter> splitter_;
  stream_writer writer_;
  supervisor::single_alarm timer_;
};

session_state_holder::session_state_holder() = default;
session_state_holder::~session_state_holder() = default;

session_actor::behavior_type session(self_pointer self, environment_ptr env, owner_address owner) {
  supervisor::prepare(self);
  self->state.runner = std::make_unique<session_runner>(self, std::move(env), std::move(owner));
  const auto run = [self]() -> session_runner& { return *self->state.runner; };
  return {
      [run](const session_order& m) { run().on_order(m); },
      [run](const server_resolved& m) { run().on_resolved(m); },
      [run](const server_connected& m) { run().on_connected(m); },
      [run](const server_packet& m) { run().on_packet(m); },
      [run](const server_closed& m) { run().on_closed(m); },
      [run](link_writable) { run().on_writable(); },
      [run](const alarm& m) { run().on_alarm(m); },
  };
}

}  // namespace vsf::soulseek
