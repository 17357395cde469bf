#include "messages/frame.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace vsf {

frame frame::allocate(std::size_t size) {
  // operator new aligns to 16: enough for FlatBuffers' 8.
  std::shared_ptr<void> owner(::operator new(std::max<std::size_t>(size, 1)),
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
