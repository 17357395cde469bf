#pragma once

#include <tuple>
#include <type_traits>

#include "net/soulseek/types.hpp"

/// The members of a message struct as a tuple of references, in their order, which is that of the wire. So a
/// message is written down once, as its struct.
namespace vsf::soulseek::detail {

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

/// Stand for any member when counting how many an aggregate takes. Optional ones need their own: with the
/// first it would be undecided who converts.
struct any_member {
  template <class T>
  requires(!is_optional<T>::value) operator T() const;  // NOLINT: the conversion is the point
};
struct any_optional {
  template <class T>
  operator std::optional<T>() const;  // NOLINT
};

template <class T, class... Members>
constexpr std::size_t count_members() {
  if constexpr (requires { T{Members{}..., any_member{}}; })
    return count_members<T, Members..., any_member>();
  else if constexpr (requires { T{Members{}..., any_optional{}}; })
    return count_members<T, Members..., any_optional>();
  else
    return sizeof...(Members);
}

template <class T>
inline constexpr std::size_t member_count = count_members<std::remove_const_t<T>>();

template <class T>
constexpr auto members(T& t) {
  constexpr auto n = member_count<T>;
  static_assert(n <= 8, "a message with more fields needs another line here");
  if constexpr (n == 0) {
    return std::tuple<>();
  } else if constexpr (n == 1) {
    auto& [a] = t;
    return std::tie(a);
  } else if constexpr (n == 2) {
    auto& [a, b] = t;
    return std::tie(a, b);
  } else if constexpr (n == 3) {
    auto& [a, b, c] = t;
    return std::tie(a, b, c);
  } else if constexpr (n == 4) {
    auto& [a, b, c, d] = t;
    return std::tie(a, b, c, d);
  } else if constexpr (n == 5) {
    auto& [a, b, c, d, e] = t;
    return std::tie(a, b, c, d, e);
  } else if constexpr (n == 6) {
    auto& [a, b, c, d, e, f] = t;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (n == 7) {
    auto& [a, b, c, d, e, f, g] = t;
    return std::tie(a, b, c, d, e, f, g);
  } else {
    auto& [a, b, c, d, e, f, g, h] = t;
    return std::tie(a, b, c, d, e, f, g, h);
  }
}

}  // namespace vsf::soulseek::detail
