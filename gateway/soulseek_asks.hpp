#pragma once

#include <variant>

#include "gateway/routes.hpp"

/// What HTTP clients want of the Soulseek side, as its own questions; and its answers as JSON. Pure. Names
/// and shapes are those of openapi.json.
namespace vsf::gateway {

using soulseek_answer = std::variant<want, response>;

soulseek_answer soulseek_status(const request& asked, const std::string& segment);
soulseek_answer soulseek_login(const request& asked, const std::string& segment);
soulseek_answer soulseek_logout(const request& asked, const std::string& segment);
soulseek_answer soulseek_search(const request& asked, const std::string& segment);
soulseek_answer soulseek_results(const request& asked, const std::string& search);
/// `keep`: its results stay for a while.
soulseek_answer soulseek_end_search(const std::string& search, bool keep);
soulseek_answer soulseek_away(const request& asked, const std::string& segment);
soulseek_answer soulseek_move(const request& asked, const std::string& id);
soulseek_answer soulseek_user(const request& asked, const std::string& user);
soulseek_answer soulseek_shares(const request& asked, const std::string& user);
soulseek_answer soulseek_downloads(const request& asked, const std::string& segment);
soulseek_answer soulseek_uploads(const request& asked, const std::string& segment);
soulseek_answer soulseek_download(const request& asked, const std::string& segment);
soulseek_answer soulseek_control(const std::string& id, fb::SoulseekVerb verb, bool upload);
soulseek_answer soulseek_message(const request& asked, const std::string& segment);

response render_soulseek(const fb::SoulseekReply& reply);

}  // namespace vsf::gateway
