#pragma once

#include <utility>

#include <boost/system/error_code.hpp>
#include <optional>
#include <string>

#include "messages/types.hpp"

namespace vsf::net {

/// To which interface or address of this machine all sockets are held (network.bind).
class socket_binding {
 public:
  socket_binding() = default;
  /// An IP address, else the name of an interface; empty: nothing is held.
  explicit socket_binding(const std::string& text);

  /// Where to listen instead: a wildcard becomes the address.
  endpoint narrowed(const endpoint& at) const;
  /// Holds a fresh socket of this family to the interface. Unless `listens`, to the address too; fails for a
  /// family other than the address's.
  boost::system::error_code hold(int socket, int family, bool listens) const;

 private:
  std::optional<endpoint> address_;  // port 0
  std::string interface_;
};

}  // namespace vsf::net
