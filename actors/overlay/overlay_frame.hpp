#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "messages/schemas.hpp"

namespace vsf::overlay {

/// What one AEAD frame may carry: Noise's 65,535 bytes without the tag.
inline constexpr std::size_t max_plaintext_size = 65'519;
inline constexpr std::size_t frame_tag_size = 16;
inline constexpr std::size_t leaf_size = 16 * 1024;
inline constexpr std::uint16_t max_leaves_per_frame = 3;

/// Byte 0 of a plaintext. Others are skipped and counted, so that later versions may add some.
enum class frame_kind : std::uint8_t { control = 0, bulk = 1 };
/// A control frame is this header (kind, 7 zeros) and an OverlayMessage, which so stays aligned to 8 in the
/// received buffer.
inline constexpr std::size_t control_header_size = 8;
/// A bulk frame is this header and 1..3 leaves of 16 KiB, the last of a file possibly shorter. Little-endian:
/// kind u8, flags u8 = 0, channel u16, request u32, first leaf u32, count u16, reserved u16 = 0.
inline constexpr std::size_t bulk_header_size = 16;

struct bulk_header {
  std::uint16_t channel = 0;
  std::uint32_t request = 0;
  std::uint32_t first_leaf = 0;
  std::uint16_t count = 0;
  bool operator==(const bulk_header&) const = default;
};
/// `body` shares the bytes of the received packet.
struct bulk_frame {
  bulk_header header;
  frame body;
};
/// Well formed, but of a later version of the protocol.
struct unknown_frame {
  std::uint8_t kind = 0;
};
using parsed_frame = std::variant<record<fb::OverlayMessage>, bulk_frame, unknown_frame>;

/// Reads a plaintext (without its tag) aligned to 8; nullopt: no frame that an honest peer would send.
std::optional<parsed_frame> parse_frame(const frame& plaintext);

/// A frame with its header and 16 free bytes at the end for the tag; nullopt: the message is longer than a
/// frame takes.
std::optional<frame> build_control(const record<fb::OverlayMessage>& message);
/// Copies `leaves`; nullopt: count and size don't fit each other.
std::optional<frame> build_bulk(const bulk_header& header, byte_view leaves);

/// An empty bulk frame with room for `leaf_bytes`, to be filled by whoever reads them from disk, so that they
/// needn't be copied: header, leaves, tag. leaf_bytes is at most 3 leaves.
frame allocate_bulk(std::size_t leaf_bytes);
/// The leaves' place in such a frame.
std::span<std::uint8_t> bulk_room(frame& whole);
/// Writes the header into such a frame; false: it was not made by allocate_bulk for `count` leaves.
bool finish_bulk(frame& whole, const bulk_header& header);

/// Does `size` bytes of leaves fit `count`: every leaf whole except perhaps the last.
bool leaves_fit(std::uint16_t count, std::size_t size);

}  // namespace vsf::overlay
