#include "sim/soulseek_server/network_server.hpp"

#include <algorithm>

namespace vsf::soulseek::test_server {

namespace {

constexpr std::size_t read_credits = 4;

/// As the protocol has it. Soulseek knows no IPv6: such a client looks like one on loopback.
std::uint32_t protocol_ip(const endpoint& from) {
  if (!from.is_v4()) return 0x7F000001;
  return std::uint32_t{from.ip[12]} << 24 | std::uint32_t{from.ip[13]} << 16 |
         std::uint32_t{from.ip[14]} << 8 | from.ip[15];
}

}  // namespace

network_server::network_server(std::shared_ptr<net::network> network, hooks given, server_options options)
    : network_(std::move(network)), hooks_(std::move(given)), core_(std::move(options)) {}

result<endpoint> network_server::open(const endpoint& at) {
  local_ = at;
  return listen();
}

result<endpoint> network_server::listen() {
  auto opened = network_->listen(
      local_,
      [weak = weak_from_this()](std::shared_ptr<net::stream_link> link) {
        if (const auto self = weak.lock()) self->accept(std::move(link));
      },
      net::stream_framing::raw);
  if (!opened) return tl::unexpected(opened.error());
  listener_ = *opened;
  local_ = listener_->local();
  return local_;
}

void network_server::close() {
  if (listener_) listener_->close();
  listener_ = nullptr;
  for (auto& [id, c] : std::exchange(connections_, {})) {
    core_.closed(id, hooks_.now());
    c.link->close();
  }
  carry_out();
}

void network_server::accept(std::shared_ptr<net::stream_link> link) {
  const auto id = next_++;
  const auto from = link->remote();
  auto* raw = link.get();
  connections_[id].link = std::move(link);
  const auto me = weak_from_this();
  raw->start({.on_packet =
                  [me, id](const frame& chunk) {
                    if (const auto self = me.lock()) self->received(id, chunk);
                  },
              .on_writable =
                  [me, id] {
                    if (const auto self = me.lock()) self->write(id);
                  },
              .on_closed =
                  [me, id](const std::string&) {
                    if (const auto self = me.lock()) self->lost(id);
                  }});
  raw->grant(read_credits);
  core_.opened(id, protocol_ip(from), hooks_.now());
  carry_out();
}

void network_server::received(connection_id id, const frame& chunk) {
  if (!connections_.contains(id)) return;
  core_.received(id, chunk.view(), hooks_.now());
  carry_out();
  if (const auto it = connections_.find(id); it != connections_.end()) it->second.link->grant(1);
}

void network_server::lost(connection_id id) {
  if (connections_.erase(id) == 0) return;
  core_.closed(id, hooks_.now());
  carry_out();
}

void network_server::queue(connection_id id, byte_view data) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  auto& c = it->second;
  if (c.queued_bytes + data.size() > most_queued_bytes) return lost(id);
  for (; !data.empty(); data = data.subspan(std::min(data.size(), net::max_raw_send))) {
    const auto part = data.first(std::min(data.size(), net::max_raw_send));
    c.queue.push_back(frame::copy_of(part));
    c.queued_bytes += part.size();
  }
  write(id);
}

void network_server::write(connection_id id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  auto& c = it->second;
  while (!c.queue.empty() && c.link->send(c.queue.front())) {
    c.queued_bytes -= c.queue.front().size();
    c.queue.pop_front();
  }
}

void network_server::carry_out() {
  if (std::exchange(carrying_out_, true)) return;  // the call under way goes on with what was added
  for (auto effects = core_.take_effects(); !effects.empty(); effects = core_.take_effects())
    for (const auto& e : effects) {
      if (!e.data.empty()) queue(e.connection, e.data);
      const auto it = e.close ? connections_.find(e.connection) : connections_.end();
      if (it == connections_.end()) continue;
      it->second.link->close();
      connections_.erase(it);
    }
  carrying_out_ = false;
  const auto happened = core_.take_events();
  if (hooks_.on_event)
    for (const auto& e : happened) hooks_.on_event(e);
  if (const auto due = core_.next_due(); due && hooks_.wake_at) hooks_.wake_at(*due);
}

void network_server::tick() {
  core_.tick(hooks_.now());
  carry_out();
}

void network_server::control(const std::function<void(server_core&, time_ms)>& what) {
  what(core_, hooks_.now());
  carry_out();
  if (!core_.accepting() && listener_) {
    listener_->close();
    listener_ = nullptr;
  }
  if (core_.accepting() && !listener_)
    if (const auto again = listen(); !again && hooks_.on_event)
      hooks_.on_event({hooks_.now(), "cannot_listen", {}, {{"why", again.error().message}}});
}

}  // namespace vsf::soulseek::test_server
