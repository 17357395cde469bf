#pragma once

#include <utility>

#include <array>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "net/asio/io_core.hpp"
#include "net/network.hpp"

namespace vsf::net {

/// One TCP connection, of length-prefixed packets (u16 big-endian) or of raw bytes.
///
/// Receiving: a recv takes the rest of the packet straight into its frame and, in the same call, what follows
/// it into a small staging buffer: two bytes (the next length) behind a large packet, so that nothing large
/// is ever copied, the whole buffer otherwise, so that a burst of small packets costs one call. Nothing is
/// read without a credit. Of a raw stream a recv takes what there is into a buffer that is handed on as it
/// is; little is copied out, so that it doesn't hold a large buffer, and a link that waits holds none.
/// Sending: up to 8 packets a sendmsg, from the io thread.
class tcp_stream final : public stream_link,
                         public io_object,
                         public std::enable_shared_from_this<tcp_stream> {
 public:
  /// Takes a connected socket; on the io thread. `until_started` is dropped by start() (see tcp_listener).
  static std::shared_ptr<stream_link> adopt(std::shared_ptr<io_core> core,
                                            std::shared_ptr<stream_counters> counters,
                                            boost::asio::ip::tcp::socket socket, const endpoint& remote,
                                            stream_framing framing, std::shared_ptr<void> until_started);
  tcp_stream(std::shared_ptr<io_core> core, std::shared_ptr<stream_counters> counters,
             boost::asio::ip::tcp::socket socket, const endpoint& remote, stream_framing framing,
             std::shared_ptr<void> until_started);

  endpoint remote() const override { return remote_; }
  void start(stream_handlers handlers) override;
  void grant(std::size_t packets) override;
  bool send(frame packet) override;
  void close() override;
  void shut_down() override;
  void released();

 private:
  static constexpr std::size_t send_batch = 8;
  static constexpr std::size_t staging_size = 8192;
  enum class state { open, closing, done };
  enum class io_step { again, wait, stop };

  // tcp_stream.cpp: life
  void begin(stream_handlers handlers);
  void begin_close();
  void finish(const std::string& why);
  bool silent() const { return abandoned_ || !started_; }
  bool raw() const { return framing_ == stream_framing::raw; }
  std::size_t length_size() const { return raw() ? 0 : 2; }

  // tcp_stream_read.cpp
  void read_turn();
  bool have_credit();
  bool take_staged();
  bool take_length();
  bool take_buffer(std::size_t size);
  void deliver();
  io_step receive();
  io_step receive_raw(std::size_t& size);
  io_step discard();
  void peer_ended();
  void wait_readable();

  // tcp_stream_write.cpp
  void write_turn();
  bool fill_batch();
  io_step send_batched();
  void release_batch();
  void all_written();

  const std::shared_ptr<io_core> core_;
  const std::shared_ptr<stream_counters> counters_;
  const endpoint remote_;
  const stream_framing framing_;

  // The io thread's.
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer close_timer_;
  stream_handlers handlers_;
  std::shared_ptr<void> until_started_;
  std::uint64_t id_ = 0;
  state state_ = state::open;
  std::string closed_why_;
  bool started_ = false;
  bool abandoned_ = false;  // the owner let go: no more callbacks
  bool waiting_read_ = false;
  bool waiting_write_ = false;
  bool write_ended_ = false;  // everything is sent and the peer told so
  bool read_ended_ = false;   // while closing: the peer has ended too

  std::array<std::uint8_t, staging_size> staged_;
  std::size_t staged_begin_ = 0, staged_end_ = 0;
  const receive_buffers::account held_ = receive_buffers::open_account();
  frame packet_;  // being received; of a raw stream where the next bytes go
  std::size_t packet_got_ = 0;

  std::array<frame, send_batch> batch_;
  std::array<std::array<std::uint8_t, 2>, send_batch> batch_lengths_;
  std::size_t batch_size_ = 0, batch_sent_bytes_ = 0, batch_bytes_ = 0;

  // Any thread's. A grant that finds the reader paused wakes it; both sides look twice, so none is lost.
  std::atomic<std::size_t> credits_{0};
  std::atomic<bool> read_paused_{true};
  std::atomic<bool> close_asked_{false};
  std::atomic<bool> finished_{false};

  std::mutex sending_;  // guards what follows
  std::deque<frame> queue_;
  std::size_t queued_packets_ = 0, queued_bytes_ = 0;  // with the batch on its way
  bool accepts_ = true;
  bool writing_ = false;   // a write_turn is posted, runs or waits
  bool was_full_ = false;  // on_writable is owed
};

}  // namespace vsf::net
