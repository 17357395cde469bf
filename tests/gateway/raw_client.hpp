#pragma once

#include <map>
#include <optional>
#include <string>

#include "messages/types.hpp"

namespace vsf::gateway::test {

struct answer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

/// One TCP connection to a server on loopback. Waits at most 10 s for anything.
class raw_client {
 public:
  explicit raw_client(const endpoint& server);
  ~raw_client();
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  void send(const std::string& bytes);
  /// Reads one answer; nullopt: the connection ended before. `with_body` false: after HEAD.
  std::optional<answer> receive(bool with_body = true);
  /// A GET with Host and these further header lines (each with its "\r\n").
  std::optional<answer> get(const std::string& target, const std::string& headers = "");
  std::string read_exactly(std::size_t bytes);  // shorter at the end of the connection
  /// The other side ends the connection, within this time.
  bool ends_within(int seconds);

 private:
  bool more();
  int socket_ = -1;
  std::string buffer_;
};

}  // namespace vsf::gateway::test
