#include "tests/gateway/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace vsf::gateway::test {

raw_client::raw_client(const endpoint& server) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(server.port);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) buffer_ = "not connected";
}

raw_client::~raw_client() { ::close(socket_); }

void raw_client::send(const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto n = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<std::size_t>(n);
  }
}

bool raw_client::more() {
  std::array<char, 16384> part{};
  const auto n = ::recv(socket_, part.data(), part.size(), 0);
  if (n > 0) buffer_.append(part.data(), static_cast<std::size_t>(n));
  return n > 0;
}

std::string raw_client::read_exactly(std::size_t bytes) {
  while (buffer_.size() < bytes && more()) {
  }
  auto out = buffer_.substr(0, bytes);
  buffer_.erase(0, out.size());
  return out;
}

std::optional<answer> raw_client::receive(bool with_body) {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return std::nullopt;
  const auto head = read_exactly(end + 4);
  answer out;
  out.status = std::stoi(head.substr(head.find(' ') + 1, 3));
  for (auto at = head.find("\r\n"); at + 4 < head.size();) {
    const auto next = head.find("\r\n", at + 2);
    const auto line = head.substr(at + 2, next - at - 2);
    const auto colon = line.find(": ");
    auto name = line.substr(0, colon);
    for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.headers[name] = line.substr(colon + 2);
    at = next;
  }
  if (with_body && out.headers.count("content-length") != 0)
    out.body = read_exactly(std::stoul(out.headers["content-length"]));
  return out;
}

std::optional<answer> raw_client::get(const std::string& target, const std::string& headers) {
  send("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + headers + "\r\n");
  return receive();
}

bool raw_client::ends_within(int seconds) {
  pollfd waiting{socket_, POLLIN, 0};
  while (::poll(&waiting, 1, seconds * 1000) == 1)
    if (!more()) return true;
  return false;
}

}  // namespace vsf::gateway::test
