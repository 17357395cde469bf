#include "net/port_mapping/ssdp.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace vsf::net {
namespace {

constexpr std::array<std::string_view, 4> devices{"urn:schemas-upnp-org:device:InternetGatewayDevice:1",
                                                  "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
                                                  "urn:schemas-upnp-org:service:WANIPConnection:1",
                                                  "urn:schemas-upnp-org:service:WANPPPConnection:1"};

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

sockaddr_in to_v4(const endpoint& from) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(from.port);
  std::memcpy(&out.sin_addr, from.ip.data() + 12, 4);
  return out;
}

}  // namespace

std::optional<endpoint> http_host(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return std::nullopt;
  auto host = url.substr(scheme.size());
  host = host.substr(0, host.find_first_of("/?#"));
  if (auto whole = parse_endpoint(host)) return whole;
  return parse_endpoint(std::string(host) + ":80");
}

std::optional<std::string> location_of(std::string_view answer, const endpoint& from) {
  if (!answer.starts_with("HTTP/1.1 200") && !answer.starts_with("HTTP/1.0 200")) return std::nullopt;
  while (!answer.empty()) {
    const auto end = answer.find('\n');
    const auto line = answer.substr(0, end);
    answer = end == std::string_view::npos ? std::string_view{} : answer.substr(end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !same_word(line.substr(0, colon), "location")) continue;
    const auto url = trimmed(line.substr(colon + 1));
    const auto host = http_host(url);
    if (!host || host->ip != from.ip || url.size() > 512) return std::nullopt;
    return std::string(url);
  }
  return std::nullopt;
}

ssdp_search::ssdp_search(const mapping_options& options)
    : where_(options.ssdp), search_time_(options.search_time) {}

ssdp_search::~ssdp_search() {
  if (socket_ >= 0) ::close(socket_);
}

result<void> ssdp_search::ask() {
  const auto failed = [](const char* what) {
    return fail(std::string(what) + ": " + std::strerror(errno) +
                "; check this machine's network connection");
  };
  socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return failed("cannot search for routers");
  const unsigned char hops = 2;
  (void)::setsockopt(socket_, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof hops);
  const auto to = to_v4(where_);
  std::size_t sent = 0;
  for (const auto device : devices) {
    const auto text = "M-SEARCH * HTTP/1.1\r\nHOST: " + to_string(where_) +
                      "\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: " + std::string(device) + "\r\n\r\n";
    if (::sendto(socket_, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) >=
        0)
      ++sent;
  }
  until_ = std::chrono::steady_clock::now() + search_time_;
  if (sent == 0) return failed("cannot search for routers");
  return {};
}

std::optional<std::string> ssdp_search::next(const round_watch& watch) {
  while (answers_ < max_answers) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - std::chrono::steady_clock::now());
    const auto wait_ms = left.count() <= 0 ? 0 : watch.left_ms(left);
    if (wait_ms == 0) return std::nullopt;
    pollfd waits{socket_, POLLIN, 0};
    // In short turns: the watch may be told to stop.
    const auto ready = ::poll(&waits, 1, std::min(wait_ms, 200));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    std::array<char, max_answer_size> buffer{};
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const auto got =
        ::recvfrom(socket_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    ++answers_;
    if (got <= 0) continue;
    const auto who = endpoint::v4(ntohl(from.sin_addr.s_addr), ntohs(from.sin_port));
    auto url = location_of({buffer.data(), static_cast<std::size_t>(got)}, who);
    if (url && seen_.insert(*url).second) return url;
  }
  return std::nullopt;
}

}  // namespace vsf::net
