#pragma once

#include "messages/types.hpp"

namespace vsf {

/// Immutable bytes of which a process keeps one copy, however many hold them: who makes equal ones gets the
/// same. One pointer wide. Empty: nothing. They may carry other shared bytes, which belong to what is
/// compared. Safe from any thread.
class shared_bytes {
 public:
  shared_bytes() = default;
  static shared_bytes of(byte_view raw) { return of(raw, shared_bytes()); }
  static shared_bytes of(byte_view raw, shared_bytes part);

  shared_bytes(const shared_bytes& other) noexcept : node_(other.node_) { hold(node_); }
  shared_bytes(shared_bytes&& other) noexcept : node_(other.node_) { other.node_ = nullptr; }
  shared_bytes& operator=(shared_bytes other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~shared_bytes() {
    if (node_ != nullptr) release(node_);
  }

  explicit operator bool() const { return node_ != nullptr; }
  /// Aligned to 8.
  byte_view view() const;
  std::size_t size() const { return view().size(); }
  const shared_bytes& part() const;

  /// Equal bytes with equal parts are the same ones.
  friend bool operator==(const shared_bytes& a, const shared_bytes& b) { return a.node_ == b.node_; }

  /// How many different ones there are in this process.
  static std::size_t count();

 private:
  struct node;
  class table;
  static void hold(node* n) noexcept;
  static void release(node* n) noexcept;

  node* node_ = nullptr;
};

}  // namespace vsf
