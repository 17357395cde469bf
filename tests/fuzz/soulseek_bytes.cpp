// Bytes of strangers as Soulseek: frames cut anywhere, messages of every family, share lists, obfuscation.
#include <algorithm>
#include <cstdlib>

#include "net/soulseek/deflate.hpp"
#include "net/soulseek/frame_splitter.hpp"
#include "net/soulseek/obfuscation.hpp"
#include "net/soulseek/shares.hpp"

namespace {

using namespace vsf;
using namespace vsf::soulseek;

void require(bool holds) {
  if (!holds) std::abort();
}

/// What was understood can be written, and is then understood the same way.
template <class Decode>
void read_write_read(byte_view frame, Decode decode) {
  const auto read = decode(frame);
  if (!read) return;
  const auto framed = std::visit(
      []<class M>(const M& m) {
        if constexpr (std::is_same_v<M, unknown>)
          return bytes();
        else
          return encode(m);
      },
      *read);
  if (framed.empty()) return;
  const auto again = decode(byte_view(framed).subspan(4));
  require(again && *again == *read);
}

peer_limits small_limits() {
  peer_limits out;
  out.search_response.size = out.folder_contents.size = out.shares.size = 1UL << 20;
  out.results = out.listed_files = 1000;
  return out;
}

void any_family(byte_view frame) {
  read_write_read(frame, [](byte_view x) { return decode_to_server(x); });
  read_write_read(frame, [](byte_view x) { return decode_from_server(x); });
  read_write_read(frame, [](byte_view x) { return decode_init(x); });
  read_write_read(frame, [](byte_view x) { return decode_distributed(x); });
  read_write_read(frame, [](byte_view x) { return decode_peer(x, small_limits()); });
  if (!frame.empty()) decode_embedded(frame[0], frame.subspan(1));
}

/// Deflated here, so that what is behind zlib is reached.
void deflated_body(std::uint8_t which, byte_view plain) {
  static constexpr std::uint32_t codes[] = {5, 9, 37};
  auto frame = encode_token(codes[which % 3]);
  detail::deflate(plain, frame);
  read_write_read(frame, [](byte_view x) { return decode_peer(x, small_limits()); });
}

void share_list(byte_view input, bool deflate_first) {
  bytes body(input.begin(), input.end());
  if (deflate_first) {
    body.clear();
    detail::deflate(input, body);
  }
  std::size_t files = 0;
  shares_reader::limits limits;
  limits.inflate.size = 1UL << 20;
  limits.part_files = 16;
  shares_reader reader(limits, [&](folder&& part, bool) {
    require(part.files.size() <= 16);
    files += part.files.size();
  });
  for (byte_view rest = body; !rest.empty();) {
    const auto part = rest.first(std::min<std::size_t>(rest.size(), 1 + rest[0] % 64U));
    if (!reader.feed(part)) return;
    rest = rest.subspan(part.size());
  }
  if (reader.finish()) require(files * 21 <= limits.inflate.size);
}

/// Cut into pieces and obfuscated or not, the frames are the same.
void stream(byte_view input, bool obfuscated) {
  deobfuscator plain;
  const auto all = obfuscated ? plain.feed(input) : bytes(input.begin(), input.end());
  frame_splitter whole(4096, narrow_code);
  whole.feed(all);
  frame_splitter pieces(4096, narrow_code);
  std::size_t frames = 0;
  for (byte_view rest = all; !rest.empty();) {
    const auto part = rest.first(std::min<std::size_t>(rest.size(), 1 + rest[0] % 16U));
    rest = rest.subspan(part.size());
    pieces.feed(part);
    while (const auto frame = pieces.next()) {
      ++frames;
      const auto other = whole.next();
      require(other && std::equal(frame->begin(), frame->end(), other->begin(), other->end()));
      any_family(*frame);
    }
    require(pieces.error() || pieces.buffered() < 4 + 4096);
  }
  require(!whole.next());
  require(whole.error() == pieces.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const byte_view input{data + 1, size - 1};
  switch (data[0] % 6) {
    case 0:
      any_family(input);
      break;
    case 1:
      deflated_body(input[0], input.subspan(1));
      break;
    case 2:
      share_list(input, true);
      break;
    case 3:
      share_list(input, false);
      break;
    case 4:
      stream(input, false);
      break;
    default:
      stream(input, true);
      break;
  }
  return 0;
}
