#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/port_mapping/router_mapper.hpp"

namespace vsf::net::tests {

constexpr std::uint32_t loopback_ip = 0x7F000001;

/// A socket on 127.0.0.1, port of the kernel's choice.
inline int bound_socket(int type, endpoint& at) {
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(loopback_ip);
  socklen_t length = sizeof where;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&where), length) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &length) != 0)
    throw std::runtime_error("no loopback socket");
  at = endpoint::v4(loopback_ip, ntohs(where.sin_port));
  return fd;
}

/// A thread that serves sockets until it is destroyed.
class server_thread {
 public:
  ~server_thread() { end(); }
  void end() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(stop_, &one, sizeof one);
    thread_.join();
    ::close(stop_);
  }
  template <class Serve>
  void begin(Serve serve) {
    thread_ = std::thread(std::move(serve));
  }
  /// False: it is to end.
  bool readable(int fd) const {
    std::array<pollfd, 2> both{pollfd{fd, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
    ::poll(both.data(), both.size(), -1);
    return both[1].revents == 0;
  }
  bool ending() const {
    pollfd one{stop_, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
  }

 private:
  int stop_ = ::eventfd(0, EFD_CLOEXEC);
  std::thread thread_;
};

/// An internet gateway on loopback: its description, its control, and an answer to searches.
class fake_igd {
 public:
  struct behaviour {
    std::string outside = "203.0.113.9";
    std::string description{};      // instead of its own
    std::string control_host{};     // where it wants to be controlled, instead of where it is
    std::size_t endless_bytes = 0;  // of description, without an end
    bool silent = false;            // takes connections and never answers
    bool permanent_only = false;    // 725
    bool refuses = false;           // 606
    std::uint16_t taken = 0;        // 718 for this port
    bool does_nothing = false;      // says yes, and tells another machine's entry
  };
  explicit fake_igd(behaviour how) : how_(std::move(how)) {
    http_ = bound_socket(SOCK_STREAM, at_);
    ::listen(http_, 16);
    search_ = bound_socket(SOCK_DGRAM, search_at_);
    http_thread_.begin([this] { serve_http(); });
    search_thread_.begin([this] { serve_search(); });
  }
  ~fake_igd() {
    http_thread_.end();
    search_thread_.end();
    ::close(http_);
    ::close(search_);
  }
  std::string url() const { return "http://" + to_string(at_) + "/root.xml"; }
  endpoint search_at() const { return search_at_; }
  /// "TCP 50300 -> 127.0.0.1:50300 3600"
  std::vector<std::string> entries() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [key, value] : entries_) out.push_back(key + " -> " + value);
    return out;
  }
  std::size_t requests() const { return requests_; }

 private:
  static std::string element(const std::string& of, const std::string& name) {
    const auto from = of.find("<" + name + ">"), to = of.find("</" + name + ">");
    return from == std::string::npos ? "" : of.substr(from + name.size() + 2, to - from - name.size() - 2);
  }
  void serve_http() {
    while (http_thread_.readable(http_)) {
      const int client = ::accept4(http_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      ++requests_;
      if (how_.silent)
        (void)http_thread_.readable(http_);
      else
        answer(client);
      ::close(client);
    }
  }
  void answer(int client) {
    std::string request;
    std::array<char, 4096> buffer{};
    std::size_t wanted = std::string::npos;
    while (wanted == std::string::npos || request.size() < wanted) {
      const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      request.append(buffer.data(), static_cast<std::size_t>(got));
      const auto head = request.find("\r\n\r\n");
      if (wanted != std::string::npos || head == std::string::npos) continue;
      const auto length = request.find("Content-Length: ");
      wanted = head + 4 + (length == std::string::npos ? 0 : std::stoul(request.substr(length + 16)));
    }
    const bool asked_page = request.starts_with("GET ");
    if (asked_page && how_.endless_bytes > 0) return send_endless(client);
    const auto [status, body] = asked_page ? std::pair{200, page()} : control(request);
    send(client, "HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: close\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  static bool send(int client, const std::string& text) {
    return ::send(client, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  void send_endless(int client) const {
    if (!send(client, "HTTP/1.1 200 X\r\n\r\n<?xml?><root>")) return;
    const std::string part(4096, 'x');
    for (std::size_t sent = 0; sent < how_.endless_bytes && !http_thread_.ending(); sent += part.size())
      if (!send(client, part)) return;
  }
  std::string page() const {
    if (!how_.description.empty()) return how_.description;
    const auto base = "http://" + (how_.control_host.empty() ? to_string(at_) : how_.control_host);
    return "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><URLBase>" + base +
           "</URLBase><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
           "<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList>"
           "<device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList>"
           "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>"
           "<controlURL>/ctl</controlURL><eventSubURL>/evt</eventSubURL><SCPDURL>/scpd.xml</SCPDURL></"
           "service>"
           "</serviceList></device></deviceList></device></deviceList></device></root>";
  }
  static std::pair<int, std::string> refused(int code, const std::string& text) {
    return {500, "<s:Envelope><s:Body><s:Fault><detail><UPnPError><errorCode>" + std::to_string(code) +
                     "</errorCode><errorDescription>" + text +
                     "</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>"};
  }
  std::pair<int, std::string> control(const std::string& request) {
    const auto said = [](const std::string& inner) {
      return std::pair{200, "<s:Envelope><s:Body>" + inner + "</s:Body></s:Envelope>"};
    };
    const std::lock_guard lock(mutex_);
    const auto key = element(request, "NewProtocol") + " " + element(request, "NewExternalPort");
    if (request.find("#GetExternalIPAddress\"") != std::string::npos)
      return said("<NewExternalIPAddress>" + how_.outside + "</NewExternalIPAddress>");
    if (request.find("#AddPortMapping\"") != std::string::npos) {
      const auto lease = element(request, "NewLeaseDuration");
      if (how_.refuses) return refused(606, "Action not authorized");
      if (how_.permanent_only && lease != "0") return refused(725, "OnlyPermanentLeasesSupported");
      if (element(request, "NewExternalPort") == std::to_string(how_.taken))
        return refused(718, "ConflictInMappingEntry");
      entries_[key] =
          element(request, "NewInternalClient") + ":" + element(request, "NewInternalPort") + " " + lease;
      return said("<u:AddPortMappingResponse/>");
    }
    if (request.find("#GetSpecificPortMappingEntry\"") != std::string::npos) {
      const auto entry = how_.does_nothing ? "192.0.2.8:1 0" : entries_[key];
      const auto colon = entry.find(':');
      return said("<NewInternalPort>" + entry.substr(colon + 1, entry.find(' ') - colon - 1) +
                  "</NewInternalPort><NewInternalClient>" + entry.substr(0, colon) + "</NewInternalClient>");
    }
    if (request.find("#DeletePortMapping\"") != std::string::npos && entries_.erase(key) != 0)
      return said("<u:DeletePortMappingResponse/>");
    return refused(714, "NoSuchEntryInArray");
  }
  void serve_search() {
    while (search_thread_.readable(search_)) {
      std::array<char, 2048> buffer{};
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const auto got =
          ::recvfrom(search_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
      if (got <= 0 ||
          std::string(buffer.data(), static_cast<std::size_t>(got)).find("device:InternetGatewayDevice:1") ==
              std::string::npos)
        continue;
      const auto text = "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nLocation:  " + url() +
                        "\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n";
      ::sendto(search_, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  }

  const behaviour how_;
  endpoint at_, search_at_;
  int http_ = -1, search_ = -1;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> entries_;
  std::atomic<std::size_t> requests_{0};
  server_thread http_thread_, search_thread_;
};

/// One round, waited for.
inline mapping_report map_now(port_mapper& mapper, std::vector<wanted_port> ports) {
  std::promise<mapping_report> told;
  mapper.map(std::move(ports), [&](mapping_report report) { told.set_value(std::move(report)); });
  return told.get_future().get();
}

inline wanted_port tcp_port(std::uint16_t port) {
  return {port_protocol::tcp, endpoint::v4(loopback_ip, port), "Soulseek"};
}
inline wanted_port udp_port_of(std::uint16_t port) {
  return {port_protocol::udp, endpoint::v4(0, port), "mesh"};
}

}  // namespace vsf::net::tests
