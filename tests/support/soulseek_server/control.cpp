#include "tests/support/soulseek_server/control.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace vsf::soulseek::test_server {

namespace {

using json = nlohmann::json;

std::string dump(const json& line) { return line.dump(-1, ' ', false, json::error_handler_t::replace); }

std::uint32_t address_of(const std::string& text) {
  const auto parsed = parse_endpoint(text + ":1");
  if (!parsed || !parsed->is_v4()) throw std::invalid_argument(text + " is no IPv4 address");
  std::uint32_t out = 0;
  for (std::size_t i = 12; i < 16; ++i) out = out << 8 | parsed->ip[i];
  return out;
}

std::optional<refusal> refusal_of(const json& line) {
  if (!line.contains("why")) return std::nullopt;
  const auto why = line.at("why").get<std::string>(), detail = line.value("detail", "");
  for (auto f = login_failure::invalid_username; f != login_failure::other;
       f = static_cast<login_failure>(static_cast<int>(f) + 1))
    if (to_string(f) == why) return refusal{f, detail};
  return refusal{login_failure::other, why};
}

bytes from_hex(const std::string& text) {
  if (text.size() % 2 != 0) throw std::invalid_argument("hex has two digits a byte");
  bytes out;
  for (std::size_t i = 0; i < text.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return out;
}

distribution searches_of(const std::string& how) {
  if (how != "flat" && how != "tree") throw std::invalid_argument("searches are flat or tree");
  return how == "tree" ? distribution::tree : distribution::flat;
}

json as_list(const std::set<std::string>& names) {
  auto out = json::array();
  for (const auto& name : names) out.push_back(name);
  return out;
}

/// One word of the control language; what it gives goes into the answer.
using action = std::function<json(server_core&, time_ms, const json&)>;

std::string user_of(const json& line) { return line.at("user").get<std::string>(); }

const std::map<std::string, action>& actions() {
  static const std::map<std::string, action> all{
      {"ban", [](auto& core, auto now, auto& line) { return core.ban(user_of(line), now), json(); }},
      {"unban", [](auto& core, auto, auto& line) { return core.unban(user_of(line)), json(); }},
      {"ban_address",
       [](auto& core, auto, auto& line) {
         return core.ban_address(address_of(line.at("ip")), line.value("on", true)), json();
       }},
      {"kick", [](auto& core, auto now, auto& line) { return json(core.kick(user_of(line), now)); }},
      {"relog", [](auto& core, auto now, auto& line) { return json(core.relog(user_of(line), now)); }},
      {"slow",
       [](auto& core, auto, auto& line) {
         return core.slow_down(time_ms(line.at("ms").template get<std::uint32_t>())), json();
       }},
      {"die", [](auto& core, auto now, auto&) { return core.die(now), json(); }},
      {"come_back", [](auto& core, auto, auto&) { return core.come_back(), json(); }},
      {"refuse",
       [](auto& core, auto, auto& line) { return core.refuse_connections(line.value("on", true)), json(); }},
      {"firewall",
       [](auto& core, auto, auto& line) {
         std::optional<told_ports> ports;
         if (line.contains("port")) ports = {line.at("port"), line.value("obfuscated_port", 0U)};
         return core.firewall(user_of(line), ports), json();
       }},
      {"refuse_logins",
       [](auto& core, auto, auto& line) { return core.refuse_logins(refusal_of(line)), json(); }},
      {"admin_message",
       [](auto& core, auto now, auto& line) {
         return core.admin_message(line.value("user", ""), line.at("text"), now), json();
       }},
      {"privileges",
       [](auto& core, auto now, auto& line) {
         return core.set_privileges(user_of(line), line.at("seconds"), now), json();
       }},
      {"excluded_phrases",
       [](auto& core, auto, auto& line) {
         return core.set_excluded_phrases(line.at("phrases").template get<std::vector<std::string>>()),
                json();
       }},
      {"searches",
       [](auto& core, auto, auto& line) { return core.set_searches(searches_of(line.at("how"))), json(); }},
      {"upload_speed",
       [](auto& core, auto now, auto& line) {
         return core.set_upload_speed(user_of(line), line.at("speed"), now), json();
       }},
      {"reset_distributed", [](auto& core, auto now, auto&) { return core.reset_distributed(now), json(); }},
      {"inject", [](auto& core, auto now,
                    auto& line) { return json(core.inject(user_of(line), from_hex(line.at("hex")), now)); }},
      {"online", [](auto& core, auto, auto&) { return as_list(core.online()); }},
  };
  return all;
}

}  // namespace

std::string control_line(network_server& server, const std::string& line) {
  try {
    const auto asked = json::parse(line);
    const auto word = asked.at("do").get<std::string>();
    const auto it = actions().find(word);
    if (it == actions().end()) throw std::invalid_argument("no such word: " + word);
    json answer{{"event", "done"}, {"do", word}};
    server.control([&](server_core& core, time_ms now) {
      auto outcome = it->second(core, now, asked);
      if (!outcome.is_null()) answer["result"] = std::move(outcome);
    });
    return dump(answer);
  } catch (const std::exception& why) {
    return dump(json{{"event", "error"}, {"why", why.what()}});
  }
}

std::string log_line(const event& happened) {
  json line{{"event", happened.what}, {"ms", happened.when.count()}};
  if (!happened.user.empty()) line["user"] = happened.user;
  for (const auto& [key, value] : happened.details) line.emplace(key, value);
  return dump(line);
}

}  // namespace vsf::soulseek::test_server
