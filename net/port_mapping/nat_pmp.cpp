// NAT-PMP (RFC 6886) by libnatpmp.
#include <natpmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/port_mapping/router.hpp"

namespace vsf::net {
namespace {

std::string reason(int code) {
  switch (code) {
    case NATPMP_ERR_NOTAUTHORIZED:
      return "it doesn't allow it; switch NAT-PMP on in the router";
    case NATPMP_ERR_NETWORKFAILURE:
      return "it has no address itself yet";
    case NATPMP_ERR_OUTOFRESOURCES:
      return "it has no room for more";
    case NATPMP_ERR_UNSUPPORTEDVERSION:
    case NATPMP_ERR_UNSUPPORTEDOPCODE:
      return "it speaks another version";
    case NATPMP_ERR_NOGATEWAYSUPPORT:
    case NATPMP_ERR_RECVFROM:
      return "nobody answers there";
    default:
      return "it answered what isn't NAT-PMP (" + std::to_string(code) + ")";
  }
}

class nat_pmp_router final : public router {
 public:
  nat_pmp_router(const endpoint& at, const mapping_options& options) : at_(at), options_(options) {
    state_.s = -1;
  }
  ~nat_pmp_router() override {
    if (state_.s >= 0) ::close(state_.s);
  }
  nat_pmp_router(const nat_pmp_router&) = delete;
  nat_pmp_router& operator=(const nat_pmp_router&) = delete;

  /// The library's own socket can't be bound nor go to another port.
  result<void> open() {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(at_.port);
    std::memcpy(&to.sin_addr, at_.ip.data() + 12, 4);
    state_.gateway = to.sin_addr.s_addr;
    state_.s = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (state_.s < 0) return failed();
    if (const auto mine = parse_endpoint(options_.bind + ":0"); mine && mine->is_v4()) {
      sockaddr_in from{};
      from.sin_family = AF_INET;
      std::memcpy(&from.sin_addr, mine->ip.data() + 12, 4);
      if (::bind(state_.s, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) return failed();
    } else if (!options_.bind.empty() &&
               ::setsockopt(state_.s, SOL_SOCKET, SO_BINDTODEVICE, options_.bind.data(),
                            static_cast<socklen_t>(options_.bind.size())) != 0) {
      return failed();
    }
    if (::connect(state_.s, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return failed();
    return {};
  }

  std::string_view method() const override { return "NAT-PMP"; }
  endpoint address() const override { return at_; }

  result<endpoint> outside(const round_watch& watch) override { return outside(watch, options_.answer_time); }
  result<endpoint> outside(const round_watch& watch, std::chrono::milliseconds most) {
    natpmpresp_t said{};
    const auto done = ask([&] { return sendpublicaddressrequest(&state_); },
                          [&] { return said.type == NATPMP_RESPTYPE_PUBLICADDRESS; }, said, watch, most);
    if (!done) return tl::unexpected(done.error());
    return endpoint::v4(ntohl(said.pnu.publicaddress.addr.s_addr), 0);
  }

  mapped_port map(const wanted_port& what, std::uint16_t external, const round_watch& watch) override {
    mapped_port out{what, 0, 0, {}};
    const auto said = request(what, external, options_.lease_s, watch);
    if (!said) {
      out.problem = "the router refused: " + said.error().message;
    } else if (said->mappedpublicport == 0 || said->lifetime == 0) {
      out.problem = "the router agreed to nothing (port " + std::to_string(said->mappedpublicport) + " for " +
                    std::to_string(said->lifetime) + " s); forward the port by hand";
    } else {
      out.external = said->mappedpublicport;
      out.lease_s = said->lifetime;
    }
    return out;
  }

  result<void> unmap(const mapped_port& what, const round_watch& watch) override {
    const auto said = request(what.wanted, 0, 0, watch);
    if (!said) return tl::unexpected(said.error());
    return {};
  }

 private:
  using answer = decltype(natpmpresp_t{}.pnu.newportmapping);

  static tl::unexpected<error> failed() {
    return fail(std::string("cannot ask by NAT-PMP: ") + std::strerror(errno) +
                "; check network.bind and network.router");
  }

  result<answer> request(const wanted_port& what, std::uint16_t external, std::uint32_t lease_s,
                         const round_watch& watch) {
    const bool tcp = what.protocol == port_protocol::tcp;
    natpmpresp_t said{};
    const auto done = ask(
        [&] {
          return sendnewportmappingrequest(&state_, tcp ? NATPMP_PROTOCOL_TCP : NATPMP_PROTOCOL_UDP,
                                           what.listens.port, external, lease_s);
        },
        [&] {
          return said.type == (tcp ? NATPMP_RESPTYPE_TCPPORTMAPPING : NATPMP_RESPTYPE_UDPPORTMAPPING) &&
                 said.pnu.newportmapping.privateport == what.listens.port;
        },
        said, watch, options_.answer_time);
    if (!done) return tl::unexpected(done.error());
    return said.pnu.newportmapping;
  }

  /// Sends again as RFC 6886 wants it; answers to something else are read over.
  template <class Send, class Fits>
  result<void> ask(Send send, Fits fits, natpmpresp_t& said, const round_watch& watch,
                   std::chrono::milliseconds most) {
    const auto until = std::chrono::steady_clock::now() + most;
    if (const auto sent = send(); sent < 0) return fail(reason(sent));
    int strangers = 0;
    for (;;) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      const auto wait_ms = left.count() <= 0 ? 0 : watch.left_ms(left);
      if (wait_ms == 0) return fail("no answer in time");
      timeval again{};
      getnatpmprequesttimeout(&state_, &again);
      const auto again_ms = std::max<long>(0, again.tv_sec * 1000 + again.tv_usec / 1000 + 1);
      pollfd waits{state_.s, POLLIN, 0};
      (void)::poll(&waits, 1, static_cast<int>(std::min<long>({wait_ms, again_ms, 200})));
      const auto got = readnatpmpresponseorretry(&state_, &said);
      if (got == NATPMP_TRYAGAIN) continue;
      if (got != 0) return fail(reason(got));
      if (fits()) return {};
      if (++strangers > 16) return fail("it answers what it wasn't asked");
      if (const auto sent = send(); sent < 0) return fail(reason(sent));
    }
  }

  endpoint at_;
  mapping_options options_;
  natpmp_t state_{};
};

result<endpoint> gateway_of(const mapping_options& options) {
  if (!options.router.empty()) {
    auto named = parse_endpoint(options.router);
    if (!named) named = parse_endpoint(options.router + ":" + std::to_string(NATPMP_PORT));
    if (!named || !named->is_v4()) return fail("network.router is no IPv4 address, as NAT-PMP needs");
    return *named;
  }
  natpmp_t found{};
  if (initnatpmp(&found, 0, 0) != 0) return fail("this machine has no router to ask by NAT-PMP");
  const auto gateway = found.gateway;
  closenatpmp(&found);
  return endpoint::v4(ntohl(gateway), NATPMP_PORT);
}

}  // namespace

result<std::unique_ptr<router>> find_nat_pmp(const mapping_options& options, const round_watch& watch) {
  const auto at = gateway_of(options);
  if (!at) return tl::unexpected(at.error());
  auto out = std::make_unique<nat_pmp_router>(*at, options);
  const auto opened = out->open();
  if (!opened) return tl::unexpected(opened.error());
  if (const auto where = out->outside(watch, options.search_time); !where)
    return fail("no router answers by NAT-PMP at " + to_string(*at) + ": " + where.error().message);
  return std::unique_ptr<router>(std::move(out));
}

}  // namespace vsf::net
