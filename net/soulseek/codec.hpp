#pragma once

#include <type_traits>

#include "net/soulseek/from_server.hpp"
#include "net/soulseek/peer_messages.hpp"
#include "net/soulseek/to_server.hpp"

namespace vsf::soulseek {

/// What one zlib body may become. The ratio counts beyond the first 64 KiB.
struct inflate_limits {
  std::size_t size = 8UL << 20;  // bytes
  std::size_t ratio = 1100;      // inflated to compressed; deflate itself can't exceed about 1,032
};

/// Bounds on what strangers send over a P connection.
struct peer_limits {
  inflate_limits search_response{};
  inflate_limits folder_contents{};
  inflate_limits shares{256UL << 20};
  std::size_t results = 100'000;         // files of a search response, public and private ones each
  std::size_t listed_files = 1'000'000;  // of folder contents or a whole share list; folders as many
};

/// No list of any other message has more items than this.
inline constexpr std::size_t max_list_items = 1'000'000;

/// Each takes a frame without its length: the code and the body. Bytes after the last field are ignored.
tl::expected<to_server::message, fault> decode_to_server(byte_view frame);
tl::expected<from_server::message, fault> decode_from_server(byte_view frame);
tl::expected<init::message, fault> decode_init(byte_view frame);
tl::expected<peer::message, fault> decode_peer(byte_view frame, const peer_limits& limits = {});
tl::expected<distributed::message, fault> decode_distributed(byte_view frame);
/// What an embedded message holds: `inner_code` and `body` of either struct.
tl::expected<distributed::message, fault> decode_embedded(std::uint8_t inner_code, byte_view body);

namespace detail {
template <class Variant>
struct pointers;
template <class... Message>
struct pointers<std::variant<Message...>> {
  using type = std::variant<const Message*...>;
  template <class X>
  static constexpr bool has = !std::is_same_v<X, unknown> && (std::is_same_v<X, Message> || ...);
};

bytes encode(const pointers<to_server::message>::type& m);
bytes encode(const pointers<from_server::message>::type& m);
bytes encode(const pointers<init::message>::type& m);
bytes encode(const pointers<peer::message>::type& m);
bytes encode(const pointers<distributed::message>::type& m);

template <class X>
concept message_struct = pointers<to_server::message>::has<X> || pointers<from_server::message>::has<X> ||
    pointers<init::message>::has<X> || pointers<peer::message>::has<X> ||
    pointers<distributed::message>::has<X>;
}  // namespace detail

/// The whole frame of any message struct, ready for the socket: length, code and body, deflated where the
/// protocol wants it. An optional field after a missing one is left out too.
template <detail::message_struct X>
bytes encode(const X& message) {
  return detail::encode(&message);
}

/// The login for these; the MD5 is made here.
to_server::login make_login(std::string username, std::string password, std::uint32_t major_version,
                            std::uint32_t minor_version);

/// F connections have no frames: first the uploader's token, then the downloader's offset, then the file.
inline constexpr std::size_t token_size = 4;
inline constexpr std::size_t offset_size = 8;
bytes encode_token(std::uint32_t token);
bytes encode_offset(std::uint64_t offset);
/// From the first bytes of `raw`; truncated when there are too few.
tl::expected<std::uint32_t, fault> decode_token(byte_view raw);
tl::expected<std::uint64_t, fault> decode_offset(byte_view raw);

}  // namespace vsf::soulseek
