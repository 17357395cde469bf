// UPnP IGD by libminiupnpc's readers of XML. The talking is done here: the library reads answers of any
// length for any time.
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpreplyparse.h>

#include <utility>

#include "net/port_mapping/http_fetch.hpp"
#include "net/port_mapping/router.hpp"
#include "net/port_mapping/ssdp.hpp"

namespace vsf::net {
namespace {

using arguments = std::vector<std::pair<std::string_view, std::string>>;

constexpr int only_permanent_leases = 725;
constexpr int conflict = 718;
constexpr std::size_t other_ports_tried = 4;

/// What an answer of the router's says; few and short values are all that is wanted of it.
class soap_answer {
 public:
  explicit soap_answer(const std::string& body) {
    ParseNameValue(body.data(), static_cast<int>(body.size()), &values_);
  }
  ~soap_answer() { ClearNameValueList(&values_); }
  soap_answer(const soap_answer&) = delete;
  soap_answer& operator=(const soap_answer&) = delete;
  std::string value(const char* name) {
    const char* found = GetValueFromNameValueList(&values_, name);
    return found == nullptr ? "" : found;
  }
  int number(const char* name) {
    const auto text = value(name);
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
      return 0;
    return std::stoi(text);
  }

 private:
  NameValueParserData values_{};
};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out.push_back(c);
  }
  return out;
}

/// A router's own words, for a message: printable and short.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80))
    if (c >= ' ' && c < 127) out.push_back(c);
  return out;
}

struct igd {
  endpoint at, local;  // of the router, and of this machine as it sees it
  std::string control_url, service;
};

result<igd> read_description(const std::string& url, const fetch_answer& page) {
  if (page.status != 200)
    return fail("its description isn't there (HTTP " + std::to_string(page.status) + ")");
  IGDdatas data{};
  parserootdesc(page.body.data(), static_cast<int>(page.body.size()), &data);
  const std::string service = data.first.servicetype;
  if (!service.starts_with("urn:schemas-upnp-org:service:WANIPConnection:") &&
      !service.starts_with("urn:schemas-upnp-org:service:WANPPPConnection:"))
    return fail("its description offers no connection to the internet");
  UPNPUrls urls{};
  GetUPNPUrls(&urls, &data, url.c_str(), 0);
  igd out;
  out.control_url = urls.controlURL == nullptr ? "" : urls.controlURL;
  FreeUPNPUrls(&urls);
  out.service = service;
  const auto described = http_host(url), controlled = http_host(out.control_url);
  if (!described || !controlled || described->ip != controlled->ip)
    return fail("it wants to be controlled at another address (" + quoted(out.control_url) + ")");
  out.at = *controlled;
  out.local = page.local;
  return out;
}

class upnp_router final : public router {
 public:
  upnp_router(igd what, const mapping_options& options) : igd_(std::move(what)), options_(options) {}

  std::string_view method() const override { return "UPnP"; }
  endpoint address() const override { return igd_.at; }

  result<endpoint> outside(const round_watch& watch) override {
    auto said = call("GetExternalIPAddress", {}, watch);
    if (!said) return tl::unexpected(said.error());
    soap_answer answer(said->body);
    const auto text = answer.value("NewExternalIPAddress");
    const auto where = parse_endpoint(text + ":0");
    if (!where) return fail("it tells no outside address (\"" + quoted(text) + "\")");
    return *where;
  }

  mapped_port map(const wanted_port& what, std::uint16_t external, const round_watch& watch) override {
    mapped_port out{what, 0, 0, {}};
    for (std::size_t tried = 0; tried <= other_ports_tried; ++tried) {
      const auto refused = add(out, external, options_.lease_s, watch);
      if (refused == 0) break;
      if (refused == only_permanent_leases && add(out, external, 0, watch) == 0) break;
      if (refused != conflict) return out;
      // Somebody else has it. High ports are seldom taken.
      external = static_cast<std::uint16_t>(20000 + (external * 7 + 1009) % 40000);
    }
    if (out.external != 0) check(out, watch);
    return out;
  }

  result<void> unmap(const mapped_port& what, const round_watch& watch) override {
    auto said = call("DeletePortMapping",
                     {{"NewRemoteHost", ""},
                      {"NewExternalPort", std::to_string(what.external)},
                      {"NewProtocol", protocol(what.wanted)}},
                     watch);
    if (!said) return tl::unexpected(said.error());
    return {};
  }

 private:
  static std::string protocol(const wanted_port& what) {
    return what.protocol == port_protocol::tcp ? "TCP" : "UDP";
  }
  static std::string host(const endpoint& of) {
    const auto text = to_string(of);
    return text.substr(0, text.rfind(':'));
  }

