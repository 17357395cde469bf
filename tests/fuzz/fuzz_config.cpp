// Whatever stands in a configuration file is read or refused: no crash, no hang, messages that can be
// printed.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto options = [] {
    vsf::config::load_options out;
    out.environment.variable = [](const std::string& name) -> std::optional<std::string> {
      if (name == "HOME") return "/home/ann";
      return std::nullopt;
    };
    return out;
  }();
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto report = vsf::config::check_text(text, "fuzz.yml", options);
  for (const auto& error : report.errors)
    if (error.message.empty()) std::abort();
  if (report.errors.empty()) {
    const auto& values = report.values;
    if (values.node.data_dir.empty() || values.node.data_dir.front() != '/') std::abort();
    if (values.mesh.capture.retention_days == 0 || values.node.bootstrap.size() > 100) std::abort();
  }
  return 0;
}
