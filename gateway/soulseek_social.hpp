#pragma once

#include <optional>

#include "gateway/soulseek_asks.hpp"

/// Talk, wishes, people and limits of the Soulseek side: questions of HTTP clients, and answers as JSON.
/// Pure. Names and shapes are those of openapi.json.
namespace vsf::gateway {

soulseek_answer soulseek_conversations(const request& asked, const std::string& segment);
soulseek_answer soulseek_conversation(const request& asked, const std::string& user);
soulseek_answer soulseek_forget_conversation(const request& asked, const std::string& user);

soulseek_answer soulseek_rooms(const request& asked, const std::string& segment);
soulseek_answer soulseek_join(const request& asked, const std::string& segment);
soulseek_answer soulseek_room(const request& asked, const std::string& room);
soulseek_answer soulseek_leave(const request& asked, const std::string& room);
soulseek_answer soulseek_say(const request& asked, const std::string& room);
soulseek_answer soulseek_ticker(const request& asked, const std::string& room);

soulseek_answer soulseek_wishes(const request& asked, const std::string& segment);
soulseek_answer soulseek_wish(const request& asked, const std::string& segment);
soulseek_answer soulseek_end_wish(const request& asked, const std::string& wish);

soulseek_answer soulseek_interests(const request& asked, const std::string& user);
soulseek_answer soulseek_interest(const std::string& item, bool hated, bool on);
soulseek_answer soulseek_recommendations(const request& asked, const std::string& segment);
soulseek_answer soulseek_similar_users(const request& asked, const std::string& segment);

soulseek_answer soulseek_people(const request& asked, const std::string& segment);
soulseek_answer soulseek_person(const request& asked, const std::string& name);
soulseek_answer soulseek_nobody(const request& asked, const std::string& name);

soulseek_answer soulseek_limits(const request& asked, const std::string& segment);
soulseek_answer soulseek_new_limits(const request& asked, const std::string& segment);

/// nullopt: it is none of these answers.
std::optional<response> render_soulseek_social(const fb::SoulseekReply& reply);

}  // namespace vsf::gateway