  /// `code`, when given: the router's error, -1: it didn't answer as it should.
  result<fetch_answer> call(const std::string& action, const arguments& with, const round_watch& watch,
                            int* code = nullptr) {
    if (code != nullptr) *code = -1;
    std::string body =
        "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" "
        "s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:" +
        action + " xmlns:u=\"" + escaped(igd_.service) + "\">";
    for (const auto& [name, value] : with)
      body += "<" + std::string(name) + ">" + escaped(value) + "</" + std::string(name) + ">";
    body += "</u:" + action + "></s:Body></s:Envelope>\r\n";
    auto said = fetch({igd_.control_url,
                       {"Content-Type: text/xml; charset=\"utf-8\"",
                        "SOAPAction: \"" + igd_.service + "#" + action + "\"", "Expect:"},
                       std::move(body),
                       options_.bind,
                       options_.answer_time},
                      watch);
    if (!said) return fail(action + ": " + said.error().message);
    if (said->status == 200) {
      if (code != nullptr) *code = 0;
      return said;
    }
    soap_answer answer(said->body);
    const auto number = answer.number("errorCode");
    if (code != nullptr && number != 0) *code = number;
    return fail(action + ": it answered " +
                (number == 0 ? "HTTP " + std::to_string(said->status)
                             : std::to_string(number) + " " + quoted(answer.value("errorDescription"))));
  }

  /// 0: done. Else the error's number; the text is in out.problem.
  int add(mapped_port& out, std::uint16_t external, std::uint32_t lease_s, const round_watch& watch) {
    int code = -1;
    const auto& listens = out.wanted.listens;
    const bool any = listens.ip == endpoint{}.ip || (listens.is_v4() && host(listens) == "0.0.0.0");
    if (!any && listens.ip != igd_.local.ip) {
      out.problem =
          "it listens on " + host(listens) + " alone, and the router would send to " + host(igd_.local);
      return -1;
    }
    const auto done = call("AddPortMapping",
                           {{"NewRemoteHost", ""},
                            {"NewExternalPort", std::to_string(external)},
                            {"NewProtocol", protocol(out.wanted)},
                            {"NewInternalPort", std::to_string(listens.port)},
                            {"NewInternalClient", host(igd_.local)},
                            {"NewEnabled", "1"},
                            {"NewPortMappingDescription", "vsf " + out.wanted.what_for},
                            {"NewLeaseDuration", std::to_string(lease_s)}},
                           watch, &code);
    if (!done) {
      out.problem = "the router refused: " + quoted(done.error().message) +
                    "; forward the port by hand, or switch UPnP on in the router";
      return code;
    }
    out.external = external;
    out.lease_s = lease_s;
    out.problem.clear();
    return 0;
  }

  /// Some routers say yes and do nothing. One that can't tell is believed.
  void check(mapped_port& out, const round_watch& watch) {
    auto said = call("GetSpecificPortMappingEntry",
                     {{"NewRemoteHost", ""},
                      {"NewExternalPort", std::to_string(out.external)},
                      {"NewProtocol", protocol(out.wanted)}},
                     watch);
    if (!said) return;
    soap_answer answer(said->body);
    const auto client = answer.value("NewInternalClient");
    const auto port = answer.number("NewInternalPort");
    if (client.empty() || (client == host(igd_.local) && port == out.wanted.listens.port)) return;
    out.problem = "the router agreed, but sends port " + std::to_string(out.external) + " to " +
                  quoted(client) + ":" + std::to_string(port) + "; forward the port by hand";
    out.external = 0;
  }

  igd igd_;
  mapping_options options_;
};

}  // namespace

bool behind_another(const endpoint& outside) {
  if (scope_of(outside) != address_scope::global) return true;
  // 100.64.0.0/10: between a provider's customers and its own router (RFC 6598).
  return outside.is_v4() && outside.ip[12] == 100 && (outside.ip[13] & 0xC0U) == 64;
}

result<std::unique_ptr<router>> find_upnp(const mapping_options& options, const round_watch& watch) {
  const auto ask = [&](const std::string& url) -> result<std::unique_ptr<router>> {
    auto page = fetch({url, {}, {}, options.bind, options.answer_time}, watch);
    auto found = page ? read_description(url, *page) : result<igd>(tl::unexpected(page.error()));
    if (!found) return fail("the UPnP router at " + quoted(url) + ": " + found.error().message);
    return std::unique_ptr<router>(std::make_unique<upnp_router>(std::move(*found), options));
  };
  if (!options.router.empty()) {
    if (!http_host(options.router))
      return fail("network.router is no http:// address with an IP address, as UPnP needs");
    return ask(options.router);
  }
  ssdp_search search(options);
  if (auto sent = search.ask(); !sent) return tl::unexpected(sent.error());
  std::string why = "no router answers by UPnP";
  constexpr int max_asked = 4;
  for (int asked = 0; asked < max_asked; ++asked) {
    const auto url = search.next(watch);
    if (!url) break;
    auto found = ask(*url);
    if (found) return found;
    why = found.error().message;
  }
  return fail(why);
}

}  // namespace vsf::net
