#pragma once

#include <string>
#include <utility>

#include "messages/soulseek_schemas.hpp"

namespace vsf::soulseek {

template <class Answer>
record<fb::SoulseekReply> reply(Answer answer) {
  fb::SoulseekReplyT out;
  out.got.Set(std::move(answer));
  return record<fb::SoulseekReply>::pack(out);
}

/// What was wanted can't be done; `text` says why and what to do.
inline record<fb::SoulseekReply> problem(std::string code, std::string text) {
  fb::SoulseekProblemT out;
  out.code = std::move(code);
  out.text = std::move(text);
  return reply(std::move(out));
}

}  // namespace vsf::soulseek
