#pragma once

#include <concepts>
#include <string_view>

#include "messages/types.hpp"

namespace vsf::storage {

/// Builds a key from parts so that the order of the bytes is the order of the parts: integers are big-endian,
/// fixed bytes as they are, and text of variable length may only come last.
class key_builder {
 public:
  key_builder& byte(std::uint8_t x) {
    key_.push_back(x);
    return *this;
  }
  template <std::unsigned_integral U>
  key_builder& number(U x) {
    for (std::size_t i = sizeof(U); i-- > 0;) key_.push_back(static_cast<std::uint8_t>(x >> (8 * i)));
    return *this;
  }
  key_builder& raw(byte_view x) {
    key_.insert(key_.end(), x.begin(), x.end());
    return *this;
  }
  template <std::size_t N, class Tag>
  key_builder& fixed(const fixed_bytes<N, Tag>& x) {
    return raw(x.view());
  }
  key_builder& text(std::string_view x) {
    key_.insert(key_.end(), x.begin(), x.end());
    return *this;
  }
  const bytes& view() const { return key_; }
  bytes take() { return std::move(key_); }

 private:
  bytes key_;
};

/// Takes a key apart again. Reading past the end gives nullopt and leaves the reader where it was.
class key_reader {
 public:
  explicit key_reader(byte_view key) : rest_(key) {}
  template <std::unsigned_integral U>
  std::optional<U> number() {
    if (rest_.size() < sizeof(U)) return std::nullopt;
    U out = 0;
    for (std::size_t i = 0; i < sizeof(U); ++i) out = static_cast<U>((std::uint64_t{out} << 8) | rest_[i]);
    rest_ = rest_.subspan(sizeof(U));
    return out;
  }
  template <class Fixed>
  std::optional<Fixed> fixed() {
    if (rest_.size() < Fixed::length) return std::nullopt;
    auto out = Fixed::from(rest_.first(Fixed::length));
    rest_ = rest_.subspan(Fixed::length);
    return out;
  }
  /// Everything that is left.
  std::string text() {
    std::string out(rest_.begin(), rest_.end());
    rest_ = {};
    return out;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  byte_view rest_;
};

inline byte_view view_of_text(std::string_view x) {
  return {reinterpret_cast<const std::uint8_t*>(x.data()), x.size()};
}

/// The least key greater than every key that starts with `prefix`; empty (the end of the family) when there
/// is none.
inline bytes end_of_prefix(byte_view prefix) {
  bytes out(prefix.begin(), prefix.end());
  while (!out.empty() && out.back() == 0xFF) out.pop_back();
  if (!out.empty()) ++out.back();
  return out;
}

}  // namespace vsf::storage
