#include <openssl/evp.h>

#include <array>

#include "net/soulseek/wire.hpp"

namespace vsf::soulseek {
namespace detail {

// The flag is four bytes from Nicotine+, one from older clients, and once wasn't there.
void put(writer& w, const to_server::join_room& x) {
  put(w, x.room);
  w.number<std::uint32_t>(x.is_private ? 1 : 0);
}
void get(reader& r, to_server::join_room& x) {
  get(r, x.room);
  if (r.rest.size() >= 4)
    x.is_private = r.u32() != 0;
  else if (!r.rest.empty())
    get(r, x.is_private);
}

bytes encode(const pointers<to_server::message>::type& m) { return encode_frame<std::uint32_t>(m); }

}  // namespace detail

tl::expected<to_server::message, fault> decode_to_server(byte_view frame) {
  return detail::decoder<to_server::message>::frame<std::uint32_t>({.rest = frame});
}

to_server::login make_login(std::string username, std::string password, std::uint32_t major_version,
                            std::uint32_t minor_version) {
  const auto both = username + password;
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  if (EVP_Digest(both.data(), both.size(), hash.data(), &size, EVP_md5(), nullptr) != 1)
    throw std::runtime_error("OpenSSL has no MD5, which Soulseek's login needs");
  auto md5 = to_hex(byte_view(hash).first(size));
  return {std::move(username), std::move(password), major_version, std::move(md5), minor_version};
}

}  // namespace vsf::soulseek
