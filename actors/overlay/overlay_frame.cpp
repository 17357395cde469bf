#include "actors/overlay/overlay_frame.hpp"

#include <cstring>

namespace vsf::overlay {
namespace {

std::uint32_t read_le(const std::uint8_t* at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= static_cast<std::uint32_t>(at[i]) << (8 * i);
  return value;
}

void write_le(std::uint8_t* at, std::uint32_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

void write_header(std::uint8_t* at, const bulk_header& header) {
  at[0] = static_cast<std::uint8_t>(frame_kind::bulk);
  at[1] = 0;
  write_le(at + 2, header.channel, 2);
  write_le(at + 4, header.request, 4);
  write_le(at + 8, header.first_leaf, 4);
  write_le(at + 12, header.count, 2);
  write_le(at + 14, 0, 2);
}

std::optional<parsed_frame> parse_bulk(const frame& plaintext) {
  if (plaintext.size() < bulk_header_size) return std::nullopt;
  const auto* at = plaintext.data();
  if (at[1] != 0) return unknown_frame{at[0]};
  bulk_frame out;
  out.header.channel = static_cast<std::uint16_t>(read_le(at + 2, 2));
  out.header.request = read_le(at + 4, 4);
  out.header.first_leaf = read_le(at + 8, 4);
  out.header.count = static_cast<std::uint16_t>(read_le(at + 12, 2));
  const auto size = plaintext.size() - bulk_header_size;
  if (out.header.channel == 0 || !leaves_fit(out.header.count, size)) return std::nullopt;
  out.body = plaintext.slice(bulk_header_size, size);
  return out;
}

}  // namespace

bool leaves_fit(std::uint16_t count, std::size_t size) {
  return count >= 1 && count <= max_leaves_per_frame && size > (count - 1u) * leaf_size &&
         size <= count * leaf_size;
}

std::optional<parsed_frame> parse_frame(const frame& plaintext) {
  if (plaintext.empty() || plaintext.size() > max_plaintext_size) return std::nullopt;
  const auto kind = plaintext.data()[0];
  if (kind == static_cast<std::uint8_t>(frame_kind::bulk)) return parse_bulk(plaintext);
  if (kind != static_cast<std::uint8_t>(frame_kind::control)) return unknown_frame{kind};
  if (plaintext.size() <= control_header_size) return std::nullopt;
  auto message = record<fb::OverlayMessage>::parse(
      plaintext.slice(control_header_size, plaintext.size() - control_header_size));
  if (!message) return std::nullopt;
  return *std::move(message);
}

std::optional<frame> build_control(const record<fb::OverlayMessage>& message) {
  const auto& raw = message.raw();
  if (raw.empty() || raw.size() > max_plaintext_size - control_header_size) return std::nullopt;
  auto out = frame::allocate(control_header_size + raw.size() + frame_tag_size);
  auto* at = out.mutable_data();
  std::memset(at, 0, control_header_size);
  std::memcpy(at + control_header_size, raw.data(), raw.size());
  return out;
}

std::optional<frame> build_bulk(const bulk_header& header, byte_view leaves) {
  if (!leaves_fit(header.count, leaves.size())) return std::nullopt;
  auto out = allocate_bulk(leaves.size());
  std::memcpy(bulk_room(out).data(), leaves.data(), leaves.size());
  write_header(out.mutable_data(), header);
  return out;
}

frame allocate_bulk(std::size_t leaf_bytes) {
  return frame::allocate(bulk_header_size + leaf_bytes + frame_tag_size);
}

std::span<std::uint8_t> bulk_room(frame& whole) {
  return whole.mutable_view().subspan(bulk_header_size, whole.size() - bulk_header_size - frame_tag_size);
}

bool finish_bulk(frame& whole, const bulk_header& header) {
  constexpr auto around = bulk_header_size + frame_tag_size;
  if (whole.size() < around || !leaves_fit(header.count, whole.size() - around)) return false;
  write_header(whole.mutable_data(), header);
  return true;
}

}  // namespace vsf::overlay
