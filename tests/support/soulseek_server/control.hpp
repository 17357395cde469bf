#pragma once

#include "sim/soulseek_server/network_server.hpp"

namespace vsf::soulseek::test_server {

/// Carries out a line of JSON like {"do": "ban", "user": "x"} and gives a line of JSON with its outcome:
/// {"event": "done", "do": ...}, or {"event": "error", "why": ...}.
///
/// ban, unban, kick, relog: user. ban_address: ip ("1.2.3.4"), on. slow: ms. die, come_back,
/// reset_distributed, online. refuse: on. firewall: user, port, obfuscated_port (what others are told;
/// without them its own). refuse_logins: why (as on the wire; without it they are taken again), detail.
/// admin_message: text, user (all without it). privileges: user, seconds. excluded_phrases: phrases.
/// searches: how ("flat", "tree"). upload_speed: user, speed (B/s). inject: user, hex.
std::string control_line(network_server& server, const std::string& line);
/// An event of the log as a line of JSON.
std::string log_line(const event& happened);

}  // namespace vsf::soulseek::test_server
