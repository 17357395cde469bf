#include "net/soulseek/deflate.hpp"
#include "net/soulseek/shares.hpp"
#include "net/soulseek/wire.hpp"

namespace vsf::soulseek {
namespace detail {

/// A zlib body of which `fill` writes the plain one.
template <class Fill>
void put_deflated(writer& w, Fill fill) {
  bytes plain;
  writer inner{plain};
  fill(inner);
  deflate(plain, w.out);
}
/// Reads such a one.
template <class Read>
void get_inflated(reader& r, const inflate_limits& limits, std::size_t files, Read read) {
  const auto plain = inflate(r.take(r.rest.size()), limits);
  if (!plain) return r.fail(plain.error());
  reader inner{.rest = *plain, .files_left = files};
  read(inner);
  if (inner.bad) r.fail(*inner.bad);
}

void put(writer& w, const peer::shared_file_list_response& x) {
  std::optional<std::uint32_t> hidden;
  if (x.private_folders) hidden = static_cast<std::uint32_t>(x.private_folders->size());
  shares_writer shares(
      static_cast<std::uint32_t>(x.folders.size()), hidden, [&](byte_view chunk) { w.raw(chunk); },
      x.unknown);
  for (const auto& f : x.folders) shares.add_folder(f);
  if (x.private_folders)
    for (const auto& f : *x.private_folders) shares.add_folder(f);
  shares.finish();
}
void get(reader& r, peer::shared_file_list_response& x) {
  shares_reader::limits bounds{.inflate = r.limits->shares};
  bounds.folders = bounds.files = r.limits->listed_files;
  bounds.part_files = bounds.part_size = std::numeric_limits<std::size_t>::max();
  std::vector<folder> hidden;
  shares_reader shares(bounds, [&](folder&& f, bool is_private) {
    (is_private ? hidden : x.folders).push_back(std::move(f));
  });
  if (const auto read = shares.feed(r.take(r.rest.size())); !read) return r.fail(read.error());
  if (const auto done = shares.finish(); !done) return r.fail(done.error());
  x.unknown = shares.unknown();
  if (shares.has_private()) x.private_folders = std::move(hidden);
}

void put(writer& w, const peer::file_search_response& x) {
  put_deflated(w, [&](writer& plain) { put<peer::file_search_response>(plain, x); });
}
void get(reader& r, peer::file_search_response& x) {
  get_inflated(r, r.limits->search_response, r.limits->results, [&](reader& plain) {
    get(plain, x.username);
    get(plain, x.token);
    get(plain, x.files);
    get(plain, x.slot_free);
    get(plain, x.speed);
    get(plain, x.queue_length);
    // Older clients end here.
    if (!plain.rest.empty()) get(plain, x.unknown);
    plain.files_left = r.limits->results;
    if (!plain.rest.empty()) get(plain, x.private_files.emplace());
  });
}

void put(writer& w, const peer::folder_contents_response& x) {
  put_deflated(w, [&](writer& plain) { put<peer::folder_contents_response>(plain, x); });
}
void get(reader& r, peer::folder_contents_response& x) {
  get_inflated(r, r.limits->folder_contents, r.limits->listed_files,
               [&](reader& plain) { get<peer::folder_contents_response>(plain, x); });
}

void put(writer& w, const peer::user_info_response& x) {
  put(w, x.description);
  put(w, x.picture.has_value());
  if (x.picture) put(w, *x.picture);
  put(w, x.upload_slots);
  put(w, x.queue_length);
  put(w, x.slot_free);
  if (x.permitted) put(w, *x.permitted);
}
void get(reader& r, peer::user_info_response& x) {
  bool has_picture = false;
  get(r, x.description);
  get(r, has_picture);
  if (has_picture) get(r, x.picture.emplace());
  get(r, x.upload_slots);
  get(r, x.queue_length);
  get(r, x.slot_free);
  if (!r.rest.empty()) get(r, x.permitted.emplace());
}

void put(writer& w, const peer::transfer_response& x) {
  put(w, x.token);
  put(w, x.allowed);
  if (x.allowed && x.size) put(w, *x.size);
  if (!x.allowed && x.reason) put(w, *x.reason);
}
void get(reader& r, peer::transfer_response& x) {
  get(r, x.token);
  get(r, x.allowed);
  if (r.rest.empty()) return;
  if (x.allowed)
    get(r, x.size.emplace());
  else
    get(r, x.reason.emplace());
}

void put(writer& w, const distributed::embedded_message& x) {
  if (x.wide) w.raw(std::array<std::uint8_t, 3>{});
  put(w, x.inner_code);
  w.raw(x.body);
}
// A message of the server's passed on as it was has three more bytes of code; no embedded code is 0.
void get(reader& r, distributed::embedded_message& x) {
  x.wide = r.rest.size() >= 4 && r.rest[0] == 0 && r.rest[1] == 0 && r.rest[2] == 0;
  if (x.wide) r.take(3);
  get(r, x.inner_code);
  const auto body = r.take(r.rest.size());
  x.body.assign(body.begin(), body.end());
}

bytes encode(const pointers<init::message>::type& m) { return encode_frame<std::uint8_t>(m); }
bytes encode(const pointers<peer::message>::type& m) { return encode_frame<std::uint32_t>(m); }
bytes encode(const pointers<distributed::message>::type& m) { return encode_frame<std::uint8_t>(m); }

}  // namespace detail

tl::expected<init::message, fault> decode_init(byte_view frame) {
  return detail::decoder<init::message>::frame<std::uint8_t>({.rest = frame});
}

tl::expected<peer::message, fault> decode_peer(byte_view frame, const peer_limits& limits) {
  return detail::decoder<peer::message>::frame<std::uint32_t>({.rest = frame, .limits = &limits});
}

tl::expected<distributed::message, fault> decode_distributed(byte_view frame) {
  return detail::decoder<distributed::message>::frame<std::uint8_t>({.rest = frame});
}

tl::expected<distributed::message, fault> decode_embedded(std::uint8_t inner_code, byte_view body) {
  detail::reader r{.rest = body};
  return detail::decoder<distributed::message>::body(inner_code, r);
}

bytes encode_token(std::uint32_t token) {
  bytes out;
  detail::writer{out}.number(token);
  return out;
}

bytes encode_offset(std::uint64_t offset) {
  bytes out;
  detail::writer{out}.number(offset);
  return out;
}

tl::expected<std::uint32_t, fault> decode_token(byte_view raw) {
  if (raw.size() < token_size) return tl::unexpected(fault::truncated);
  return detail::reader{.rest = raw}.u32();
}

tl::expected<std::uint64_t, fault> decode_offset(byte_view raw) {
  if (raw.size() < offset_size) return tl::unexpected(fault::truncated);
  std::uint64_t out = 0;
  detail::reader{.rest = raw}.number(out);
  return out;
}

}  // namespace vsf::soulseek
