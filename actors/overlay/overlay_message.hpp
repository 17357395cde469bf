#pragma once

#include <utility>

#include "messages/schemas.hpp"

namespace vsf::overlay {

/// A message with this body: overlay_message(fb::OpenRootT{...}).
template <class Body>
record<fb::OverlayMessage> overlay_message(Body body) {
  fb::OverlayMessageT out;
  out.body.Set(std::move(body));
  return record<fb::OverlayMessage>::pack(out);
}

/// The channel a message names, 0 for none; and whether it is a request (on a channel of its sender's) or an
/// answer (on a channel of its receiver's).
struct channel_use {
  std::uint16_t channel = 0;
  bool request = false;
  bool answer = false;
};
inline channel_use channel_of(const fb::OverlayMessage& message) {
  const auto request = [](const auto* body) { return channel_use{body->channel(), true, false}; };
  const auto answer = [](const auto* body) { return channel_use{body->channel(), false, true}; };
  if (message.body() == nullptr) return {};
  switch (message.body_type()) {
    case fb::OverlayBody::OpenRoot:
      return request(message.body_as_OpenRoot());
    case fb::OverlayBody::GetProof:
      return request(message.body_as_GetProof());
    case fb::OverlayBody::GetData:
      return request(message.body_as_GetData());
    case fb::OverlayBody::Cancel:
      return request(message.body_as_Cancel());
    case fb::OverlayBody::CloseRoot:
      return request(message.body_as_CloseRoot());
    case fb::OverlayBody::RootOpened:
      return answer(message.body_as_RootOpened());
    case fb::OverlayBody::Denied:
      return answer(message.body_as_Denied());
    case fb::OverlayBody::Proof:
      return answer(message.body_as_Proof());
    case fb::OverlayBody::Have:
      return answer(message.body_as_Have());
    case fb::OverlayBody::Sharers:
      return answer(message.body_as_Sharers());
    default:
      return {};
  }
}

}  // namespace vsf::overlay
