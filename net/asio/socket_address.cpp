#include "net/asio/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vsf::net {

boost::asio::ip::address to_address(const endpoint& from) {
  if (from.is_v4()) {
    boost::asio::ip::address_v4::bytes_type raw;
    std::copy(from.ip.begin() + 12, from.ip.end(), raw.begin());
    return boost::asio::ip::address_v4(raw);
  }
  return boost::asio::ip::address_v6(from.ip);
}

endpoint to_endpoint(const boost::asio::ip::address& address, std::uint16_t port) {
  if (address.is_v4()) return endpoint::v4(address.to_v4().to_uint(), port);
  endpoint out;
  out.ip = address.to_v6().to_bytes();
  out.port = port;
  return out;
}

socklen_t to_sockaddr(const endpoint& to, int family, sockaddr_storage& out) {
  if (family == AF_INET) {
    if (!to.is_v4()) return 0;
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(to.port);
    std::memcpy(&v4.sin_addr, to.ip.data() + 12, 4);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(to.port);
  std::memcpy(&v6.sin6_addr, to.ip.data(), to.ip.size());
  std::memcpy(&out, &v6, sizeof v6);
  return sizeof v6;
}

endpoint from_sockaddr(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    return endpoint::v4(ntohl(v4.sin_addr.s_addr), ntohs(v4.sin_port));
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &from, sizeof v6);
  endpoint out;
  std::memcpy(out.ip.data(), &v6.sin6_addr, out.ip.size());
  out.port = ntohs(v6.sin6_port);
  return out;
}

std::string reason_of(const boost::system::error_code& why) {
  auto text = why.message();
  // "Address already in use" but "IO error": only a word's capital goes.
  if (text.size() > 1 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a' && text[1] <= 'z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

namespace {

std::string bind_advice(int code) {
  switch (code) {
    case EADDRINUSE:
      return "stop the other program or set node.listen to another port";
    case EACCES:
    case EPERM:
      return "set node.listen to a port above 1023, or allow this program to bind low ports";
    case EADDRNOTAVAIL:
      return "this machine has no such address; set node.listen to 0.0.0.0 or to one of its own addresses";
    case EAFNOSUPPORT:
      return "IPv6 is off on this machine; set node.listen to an IPv4 address such as 0.0.0.0";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    default:
      return "check node.listen and the rights of this program";
  }
}

std::string connect_advice(int code) {
  switch (code) {
    case ECONNREFUSED:
    case ECONNRESET:
      return "check that the node runs there and that its port is right";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
      return "check this machine's network connection";
    case EAFNOSUPPORT:
      return "IPv6 is off on this machine; use an IPv4 address";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    case EADDRNOTAVAIL:
    case EINVAL:
      return "check the address and the port";
    default:
      return "check that it is reachable (firewall, port forwarding)";
  }
}

}  // namespace

std::string unheld_reason(const boost::system::error_code& why) {
  return "network.bind can't be kept to (" + reason_of(why) +
         "); check that the interface is there and up, or that the address is this machine's and of the same "
         "kind, IPv4 or IPv6";
}

error bind_error(const char* protocol, const endpoint& at, const boost::system::error_code& why) {
  return {std::string("cannot bind ") + protocol + ' ' + to_string(at) + ": " + reason_of(why) + "; " +
          bind_advice(why.value())};
}

error connect_error(const endpoint& to, const boost::system::error_code& why) {
  return {"cannot connect to TCP " + to_string(to) + ": " + reason_of(why) + "; " +
          connect_advice(why.value())};
}

}  // namespace vsf::net
