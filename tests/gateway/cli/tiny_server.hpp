#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace vsf::cli::test {

struct heard {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
};
struct said {
  int status = 200;
  std::string body = "{}";
  std::string headers{};  // further lines, each with its "\r\n"
  /// Says it will send this many more bytes than it does, then hangs up.
  std::size_t missing_bytes = 0;
};

/// An HTTP server on loopback that answers one connection at a time, one request each, as a function says.
class tiny_server {
 public:
  explicit tiny_server(std::function<said(const heard&)> answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof(at));
    ::listen(listener_, 16);
    socklen_t length = sizeof(at);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~tiny_server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  tiny_server(const tiny_server&) = delete;
  tiny_server& operator=(const tiny_server&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<heard> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    while (true) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      const timeval patience{10, 0};
      ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      heard request;
      if (read(client, request)) {
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
        }
        write(client, answer_(request));
      }
      ::close(client);
    }
  }

  static bool read(int client, heard& out) {
    std::string all;
    std::size_t end = std::string::npos;
    std::size_t wanted = 0;
    while (end == std::string::npos || all.size() < end + 4 + wanted) {
      char part[4096];
      const auto n = ::recv(client, part, sizeof(part), 0);
      if (n <= 0) return false;
      all.append(part, static_cast<std::size_t>(n));
      if (end != std::string::npos || (end = all.find("\r\n\r\n")) == std::string::npos) continue;
      read_head(all.substr(0, end), out);
      if (out.headers.count("content-length")) wanted = std::stoul(out.headers["content-length"]);
    }
    out.body = all.substr(end + 4);
    return true;
  }

  static void read_head(const std::string& head, heard& out) {
    const auto first = head.find(' ');
    const auto second = head.find(' ', first + 1);
    out.method = head.substr(0, first);
    out.target = head.substr(first + 1, second - first - 1);
    for (auto at = head.find("\r\n"); at != std::string::npos;) {
      const auto next = head.find("\r\n", at + 2);
      const auto line = head.substr(at + 2, next == std::string::npos ? next : next - at - 2);
      const auto colon = line.find(": ");
      auto name = line.substr(0, colon);
      for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      if (colon != std::string::npos) out.headers[name] = line.substr(colon + 2);
      at = next;
    }
  }

  static void write(int client, const said& answer) {
    const auto text = "HTTP/1.1 " + std::to_string(answer.status) +
                      " X\r\nContent-Length: " + std::to_string(answer.body.size() + answer.missing_bytes) +
                      "\r\nConnection: close\r\n" + answer.headers + "\r\n" + answer.body;
    for (std::size_t sent = 0; sent < text.size();) {
      const auto n = ::send(client, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<std::size_t>(n);
    }
  }

  std::function<said(const heard&)> answer_;
  mutable std::mutex mutex_;
  std::vector<heard> requests_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace vsf::cli::test
