#include "net/soulseek/types.hpp"

namespace vsf::soulseek {

std::string_view to_string(fault f) {
  switch (f) {
    case fault::truncated:
      return "truncated";
    case fault::oversize:
      return "oversize";
    case fault::bad_zlib:
      return "bad zlib";
    case fault::inflates_too_far:
      return "inflates too far";
    case fault::too_many_items:
      return "too many items";
    case fault::malformed:
      return "malformed";
  }
  return "unknown fault";
}

std::string_view to_string(login_failure f) {
  switch (f) {
    case login_failure::invalid_username:
      return "INVALIDUSERNAME";
    case login_failure::empty_password:
      return "EMPTYPASSWORD";
    case login_failure::invalid_password:
      return "INVALIDPASS";
    case login_failure::invalid_version:
      return "INVALIDVERSION";
    case login_failure::server_full:
      return "SVRFULL";
    case login_failure::server_private:
      return "SVRPRIVATE";
    case login_failure::other:
      return "";
  }
  return "";
}

}  // namespace vsf::soulseek
