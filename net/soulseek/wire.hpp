#pragma once

#include <concepts>
#include <limits>
#include <stdexcept>

#include "net/soulseek/codec.hpp"
#include "net/soulseek/fields.hpp"
#include "net/soulseek/text.hpp"

/// Fields to bytes and back, by their types. Within vsf_soulseek only.
namespace vsf::soulseek::detail {

struct writer {
  bytes& out;

  template <std::integral T>
  void number(T value) {
    auto left = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      out.push_back(static_cast<std::uint8_t>(left & 0xFFU));
      if constexpr (sizeof(T) > 1) left = static_cast<std::make_unsigned_t<T>>(left >> 8U);
    }
  }
  void raw(byte_view data) { out.insert(out.end(), data.begin(), data.end()); }
  void count(std::size_t n) {
    if (n > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("Soulseek counts in 32 bits");
    number(static_cast<std::uint32_t>(n));
  }
};

/// Once something is wrong nothing is read any more, and fields keep what they had.
struct reader {
  byte_view rest;
  std::size_t max_items = max_list_items;  // of one list
  std::size_t files_left = max_list_items;
  const peer_limits* limits = nullptr;
  std::optional<fault> bad{};

  void fail(fault f) {
    if (!bad) bad = f;
    rest = {};
  }
  byte_view take(std::size_t n) {
    if (n > rest.size()) {
      fail(fault::truncated);
      return {};
    }
    const auto out = rest.first(n);
    rest = rest.subspan(n);
    return out;
  }
  template <std::integral T>
  void number(T& value) {
    const auto raw = take(sizeof(T));
    if (raw.empty()) return;
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) all |= std::uint64_t{raw[i]} << (8 * i);
    value = static_cast<T>(all);
  }
  std::uint32_t u32() {
    std::uint32_t out = 0;
    number(out);
    return out;
  }
  /// A count of things that take at least so many bytes each.
  std::size_t count(std::size_t least_size) {
    const std::size_t n = u32();
    if (n > rest.size() / least_size) {
      fail(fault::truncated);
      return 0;
    }
    if (n > max_items) {
      fail(fault::too_many_items);
      return 0;
    }
    return n;
  }
};

template <class T>
constexpr std::size_t least_size();
template <class Members>
struct least_sum;
template <class... Member>
struct least_sum<std::tuple<Member&...>> {
  static constexpr std::size_t value = (std::size_t{0} + ... + least_size<Member>());
};
/// The fewest bytes of a field, for judging counts.
template <class T>
constexpr std::size_t least_size() {
  if constexpr (std::is_same_v<T, file>)
    return 21;
  else if constexpr (std::is_integral_v<T>)
    return sizeof(T);
  else if constexpr (std::is_enum_v<T> || std::is_same_v<T, std::string>)
    return 4;
  else if constexpr (is_optional<T>::value)
    return 0;
  else if constexpr (requires(T t) { t.push_back(t.front()); })
    return 4;
  else
    return least_sum<decltype(members(std::declval<T&>()))>::value;
}

inline void put(writer& w, bool x) { w.number<std::uint8_t>(x ? 1 : 0); }
template <std::integral T>
void put(writer& w, T x) {
  w.number(x);
}
template <class T>
requires std::is_enum_v<T>
void put(writer& w, T x) { w.number(static_cast<std::underlying_type_t<T>>(x)); }
inline void put(writer& w, connection_type x) {
  w.count(1);
  w.number(static_cast<char>(x));
}
inline void put(writer& w, const std::string& x) {
  w.count(x.size());
  w.raw({reinterpret_cast<const std::uint8_t*>(x.data()), x.size()});
}
inline void put(writer& w, const bytes& x) {
  w.count(x.size());
  w.raw(x);
}
void put(writer& w, const file& x);

template <class T>
requires std::is_class_v<T>
void put(writer& w, const T& x);
template <class T>
void put(writer& w, const std::vector<T>& x) {
  w.count(x.size());
  for (const auto& item : x) put(w, item);
}
template <class T>
requires std::is_class_v<T>
void put(writer& w, const T& x) {
  bool open = true;
  const auto one = [&](const auto& field) {
    if constexpr (is_optional<std::remove_cvref_t<decltype(field)>>::value) {
      open = open && field.has_value();
      if (open) put(w, *field);
    } else {
      put(w, field);
    }
  };
  std::apply([&](const auto&... field) { (one(field), ...); }, members(x));
}

