#include "storage/component_name.hpp"

namespace vsf::storage {

result<void> check_component(std::string_view name) {
  if (name.empty()) return fail("A file needs a name, and this one is empty.");
  if (name.size() > max_component_bytes)
    return fail("The file name \"" + std::string(name.substr(0, 40)) + "...\" has " +
                std::to_string(name.size()) + " bytes: shorten it to 200.");
  if (name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    return fail("\"" + to_hex(byte_view(reinterpret_cast<const std::uint8_t*>(name.data()), name.size())) +
                "\" (in hex) is no file name: it must be one path component without '/' and NUL.");
  return {};
}

std::string numbered(std::string_view name, unsigned n) {
  if (n < 2) return std::string(name);
  auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) dot = name.size();
  return std::string(name.substr(0, dot)) + " (" + std::to_string(n) + ")" + std::string(name.substr(dot));
}

}  // namespace vsf::storage
