#include "net/asio/io_runtime.hpp"

#include <pthread.h>
#include <signal.h>

#include "net/asio/asio_network.hpp"
#include "net/asio/io_core.hpp"

namespace vsf::net {

namespace {

/// Signals belong to the main thread: a new thread inherits the mask of its creator.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

io_runtime::io_runtime() : io_runtime(asio_limits::receive_buffers) {}

io_runtime::io_runtime(std::size_t most_buffers) : core_(std::make_shared<io_core>(most_buffers)) {
  signals_blocked scope;
  thread_ = std::thread([core = core_] { core->run(); });
  pthread_setname_np(thread_.native_handle(), "vsf-io");
}

io_runtime::~io_runtime() {
  stop();
  if (thread_.joinable()) thread_.detach();  // only on the io thread; it holds the core until it ends
}

void io_runtime::stop() {
  core_->begin_stop();
  if (core_->on_io_thread()) return;
  std::lock_guard lock(joining_);
  if (thread_.joinable()) thread_.join();
}

bool io_runtime::on_io_thread() const { return core_->on_io_thread(); }

boost::asio::io_context& io_runtime::context() { return core_->context(); }

}  // namespace vsf::net
