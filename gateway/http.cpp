#include "gateway/http.hpp"

#include <nlohmann/json.hpp>

#include "net/crypto/crypto.hpp"

namespace vsf::gateway {

namespace {

constexpr std::size_t max_target_bytes = 2048;

/// `whole`: a path keeps those that would make other segments of it.
std::optional<std::string> decode(std::string_view text, bool whole, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const auto raw = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
      if (!raw || raw->front() == 0) return std::nullopt;
      const auto c = static_cast<char>(raw->front());
      if (whole || (c != '/' && c != '%'))
        out.push_back(c);
      else
        out += c == '/' ? "%2F" : "%25";
      i += 2;
    } else {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

}  // namespace

std::optional<std::pair<std::string, std::map<std::string, std::string>>> parse_target(
    std::string_view target) {
  if (target.empty() || target.front() != '/' || target.size() > max_target_bytes) return std::nullopt;
  const auto mark = target.find('?');
  auto path = decode(target.substr(0, mark), false, false);
  if (!path) return std::nullopt;
  std::map<std::string, std::string> query;
  auto rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = rest.find('&');
    const auto item = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    const auto key = decode(item.substr(0, equals), true, true);
    const auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                        : decode(item.substr(equals + 1), true, true);
    if (!key || !value) return std::nullopt;
    query[*key] = *value;
  }
  return std::pair(std::move(*path), std::move(query));
}

std::string decode_segment(std::string_view segment) {
  return decode(segment, true, false).value_or(std::string(segment));
}

response problem(unsigned status, std::string_view code, std::string_view message) {
  const nlohmann::json body{{"error", {{"code", code}, {"message", message}}}};
  return {status, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

bool equal_secret(std::string_view a, std::string_view b) {
  // Hashes first: what is compared byte by byte then says nothing about the secret.
  const auto left = crypto::sha256(crypto::as_bytes(a));
  const auto right = crypto::sha256(crypto::as_bytes(b));
  return crypto::equal_constant_time(left.view(), right.view());
}

}  // namespace vsf::gateway
