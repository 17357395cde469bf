#pragma once

#include "tests/net/soulseek/support.hpp"

/// Any value of any message struct, within an rc::check.
namespace vsf::soulseek::tests {

template <class T>
struct any {
  static T make() {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<T>(*rc::gen::inRange<std::uint32_t>(0, 3));
    } else if constexpr (std::is_class_v<T>) {
      T out;
      bool open = true;
      const auto one = [&]<class Field>(Field& field) {
        if constexpr (detail::is_optional<Field>::value) {
          open = open && *rc::gen::arbitrary<bool>();
          if (open) field = any<typename Field::value_type>::make();
        } else {
          field = any<Field>::make();
        }
      };
      auto fields = detail::members(out);
      std::apply([&](auto&... field) { (one(field), ...); }, fields);
      return out;
    } else {
      return *rc::gen::arbitrary<T>();
    }
  }
};
template <>
struct any<transfer_direction> {
  static transfer_direction make() { return static_cast<transfer_direction>(*rc::gen::inRange(0U, 2U)); }
};
template <>
struct any<connection_type> {
  static connection_type make() { return static_cast<connection_type>(*rc::gen::element('P', 'F', 'D')); }
};
template <>
struct any<std::string> {
  static std::string make() {
    std::string out;
    const auto n = *rc::gen::inRange(0, 12);
    for (int i = 0; i < n; ++i)
      out += *rc::gen::element<std::string>("a", "\\", " ", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8E\xB5",
                                            std::string(1, '\0'), "\x7F");
    return out;
  }
};
template <class T>
struct any<std::vector<T>> {
  static std::vector<T> make() {
    std::vector<T> out(*rc::gen::inRange<std::size_t>(0, 4));
    for (auto& item : out) item = any<T>::make();
    return out;
  }
};
template <>
struct any<attributes> {
  static attributes make() {
    attributes out;
    for (auto* member : {&out.bitrate, &out.duration, &out.vbr, &out.sample_rate, &out.bit_depth})
      if (*rc::gen::arbitrary<bool>()) *member = any<std::uint32_t>::make();
    return out;
  }
};
template <>
struct any<from_server::login> {
  static from_server::login make() {
    if (*rc::gen::arbitrary<bool>()) return {any<from_server::login_success>::make()};
    return {any<from_server::login_refusal>::make()};
  }
};
template <>
struct any<peer::user_info_response> {
  static peer::user_info_response make() {
    peer::user_info_response out;
    out.description = any<std::string>::make();
    if (*rc::gen::arbitrary<bool>()) out.picture = any<bytes>::make();
    out.upload_slots = any<std::uint32_t>::make();
    out.slot_free = any<bool>::make();
    if (*rc::gen::arbitrary<bool>()) out.permitted = any<upload_permission>::make();
    return out;
  }
};
template <>
struct any<peer::transfer_response> {
  static peer::transfer_response make() {
    peer::transfer_response out{.token = any<std::uint32_t>::make(), .allowed = any<bool>::make()};
    if (*rc::gen::arbitrary<bool>()) return out;
    if (out.allowed)
      out.size = any<std::uint64_t>::make();
    else
      out.reason = any<std::string>::make();
    return out;
  }
};
template <>
struct any<distributed::embedded_message> {
  static distributed::embedded_message make() {
    // 0, the ping, is never embedded: it couldn't be told from the wide form.
    return {*rc::gen::inRange<std::uint8_t>(1, 255), any<bytes>::make(), any<bool>::make()};
  }
};

/// Visits one value of every struct of a family.
template <class... M, class Visit>
void every_message(std::type_identity<std::variant<M...>>, Visit visit) {
  const auto one = [&]<class One>(std::type_identity<One>) {
    if constexpr (!std::is_same_v<One, unknown>) visit(any<One>::make());
  };
  (one(std::type_identity<M>()), ...);
}

}  // namespace vsf::soulseek::tests
