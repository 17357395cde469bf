#include "messages/frame.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

namespace vsf {

namespace {

/// Large frames live for a millisecond and are freed by another thread than the one that asked for them: the
/// last one given back is taken first, since the processor's cache still has it, and the heap neither grows
/// nor shrinks with each.
class large_frames {
 public:
  static constexpr std::size_t least = 16 * 1024;
  static constexpr std::size_t slot = 64 * 1024;
  static constexpr std::size_t most_kept = 64;

  void* take() {
    {
      std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto* out = free_.back();
        free_.pop_back();
        return out;
      }
    }
    return ::operator new(slot);
  }
  void give(void* memory) {
    {
      std::lock_guard lock(mutex_);
      if (free_.size() < most_kept) {
        free_.push_back(memory);
        return;
      }
    }
    ::operator delete(memory);
  }

 private:
  std::mutex mutex_;
  std::vector<void*> free_;
};

/// Never destroyed: a frame may outlive everything else.
large_frames& kept_frames() {
  static auto* const frames = new large_frames;
  return *frames;
}

}  // namespace

frame frame::allocate(std::size_t size) {
  // operator new aligns to 16: enough for FlatBuffers' 8.
  const bool large = size >= large_frames::least && size <= large_frames::slot;
  std::shared_ptr<void> owner =
      large ? std::shared_ptr<void>(kept_frames().take(), [](void* p) { kept_frames().give(p); })
            : std::shared_ptr<void>(::operator new(std::max<std::size_t>(size, 1)),
                                    [](void* p) { ::operator delete(p); });
  auto* data = static_cast<std::uint8_t*>(owner.get());
  return {std::move(owner), data, size};
}

frame frame::copy_of(byte_view raw) {
  auto out = allocate(raw.size());
  if (!raw.empty()) std::memcpy(out.mutable_data(), raw.data(), raw.size());
  return out;
}

frame frame::slice(std::size_t offset, std::size_t size) const {
  offset = std::min(offset, size_);
  size = std::min(size, size_ - offset);
  return {owner_, data_ + offset, size};
}

}  // namespace vsf
