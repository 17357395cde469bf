#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "messages/frame.hpp"

namespace vsf::net {

/// Bounds what all links of a network hold together of large packets, from the first byte received until
/// their last owner lets go. A buffer is the credit: while none is free a link doesn't read, and TCP slows
/// its sender down. A link that holds none always gets one, so that links which never complete a packet can't
/// keep the others from going on; the memory is therefore at most `most` buffers and one for each link.
class receive_buffers : public std::enable_shared_from_this<receive_buffers> {
 public:
  /// Packets up to this size are not counted.
  static constexpr std::size_t small_packet = 8 * 1024;

  explicit receive_buffers(std::size_t most) : most_(most) {}

  /// One link's account.
  using account = std::shared_ptr<std::atomic<std::size_t>>;
  static account open_account() { return std::make_shared<std::atomic<std::size_t>>(0); }

  /// A frame of `size` bytes; an empty one if none is free: `again` is then called once, from any thread,
  /// when it is worth asking anew.
  frame take(std::size_t size, const account& whose, std::function<void()> again);
  /// The link is gone: it no longer waits.
  void forget(const account& whose);

  std::size_t in_use() const;

 private:
  void give_back(const account& whose);

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::size_t used_ = 0;
  std::map<account, std::function<void()>> waiting_;
};

}  // namespace vsf::net
