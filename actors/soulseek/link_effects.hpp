#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "messages/frame.hpp"
#include "net/soulseek/types.hpp"

namespace vsf::soulseek {

using nanoseconds = std::chrono::nanoseconds;

/// A TCP link to another client, from the first attempt to its end. Never used twice; 0: none.
using link_id = std::uint64_t;
/// One encoded message with its length prefix; shared because a browse answer goes to many alike. Such a long
/// one goes on behind these bytes in pieces.
class shared_bytes {
 public:
  using pieces = std::shared_ptr<const std::vector<frame>>;

  shared_bytes() = default;
  explicit shared_bytes(bytes head, pieces tail = nullptr)
      : head_(std::make_shared<const bytes>(std::move(head))), tail_(std::move(tail)) {}

  explicit operator bool() const { return head_ != nullptr; }
  /// All of a message but its tail: what counts for whoever queues it, since the tail is there once for all.
  const bytes& operator*() const { return *head_; }
  const bytes* operator->() const { return head_.get(); }
  /// Null: there is none. No piece is empty.
  const pieces& tail() const { return tail_; }
  /// The same message, not one that reads the same.
  bool operator==(const shared_bytes&) const = default;

 private:
  std::shared_ptr<const bytes> head_;
  pieces tail_;
};
inline shared_bytes share(bytes encoded) { return shared_bytes(std::move(encoded)); }

/// The protocol knows IPv4 only. Port 0 where the wire says nothing a port can be.
inline endpoint wire_endpoint(std::uint32_t ip, std::uint32_t port) {
  return endpoint::v4(ip, port <= 0xFFFF ? static_cast<std::uint16_t>(port) : std::uint16_t{0});
}

// Effects that several parts of this component have in common.
/// Send this message to the server; dropped when there is no session.
struct tell_server {
  bytes message;
};
/// Send this on an established link.
struct send_link {
  link_id link = 0;
  shared_bytes message;
};
/// Close this link (or give up the attempt), after what was sent on it before. It isn't heard of any more.
struct close_link {
  link_id link = 0;
  std::string why;  // for a log
};

}  // namespace vsf::soulseek
