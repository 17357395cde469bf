#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "messages/types.hpp"

namespace vsf::cli {

/// A node's HTTP interface. Every failure is a sentence: the node's own, or why it could not be asked.
class api_client {
 public:
  struct settings {
    std::string url = "http://127.0.0.1:5030";  // http or https, no path needed
    std::string api_key{};                      // empty: none
    long connect_timeout_ms = 3000;
    long timeout_ms = 15'000;  // for an answer; a file may take as long as it moves
  };
  struct failure {
    std::string message;
    /// HTTP status; 0: the node was not reached.
    long status = 0;
  };
  template <class T>
  using answer = tl::expected<T, failure>;

  explicit api_client(settings how);
  ~api_client();
  api_client(const api_client&) = delete;
  api_client& operator=(const api_client&) = delete;

  answer<nlohmann::json> get(const std::string& path);
  answer<nlohmann::json> post(const std::string& path, const nlohmann::json& body = nullptr);
  answer<nlohmann::json> put(const std::string& path, const nlohmann::json& body);
  answer<nlohmann::json> remove(const std::string& path);

  struct received_file {
    std::string name;  // as the node gave it: not safe to use as it is
    std::uint64_t size_bytes = 0;
    digest sha256;
  };
  /// Writes a finished download's bytes to `into`. `progress` is told how many have come; false from it ends.
  answer<received_file> receive(const std::string& path, std::FILE* into,
                                const std::function<bool(std::uint64_t)>& progress);

  /// For a query: everything but letters, digits and -._~ as %XX.
  static std::string escaped(std::string_view text);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// "http://127.0.0.1:5030/" -> without the slash; an error unless it is http:// or https:// with a host.
result<std::string> checked_url(const std::string& url);
/// The first line of a file, without spaces around it.
result<std::string> read_api_key(const std::string& file);

}  // namespace vsf::cli
