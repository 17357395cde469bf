#pragma once

#include <deque>

#include "sim/internet.hpp"

namespace vsf::sim {

class virtual_port final : public net::datagram_port, public std::enable_shared_from_this<virtual_port> {
 public:
  virtual_port(std::shared_ptr<host> owner, endpoint local, std::size_t credits,
               net::datagram_handler handler);
  ~virtual_port() override;

  endpoint local() const override { return local_; }
  bool send(const endpoint& to, frame payload) override;
  void consumed(std::size_t count) override;
  void close() override;
  void deliver(const endpoint& from, const frame& payload);

 private:
  /// Schedules the arrival of what leaves the access link then, and of its copy if it has one.
  void post(virtual_time leaves, const packet_fate& fate, const std::shared_ptr<host>& receiver,
            const endpoint& from, const endpoint& to, byte_view payload);

  std::shared_ptr<host> owner_;
  endpoint local_;
  std::size_t credits_;
  net::datagram_handler handler_;
};

class virtual_listener final : public net::stream_listener {
 public:
  virtual_listener(std::shared_ptr<host> owner, endpoint local,
                   std::function<void(std::shared_ptr<net::stream_link>)> on_accept,
                   net::stream_framing framing);
  ~virtual_listener() override;

  endpoint local() const override { return local_; }
  void close() override;
  void accept(std::shared_ptr<virtual_link> link);
  net::stream_framing framing() const { return framing_; }

 private:
  std::shared_ptr<host> owner_;
  endpoint local_;
  std::function<void(std::shared_ptr<net::stream_link>)> on_accept_;
  net::stream_framing framing_;
};

/// One end of a connection. Packets keep their order; a raw stream keeps that of its bytes and is cut and
/// joined at random, so that nobody relies on how it was sent. A full window makes send() return false until
/// the other end took some, as TCP would. What a partition swallows stays with the receiving end as what TCP
/// will send again.
class virtual_link final : public net::stream_link, public std::enable_shared_from_this<virtual_link> {
 public:
  /// Who an end belongs to, what the peer takes it for, and what it reads and writes.
  struct side {
    std::shared_ptr<host> owner;
    endpoint seen_as;
    net::stream_framing framing{};
  };
  virtual_link(std::uint64_t number, const side& own, const side& peer);
  ~virtual_link() override;

  using pair = std::pair<std::shared_ptr<virtual_link>, std::shared_ptr<virtual_link>>;
  /// Ties two ends together; each holds the other weakly, the hosts hold both until they are closed.
  static pair make_pair(internet& net, const side& a, const side& b);

  endpoint remote() const override { return remote_; }
  void start(net::stream_handlers handlers) override;
  void grant(std::size_t packets) override;
  bool send(frame packet) override;
  void close() override;

  /// The end disappears without a word to the other (power loss).
  void vanish();
  /// The kernel closes it; the other end learns so after the way there.
  void shut(const std::string& why);
  /// A partition ended: this end goes on if no other one is between the two.
  void resume();
  /// This end's translator forgot the connection.
  void lose_path();
  /// Within a host: no translator has to do with it.
  void on_loopback();

 private:
  void reach(frame packet);
  void reach_end();
  void pass(frame packet);
  void pass_end();
  void arrive(frame packet);
  void deliver();
  bool raw() const { return framing_ == net::stream_framing::raw; }
  /// What reading gives next: a packet, or some of the bytes that are here.
  frame next_arrived();
  frame next_raw();
  void acknowledge(std::size_t size);
  void taken(std::size_t size);
  void ended(const std::string& why);
  void stall_begins();
  bool stalls() const { return !stalled_.empty() || end_stalled_ || unacknowledged_ != 0; }
  void release();
  void reset();

  std::uint64_t number_;
  std::shared_ptr<host> owner_, peer_;
  endpoint seen_as_, remote_;
  net::stream_framing framing_, peer_framing_;
  std::weak_ptr<virtual_link> other_;
  net::stream_handlers handlers_;
  std::deque<frame> arrived_;
  bool held_ = false;  // what arrived waits a moment for what follows it
  std::size_t credits_ = 0;
  std::size_t in_flight_ = 0;  // bytes sent that the other end has not taken
  bool starved_ = false;       // send() said no
  bool open_ = true;
  bool started_ = false;
  bool delivering_ = false;
  bool end_after_arrived_ = false;
  std::optional<std::string> end_pending_;  // ended before start()
  virtual_time last_arrival_{0};            // of what this end sent

  bool translated_;                 // its host's translator holds a mapping for it
  bool path_lost_ = false;          // or does so no more, at one of the ends
  bool reset_due_ = false;          // the reset is on its way
  std::deque<frame> stalled_;       // sent to this end and swallowed by a partition; the window bounds it
  bool end_stalled_ = false;        // likewise the end of the stream
  std::size_t unacknowledged_ = 0;  // bytes taken here of which the other end couldn't be told
  virtual_time stalled_since_{0};
};

}  // namespace vsf::sim
