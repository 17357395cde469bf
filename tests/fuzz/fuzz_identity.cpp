// Certificates and identity files out of arbitrary bytes, and network names out of arbitrary text.

#include <cstdlib>

#include "actors/identity/certificate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vsf::identity;  // the project's own
  if (size == 0) return 0;
  const vsf::byte_view input(data + 1, size - 1);
  static const auto network = parse_network("fuzz/0").value();
  if (data[0] % 3 == 0) {
    const auto certificate = vsf::record<vsf::fb::Certificate>::parse_copy(input);
    if (!certificate) return 0;
    const auto got = verify_certificate(&**certificate, network);
    if (got && derive_node_id(got->identity, (*certificate)->nonce(), network) != got->node_id) std::abort();
  } else if (data[0] % 3 == 1) {
    const auto who = from_file_content(input, network);
    if (!who) return 0;
    const auto again = from_file_content(to_file_content(*who), network);
    if (!again || again->signing_key.seed != who->signing_key.seed || again->node_id != who->node_id)
      std::abort();
  } else {
    const std::string text(input.begin(), input.end());
    const auto parsed = parse_network(text);
    if (parsed && (parsed->name != text || text.size() > max_network_length)) std::abort();
  }
  return 0;
}
