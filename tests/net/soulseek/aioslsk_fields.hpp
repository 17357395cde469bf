#pragma once

#include <algorithm>

#include "tests/net/soulseek/support.hpp"

/// Our structs and aioslsk's fields, both brought down to a sorted list of the values they hold: names and
/// grouping differ, the values may not.
namespace vsf::soulseek::tests {

using value_list = std::vector<std::string>;

inline void add(value_list& out, const std::string& x) { out.push_back("'" + x); }
inline void add(value_list& out, bool x) { out.push_back(x ? "true" : "false"); }
template <std::integral T>
void add(value_list& out, T x) {
  out.push_back(std::to_string(x));
}
template <class T>
requires std::is_enum_v<T>
void add(value_list& out, T x) { add(out, static_cast<std::underlying_type_t<T>>(x)); }
inline void add(value_list& out, connection_type x) { add(out, std::string(1, static_cast<char>(x))); }
inline void add(value_list& out, const bytes& x) { add(out, to_hex(x)); }
inline void add(value_list& out, const attributes& x) {
  const auto one = [&](std::uint32_t number, const auto& value) {
    if (!value) return;
    add(out, number);
    add(out, *value);
  };
  one(0, x.bitrate);
  one(1, x.duration);
  one(2, x.vbr);
  one(4, x.sample_rate);
  one(5, x.bit_depth);
}
template <class T>
requires std::is_class_v<T>
void add(value_list& out, const T& x);
template <class T>
void add(value_list& out, const std::vector<T>& x) {
  for (const auto& item : x) add(out, item);
}
template <class T>
void add(value_list& out, const std::optional<T>& x) {
  if (x) add(out, *x);
}
inline void add(value_list& out, const from_server::login_refusal& x) {
  EXPECT_NE(x.why(), login_failure::other);
  add(out, x.text);
}
inline void add(value_list& out, const from_server::login& x) {
  add(out, x.outcome.index() == 0);
  std::visit([&](const auto& outcome) { add(out, outcome); }, x.outcome);
}
inline void add(value_list& out, const from_server::watch_user& x) {
  add(out, x.username);
  add(out, x.known.has_value());
  if (x.known) add(out, *x.known);
}
inline void add(value_list& out, const peer::user_info_response& x) {
  add(out, x.description);
  add(out, x.picture.has_value());
  add(out, x.picture);
  add(out, x.upload_slots);
  add(out, x.queue_length);
  add(out, x.slot_free);
  add(out, x.permitted);
}
// aioslsk knows what is in it.
template <class Embedded>
void add_embedded(value_list& out, const Embedded& x) {
  add(out, x.inner_code);
  const auto inner = decode_embedded(x.inner_code, x.body).value();
  add(out, std::get<distributed::search>(inner));
}
inline void add(value_list& out, const from_server::embedded_message& x) { add_embedded(out, x); }
inline void add(value_list& out, const distributed::embedded_message& x) {
  EXPECT_TRUE(x.wide);
  add_embedded(out, x);
}
inline void add(value_list&, const unknown&) {}
template <class T>
requires std::is_class_v<T>
void add(value_list& out, const T& x) {
  std::apply([&](const auto&... field) { (add(out, field), ...); }, detail::members(x));
}

template <class M>
value_list values_of(const M& message) {
  value_list out;
  add(out, message);
  std::sort(out.begin(), out.end());
  return out;
}

inline void add_json(value_list& out, const std::string& name, const nlohmann::json& x) {
  if (x.is_null()) return;
  if (x.is_object() && x.contains("hex")) return add_json(out, name, x.at("hex"));
  if (x.is_structured()) {
    for (const auto& [key, value] : x.items()) add_json(out, x.is_object() ? key : name, value);
  } else if (x.is_boolean()) {
    add(out, x.get<bool>());
  } else if (!x.is_string()) {
    out.push_back(x.dump());
  } else if (name == "ip") {
    const auto ip = parse_endpoint(x.get<std::string>() + ":0").value().ip;
    add(out,
        std::uint32_t{ip[12]} << 24U | std::uint32_t{ip[13]} << 16U | std::uint32_t{ip[14]} << 8U | ip[15]);
  } else {
    add(out, x.get<std::string>());
  }
}

inline value_list expected_values(const nlohmann::json& vector) {
  value_list out;
  add_json(out, "", vector.at("fields"));
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace vsf::soulseek::tests
