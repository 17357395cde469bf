#pragma once

#include <utility>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "net/asio/receive_buffers.hpp"

namespace vsf::net {

/// Something with operations under way. When the runtime stops it is told so once, on the io thread.
class io_object {
 public:
  virtual ~io_object() = default;
  virtual void shut_down() = 0;
};

/// What ports and links share with the runtime: the context and the rules of stopping. Every handler that
/// holds an object goes through here, so that after the stop nothing stays queued that would keep object and
/// context alive in a cycle.
class io_core {
 public:
  /// Counts what is under way against a bound; shared, since a name look-up may outlive the core's owner.
  using tally = std::atomic<std::size_t>;

  /// `most_buffers` large packets are in memory at a time.
  explicit io_core(std::size_t most_buffers) : buffers(std::make_shared<receive_buffers>(most_buffers)) {}

  boost::asio::io_context& context() { return context_; }
  bool on_io_thread() const;

  /// Runs `task` on the io thread, later. false: stopping, the task was not taken.
  template <class Task>
  bool post(Task&& task) {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    boost::asio::post(context_, std::forward<Task>(task));
    return true;
  }
  /// Runs `task` on the io thread and returns when it is done; on the io thread at once. After the stop in
  /// the calling thread, when the io thread has ended.
  void run_and_wait(const std::function<void()>& task);

  /// Asks for shut_down(). 0: stopping already.
  std::uint64_t add(std::weak_ptr<io_object> object);
  void remove(std::uint64_t id);

  void begin_stop();
  /// The body of the io thread.
  void run();

  const std::shared_ptr<tally> connects = std::make_shared<tally>(0);
  const std::shared_ptr<tally> resolves = std::make_shared<tally>(0);
  const std::shared_ptr<receive_buffers> buffers;

 private:
  void shut_down_all();

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stopping_ = false;
  bool finished_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::weak_ptr<io_object>> objects_;
};

/// A shared pointer for the owner of `object`: when its last copy goes, object->released() is called, while
/// handlers under way keep the object itself alive.
template <class Interface, class Object>
std::shared_ptr<Interface> owner_handle(std::shared_ptr<Object> object) {
  auto* raw = object.get();
  return std::shared_ptr<Interface>(raw, [object = std::move(object)](Interface*) mutable {
    object->released();
    object.reset();
  });
}

}  // namespace vsf::net
