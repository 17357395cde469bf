#pragma once

#include <utility>

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/system/error_code.hpp>
#include <string>

#include "messages/types.hpp"

/// Between vsf::endpoint (IPv4 kept v4-mapped) and the addresses of sockets, and what to tell a person when a
/// socket refuses.
namespace vsf::net {

boost::asio::ip::address to_address(const endpoint& from);
inline boost::asio::ip::tcp::endpoint to_tcp(const endpoint& from) { return {to_address(from), from.port}; }
inline boost::asio::ip::udp::endpoint to_udp(const endpoint& from) { return {to_address(from), from.port}; }
endpoint to_endpoint(const boost::asio::ip::address& address, std::uint16_t port);
template <class Protocol>
endpoint to_endpoint(const boost::asio::ip::basic_endpoint<Protocol>& from) {
  return to_endpoint(from.address(), from.port());
}

/// For a socket of `family` (AF_INET or AF_INET6): the length written to `out`, 0 if such a socket can't
/// reach `to`.
socklen_t to_sockaddr(const endpoint& to, int family, sockaddr_storage& out);
endpoint from_sockaddr(const sockaddr_storage& from);

/// "address already in use", in lower case for the middle of a sentence.
std::string reason_of(const boost::system::error_code& why);
/// "network.bind can't be kept to (no such device): check ...", of socket_binding::hold.
std::string unheld_reason(const boost::system::error_code& why);
/// "cannot bind UDP 0.0.0.0:50315: address already in use; stop the other program or set node.listen to
/// another port"
error bind_error(const char* protocol, const endpoint& at, const boost::system::error_code& why);
/// "cannot connect to TCP 10.0.0.1:50315: connection refused; check that the node runs and that its port is
/// right"
error connect_error(const endpoint& to, const boost::system::error_code& why);

}  // namespace vsf::net
