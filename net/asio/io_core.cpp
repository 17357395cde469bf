#include "net/asio/io_core.hpp"

#include <future>
#include <vector>

namespace vsf::net {

namespace {
thread_local const io_core* running_core = nullptr;
}

bool io_core::on_io_thread() const { return running_core == this; }

void io_core::run_and_wait(const std::function<void()>& task) {
  if (on_io_thread()) return task();
  auto done = std::make_shared<std::promise<void>>();
  auto waiting = done->get_future();
  if (post([&task, done] {
        task();
        done->set_value();
      })) {
    waiting.wait();
    return;
  }
  {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return finished_; });
  }
  task();
}

std::uint64_t io_core::add(std::weak_ptr<io_object> object) {
  std::lock_guard lock(mutex_);
  if (stopping_) return 0;
  objects_.emplace(++last_id_, std::move(object));
  return last_id_;
}

void io_core::remove(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  objects_.erase(id);
}

void io_core::begin_stop() {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  stopping_ = true;
  boost::asio::post(context_, [this] { shut_down_all(); });
}

void io_core::shut_down_all() {
  std::vector<std::shared_ptr<io_object>> objects;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, weak] : objects_)
      if (auto object = weak.lock()) objects.push_back(std::move(object));
    objects_.clear();
  }
  for (auto& object : objects) object->shut_down();
  // A plain end of work would wait for name look-ups, which can't be broken off.
  boost::asio::post(context_, [this] { context_.stop(); });
}

void io_core::run() {
  running_core = this;
  context_.run();
  // What the closing cancelled is still queued and holds its objects.
  do {
    context_.restart();
  } while (context_.poll() > 0);
  running_core = nullptr;
  std::lock_guard lock(mutex_);
  finished_ = true;
  ended_.notify_all();
}

}  // namespace vsf::net
