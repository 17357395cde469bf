#include "net/asio/receive_buffers.hpp"

#include <algorithm>
#include <utility>

namespace vsf::net {

frame receive_buffers::take(std::size_t size, const account& whose, std::function<void()> again) {
  if (size <= small_packet) return frame::allocate(size);
  {
    std::lock_guard lock(mutex_);
    if (used_ >= most_ && whose->load() != 0) {
      waiting_[whose] = std::move(again);
      return {};
    }
    ++used_;
    whose->fetch_add(1);
  }
  auto memory = frame::allocate(size);
  auto* data = memory.mutable_data();
  std::shared_ptr<void> owner(data,
                              [self = shared_from_this(), whose, memory = std::move(memory)](void*) mutable {
                                memory = {};
                                self->give_back(whose);
                              });
  return {std::move(owner), data, size};
}

void receive_buffers::give_back(const account& whose) {
  std::map<account, std::function<void()>> woken;
  {
    std::lock_guard lock(mutex_);
    --used_;
    const bool may_have_one = whose->fetch_sub(1) == 1;
    // Not at the first free one: links that read a packet at a time would switch threads for each.
    if ((most_ - std::min(most_, used_)) * 4 >= most_)
      woken.swap(waiting_);
    else if (may_have_one)
      if (auto waiter = waiting_.extract(whose)) woken.insert(std::move(waiter));
  }
  for (auto& [whoever, again] : woken) again();
}

void receive_buffers::forget(const account& whose) {
  std::lock_guard lock(mutex_);
  waiting_.erase(whose);
}

std::size_t receive_buffers::in_use() const {
  std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace vsf::net
