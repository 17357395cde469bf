#include "net/soulseek/wire.hpp"

namespace vsf::soulseek::detail {
namespace {

/// The number of each member of `attributes` on the wire.
template <class Attributes, class Visit>
void each_attribute(Attributes& x, Visit visit) {
  visit(0U, x.bitrate);
  visit(1U, x.duration);
  visit(2U, x.vbr);
  visit(4U, x.sample_rate);
  visit(5U, x.bit_depth);
}

}  // namespace

void put(writer& w, const file& x) {
  put(w, x.code);
  put(w, x.name);
  put(w, x.size);
  put(w, x.extension);
  std::uint32_t n = 0;
  each_attribute(x.attrs, [&](auto, const auto& value) { n += value ? 1U : 0U; });
  put(w, n);
  each_attribute(x.attrs, [&](auto number, const auto& value) {
    if (!value) return;
    put(w, number);
    put(w, *value);
  });
}

void get(reader& r, file& x) {
  get(r, x.code);
  get(r, x.name);
  get(r, x.size);
  get(r, x.extension);
  const auto n = r.count(8);
  for (std::size_t i = 0; i < n && !r.bad; ++i) {
    const auto number = r.u32();
    const auto value = r.u32();
    each_attribute(x.attrs, [&](auto known, auto& member) {
      if (number == known) member = value;
    });
  }
}

void get(reader& r, std::vector<file>& x) {
  const auto n = r.count(least_size<file>());
  if (n > r.files_left) return r.fail(fault::too_many_items);
  r.files_left -= n;
  x.clear();
  x.reserve(n);
  for (std::size_t i = 0; i < n && !r.bad; ++i) get(r, x.emplace_back());
}

void get(reader& r, connection_type& x) {
  std::string text;
  get(r, text);
  if (r.bad) return;
  if (text == "P")
    x = connection_type::peer;
  else if (text == "F")
    x = connection_type::file;
  else if (text == "D")
    x = connection_type::distributed;
  else
    r.fail(fault::malformed);
}

void get(reader& r, transfer_direction& x) {
  const auto raw = r.u32();
  if (r.bad) return;
  if (raw > 1) return r.fail(fault::malformed);
  x = static_cast<transfer_direction>(raw);
}

}  // namespace vsf::soulseek::detail
