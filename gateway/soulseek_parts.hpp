#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

#include "gateway/soulseek_asks.hpp"

/// What the handlers of Soulseek routes have in common.
namespace vsf::gateway {

using nlohmann::json;
inline constexpr std::size_t max_text = 4096;

template <class Question>
soulseek_answer ask(Question question) {
  fb::SoulseekAskT out;
  out.want.Set(std::move(question));
  return want(want_soulseek{record<fb::SoulseekAsk>::pack(out)});
}
inline soulseek_answer bad(std::string_view code, std::string_view text) { return problem(400, code, text); }

template <class Number>
std::optional<Number> number_of(const std::string& text) {
  Number out = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

inline std::string text_of(const request& asked, const std::string& key) {
  const auto it = asked.query.find(key);
  return it == asked.query.end() ? std::string{} : it->second;
}

/// `limit` of a list; nullopt: it is no such number.
inline std::optional<std::uint32_t> limit_of(const request& asked) {
  const auto text = text_of(asked, "limit");
  const auto most = text.empty() ? std::optional<std::uint32_t>(100) : number_of<std::uint32_t>(text);
  return most && *most >= 1 && *most <= 1000 ? most : std::nullopt;
}

/// `offset` and `limit` of a list; false: one of them is no such number.
template <class Question>
bool take_page(const request& asked, Question& question) {
  const auto offset = text_of(asked, "offset");
  const auto from = offset.empty() ? std::optional<std::uint32_t>(0) : number_of<std::uint32_t>(offset);
  const auto most = limit_of(asked);
  if (!from || !most) return false;
  question.offset = *from;
  question.limit = *most;
  return true;
}
inline constexpr std::string_view page_help = "offset is a number, limit one from 1 to 1000";

/// A text member of a body; empty when it is missing or something else.
inline std::string member(const json& body, const char* name) {
  const auto it = body.find(name);
  if (it == body.end() || !it->is_string()) return {};
  auto out = it->get<std::string>();
  return out.size() > max_text ? std::string{} : out;
}
inline json body_of(const request& asked) { return json::parse(asked.body, nullptr, false); }

template <class Vector, class Each>
json list_of(const Vector* items, Each each) {
  auto out = json::array();
  if (items != nullptr)
    for (const auto* item : *items) out.push_back(each(*item));
  return out;
}
inline json texts_of(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* items) {
  return list_of(items, [](const flatbuffers::String& x) { return x.str(); });
}

inline response as_json(const json& value, unsigned status = 200) {
  return {status, "application/json", value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

}  // namespace vsf::gateway
