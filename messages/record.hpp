#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include <flatbuffers/flatbuffers.h>

#include "messages/frame.hpp"

namespace vsf {

/// The 4-byte file identifier that starts every record of type T; each root type declares its own with
/// VSF_RECORD.
template <class T>
struct record_identifier;
#define VSF_RECORD(type, id)                        \
  template <>                                       \
  struct record_identifier<fb::type> {              \
    static constexpr const char* value = id;        \
    static_assert(sizeof(id) == 5, "4 characters"); \
  }

inline constexpr std::size_t verifier_max_depth = 16;
inline constexpr std::size_t verifier_max_tables = 4096;

/// A verified FlatBuffers message: holding one proves that its bytes are a well-formed T. Cheap to copy; the
/// bytes are shared. Whoever only passes it on needs no more than a declaration of T. Fields may still be
/// null or out of range: whoever reads checks them.
template <class T>
class record {
 public:
  record() = default;

  /// nullopt: not a well-formed T (truncated, alien, misaligned or too deep).
  static std::optional<record> parse(frame raw) {
    if (raw.size() < 8 || reinterpret_cast<std::uintptr_t>(raw.data()) % 8 != 0) return std::nullopt;
    flatbuffers::Verifier verifier(raw.data(), raw.size(), verifier_max_depth, verifier_max_tables);
    if (!verifier.VerifyBuffer<T>(record_identifier<T>::value)) return std::nullopt;
    record out;
    out.root_ = flatbuffers::GetRoot<T>(raw.data());
    out.raw_ = std::move(raw);
    return out;
  }
  /// Copies first: for bytes of unknown alignment.
  static std::optional<record> parse_copy(byte_view raw) { return parse(frame::copy_of(raw)); }

  template <class Complete = T>
  static record pack(const typename Complete::NativeTableType& native) {
    flatbuffers::FlatBufferBuilder builder(256);
    builder.Finish(T::Pack(builder, &native), record_identifier<T>::value);
    auto owner = std::make_shared<flatbuffers::DetachedBuffer>(builder.Release());
    record out;
    out.root_ = flatbuffers::GetRoot<T>(owner->data());
    auto* data = owner->data();
    const auto size = owner->size();
    out.raw_ = frame(std::move(owner), data, size);
    return out;
  }

  auto unpack() const {
    typename T::NativeTableType native;
    root_->UnPackTo(&native);
    return native;
  }

  explicit operator bool() const { return root_ != nullptr; }
  const T* operator->() const { return root_; }
  const T& operator*() const { return *root_; }
  const frame& raw() const { return raw_; }

 private:
  frame raw_;
  const T* root_ = nullptr;
};

}  // namespace vsf
