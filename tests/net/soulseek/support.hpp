#pragma once

#include <fstream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <nlohmann/json.hpp>

#include "net/soulseek/codec.hpp"
#include "net/soulseek/deflate.hpp"
#include "net/soulseek/fields.hpp"
#include "net/soulseek/frame_splitter.hpp"

namespace vsf::soulseek::tests {

inline nlohmann::json vectors_of(const std::string& name) {
  std::ifstream file(VSF_SOURCE_DIR "/tests/net/soulseek/vectors/soulseek_" + name + ".json");
  return nlohmann::json::parse(file).at("vectors");
}

inline bytes hex_of(const nlohmann::json& vector) {
  return from_hex(vector.at("hex").get<std::string>()).value();
}

/// The four families of frames, so that one test runs over all of them.
struct to_server_frames {
  using message = to_server::message;
  static constexpr auto code_size = wide_code;
  static tl::expected<message, fault> decode(byte_view frame) { return decode_to_server(frame); }
};
struct from_server_frames {
  using message = from_server::message;
  static constexpr auto code_size = wide_code;
  static tl::expected<message, fault> decode(byte_view frame) { return decode_from_server(frame); }
};
struct init_frames {
  using message = init::message;
  static constexpr auto code_size = narrow_code;
  static tl::expected<message, fault> decode(byte_view frame) { return decode_init(frame); }
};
struct peer_frames {
  using message = peer::message;
  static constexpr auto code_size = wide_code;
  static tl::expected<message, fault> decode(byte_view frame) { return decode_peer(frame); }
};
struct distributed_frames {
  using message = distributed::message;
  static constexpr auto code_size = narrow_code;
  static tl::expected<message, fault> decode(byte_view frame) { return decode_distributed(frame); }
};

/// The frame of whatever a variant holds; empty for unknown.
template <class Message>
bytes encode_any(const Message& m) {
  return std::visit(
      []<class One>(const One& one) {
        if constexpr (std::is_same_v<One, unknown>)
          return bytes();
        else
          return encode(one);
      },
      m);
}

/// Of a P frame with a zlib body: the code and the body inflated. Others: the frame without its length.
inline bytes plain_of(byte_view framed) {
  const auto code = framed[4];
  bytes out(framed.begin() + 4, framed.begin() + 8);
  if (code != 5 && code != 9 && code != 37) return {framed.begin() + 4, framed.end()};
  const auto body = detail::inflate(framed.subspan(8), {}).value();
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

inline byte_view unframed(byte_view framed) { return framed.subspan(4); }

}  // namespace vsf::soulseek::tests
