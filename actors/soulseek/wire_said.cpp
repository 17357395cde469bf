#include "actors/soulseek/wire_said.hpp"

namespace vsf::soulseek {
namespace {

bytes wire(const said::queue_upload& x) { return encode(peer::queue_upload{x.path}); }
bytes wire(const said::offer& x) {
  return encode(peer::transfer_request{transfer_direction::upload, x.token, x.path, x.size_bytes});
}
bytes wire(const said::legacy_request& x) {
  return encode(peer::transfer_request{transfer_direction::download, x.token, x.path, std::nullopt});
}
bytes wire(const said::response& x) {
  peer::transfer_response out{x.token, x.allowed, std::nullopt, std::nullopt};
  if (!x.allowed) out.reason = x.reason;
  return encode(out);
}
bytes wire(const said::place_request& x) { return encode(peer::place_in_queue_request{x.path}); }
bytes wire(const said::place& x) { return encode(peer::place_in_queue_response{x.path, x.place}); }
bytes wire(const said::upload_failed& x) { return encode(peer::upload_failed{x.path}); }
bytes wire(const said::upload_denied& x) { return encode(peer::upload_denied{x.path, x.reason}); }

struct reader {
  using answer = std::optional<said::message>;
  answer operator()(const peer::queue_upload& m) const { return said::queue_upload{m.file}; }
  answer operator()(const peer::transfer_request& m) const {
    if (m.direction == transfer_direction::download) return said::legacy_request{m.token, m.file};
    return said::offer{m.token, m.file, m.size.value_or(0)};
  }
  answer operator()(const peer::transfer_response& m) const {
    return said::response{m.token, m.allowed, m.reason.value_or("")};
  }
  answer operator()(const peer::place_in_queue_request& m) const { return said::place_request{m.file}; }
  answer operator()(const peer::place_in_queue_response& m) const { return said::place{m.file, m.place}; }
  answer operator()(const peer::upload_failed& m) const { return said::upload_failed{m.file}; }
  answer operator()(const peer::upload_denied& m) const { return said::upload_denied{m.file, m.reason}; }
  template <class Other>
  answer operator()(const Other&) const {
    return std::nullopt;
  }
};

}  // namespace

shared_bytes encode_said(const said::message& what) {
  return share(std::visit([](const auto& x) { return wire(x); }, what));
}

std::optional<said::message> said_by(const peer::message& message) { return std::visit(reader{}, message); }

}  // namespace vsf::soulseek