inline void get(reader& r, bool& x) {
  std::uint8_t raw = x ? 1 : 0;
  r.number(raw);
  x = raw != 0;
}
template <std::integral T>
void get(reader& r, T& x) {
  r.number(x);
}
template <class T>
requires std::is_enum_v<T>
void get(reader& r, T& x) {
  auto raw = static_cast<std::underlying_type_t<T>>(x);
  r.number(raw);
  x = static_cast<T>(raw);
}
void get(reader& r, connection_type& x);
void get(reader& r, transfer_direction& x);
inline void get(reader& r, std::string& x) { x = text_of(r.take(r.u32())); }
inline void get(reader& r, bytes& x) {
  const auto raw = r.take(r.u32());
  x.assign(raw.begin(), raw.end());
}
void get(reader& r, file& x);
void get(reader& r, std::vector<file>& x);

template <class T>
requires std::is_class_v<T>
void get(reader& r, T& x);
template <class T>
void get(reader& r, std::vector<T>& x) {
  const auto n = r.count(least_size<T>());
  x.clear();
  x.reserve(n);
  for (std::size_t i = 0; i < n && !r.bad; ++i) get(r, x.emplace_back());
}
template <class T>
requires std::is_class_v<T>
void get(reader& r, T& x) {
  const auto one = [&](auto& field) {
    if constexpr (is_optional<std::remove_cvref_t<decltype(field)>>::value) {
      if (!r.rest.empty()) get(r, field.emplace());
    } else {
      get(r, field);
    }
  };
  std::apply([&](auto&... field) { (one(field), ...); }, members(x));
}

/// A list whose columns came one after the other, each with its count: fills one column. The first one makes
/// the rows; of a later column what has no row is read and dropped.
template <class Row, class Field>
void get_column(reader& r, std::vector<Row>& rows, Field Row::*field, bool first = false) {
  const auto n = r.count(least_size<Field>());
  if (first) rows.resize(n);
  for (std::size_t i = 0; i < n && !r.bad; ++i) {
    Field dropped{};
    get(r, i < rows.size() ? rows[i].*field : dropped);
  }
}
template <class Row, class Field>
void put_column(writer& w, const std::vector<Row>& rows, Field Row::*field) {
  w.count(rows.size());
  for (const auto& row : rows) put(w, row.*field);
}

/// The whole frame; Code is the code's type on the wire.
template <class Code, class Variant>
bytes encode_frame(const Variant& m) {
  bytes out(4);
  writer w{out};
  std::visit(
      [&]<class M>(const M* one) {
        if constexpr (!std::is_same_v<M, unknown>) {
          w.number(static_cast<Code>(M::code));
          put(w, *one);
        }
      },
      m);
  const auto length = out.size() - 4;
  if (length > std::numeric_limits<std::uint32_t>::max())
    throw std::length_error("a Soulseek frame is at most 4 GiB");
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<std::uint8_t>(length >> (8 * i));
  return out;
}

template <class Message>
struct decoder;
template <class... M>
struct decoder<std::variant<M...>> {
  using message = std::variant<M...>;

  template <class One>
  static bool is(std::uint32_t code, reader& r, message& out) {
    if constexpr (std::is_same_v<One, unknown>) {
      return false;
    } else {
      if (code != One::code) return false;
      get(r, out.template emplace<One>());
      return true;
    }
  }
  static tl::expected<message, fault> body(std::uint32_t code, reader& r) {
    message out = unknown{code};
    (is<M>(code, r, out) || ...);
    if (r.bad) return tl::unexpected(*r.bad);
    return out;
  }
  template <class Code>
  static tl::expected<message, fault> frame(reader r) {
    Code code = 0;
    r.number(code);
    if (r.bad) return tl::unexpected(*r.bad);
    return body(code, r);
  }
};

}  // namespace vsf::soulseek::detail
