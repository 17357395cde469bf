#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <thread>

namespace boost::asio {
class io_context;
}

namespace vsf::net {

class io_core;

/// One thread that runs every socket operation and every network callback. It runs from construction to
/// stop(). Objects opened on a runtime may outlive it: they are closed by then, and refuse work with an
/// error.
class io_runtime {
 public:
  io_runtime();
  /// With that many large packets of all links in memory at a time (receive_buffers.hpp).
  explicit io_runtime(std::size_t most_buffers);
  /// stop(). On the io thread itself (the last owner was a callback) the thread ends by itself right after.
  ~io_runtime();
  io_runtime(const io_runtime&) = delete;
  io_runtime& operator=(const io_runtime&) = delete;

  /// Closes every port, listener and link (on_closed is called for each link that was started), fails what is
  /// being connected or resolved, then joins the thread; no callback afterwards. May be called twice and from
  /// any thread; on the io thread it only asks. A name look-up under way keeps its own thread until the
  /// system's resolver gives up.
  void stop();

  bool on_io_thread() const;
  /// For further users of Asio (HTTP). What they leave pending at stop() is destroyed with the context.
  boost::asio::io_context& context();
  const std::shared_ptr<io_core>& core() const { return core_; }

 private:
  std::shared_ptr<io_core> core_;
  std::mutex joining_;
  std::thread thread_;
};

}  // namespace vsf::net
