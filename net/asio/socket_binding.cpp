#include "net/asio/socket_binding.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/asio/socket_address.hpp"

namespace vsf::net {

socket_binding::socket_binding(const std::string& text) {
  if (text.empty()) return;
  address_ = parse_endpoint(text + ":0");
  if (!address_) address_ = parse_endpoint("[" + text + "]:0");
  if (!address_) interface_ = text;
}

endpoint socket_binding::narrowed(const endpoint& at) const {
  const bool wildcard = to_address(at).is_unspecified();
  if (!address_ || !wildcard) return at;
  auto out = *address_;
  out.port = at.port;
  return out;
}

boost::system::error_code socket_binding::hold(int socket, int family, bool listens) const {
  const auto failed = [] { return boost::system::error_code(errno, boost::system::system_category()); };
  if (!interface_.empty() && ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, interface_.data(),
                                          static_cast<socklen_t>(interface_.size())) != 0)
    return failed();
  if (!address_ || listens) return {};
  sockaddr_storage from{};
  const auto length = to_sockaddr(*address_, family, from);
  if (length == 0 || (family == AF_INET6 && address_->is_v4()))
    return {EAFNOSUPPORT, boost::system::system_category()};
  // The port is picked when it connects: many connections may share one.
  const int late = 1;
  (void)::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&from), length) != 0) return failed();
  return {};
}

}  // namespace vsf::net
