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
  std::shared_ptr<host> owner_;
  endpoint local_;
  std::size_t credits_;
  net::datagram_handler handler_;
};

class virtual_listener final : public net::stream_listener {
 public:
  virtual_listener(std::shared_ptr<host> owner, endpoint local,
                   std::function<void(std::shared_ptr<net::stream_link>)> on_accept);
  ~virtual_listener() override;

  endpoint local() const override { return local_; }
  void close() override;
  void accept(std::shared_ptr<virtual_link> link);

 private:
  std::shared_ptr<host> owner_;
  endpoint local_;
  std::function<void(std::shared_ptr<net::stream_link>)> on_accept_;
};

/// One end of a connection. Packets keep their order; a full window makes send() return false until the other
/// end took some, as TCP would.
class virtual_link final : public net::stream_link, public std::enable_shared_from_this<virtual_link> {
 public:
  virtual_link(std::uint64_t number, std::shared_ptr<host> owner, endpoint local, endpoint remote);

  /// Ties two ends together; each holds the other weakly, the hosts hold both until they are closed.
  static std::pair<std::shared_ptr<virtual_link>, std::shared_ptr<virtual_link>> make_pair(
      internet& net, const std::shared_ptr<host>& a, endpoint a_local, const std::shared_ptr<host>& b,
      endpoint b_local);

  endpoint remote() const override { return remote_; }
  void start(net::stream_handlers handlers) override;
  void grant(std::size_t packets) override;
  bool send(frame packet) override;
  void close() override;

  /// The end disappears without a word to the other (power loss).
  void vanish();
  /// The kernel closes it; the other end learns so after the way there.
  void shut(const std::string& why);

 private:
  void arrive(frame packet);
  void deliver();
  void taken(std::size_t size);
  void ended(const std::string& why);

  std::uint64_t number_;
  std::shared_ptr<host> owner_;
  endpoint local_, remote_;
  std::weak_ptr<virtual_link> other_;
  net::stream_handlers handlers_;
  std::deque<frame> arrived_;
  std::size_t credits_ = 0;
  std::size_t in_flight_ = 0;  // bytes sent that the other end has not taken
  bool starved_ = false;       // send() said no
  bool open_ = true;
  bool started_ = false;
  bool delivering_ = false;
  bool end_after_arrived_ = false;
  std::optional<std::string> end_pending_;  // ended before start()
  virtual_time last_arrival_{0};            // of what this end sent
};

}  // namespace vsf::sim
