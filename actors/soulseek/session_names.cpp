#include "actors/soulseek/session.hpp"

namespace vsf::soulseek {

const char* to_string(session_state state) {
  switch (state) {
    case session_state::offline:
      return "offline";
    case session_state::resolving:
      return "resolving";
    case session_state::connecting:
      return "connecting";
    case session_state::logging_in:
      return "logging_in";
    case session_state::online:
      return "online";
    case session_state::backing_off:
      return "backing_off";
    case session_state::stopped:
      return "stopped";
  }
  return "unknown";
}

const char* to_string(session_problem problem) {
  switch (problem) {
    case session_problem::none:
      return "none";
    case session_problem::cannot_resolve:
      return "cannot_resolve";
    case session_problem::cannot_connect:
      return "cannot_connect";
    case session_problem::connection_lost:
      return "connection_lost";
    case session_problem::bad_answer:
      return "bad_answer";
    case session_problem::no_answer:
      return "no_answer";
    case session_problem::server_full:
      return "server_full";
    case session_problem::unknown_refusal:
      return "unknown_refusal";
    case session_problem::invalid_username:
      return "invalid_username";
    case session_problem::empty_password:
      return "empty_password";
    case session_problem::invalid_password:
      return "invalid_password";
    case session_problem::invalid_version:
      return "invalid_version";
    case session_problem::server_private:
      return "server_private";
    case session_problem::relogged:
      return "relogged";
  }
  return "unknown";
}

}  // namespace vsf::soulseek
