#include "actors/dht/write_tokens.hpp"

#include "messages/mutant.hpp"

namespace vsf::dht {

write_tokens::write_tokens(crypto::random_source& random) : random_(&random) {
  random_->fill(current_);
  random_->fill(previous_);
}

void write_tokens::rotate(nanoseconds now) {
  if (since_ == nanoseconds::min()) since_ = now;
  if (now - since_ < period) return;
  // After a longer silence the current one is as old as the previous would be.
  if (now - since_ >= 2 * period)
    random_->fill(previous_);
  else
    previous_ = current_;
  random_->fill(current_);
  since_ = now;
}

write_tokens::token write_tokens::made_with(const digest& secret, const endpoint& who) {
  std::array<std::uint8_t, 16 + 2> said{};
  auto at = std::copy(who.ip.begin(), who.ip.end(), said.begin());
  *at++ = static_cast<std::uint8_t>(who.port >> 8);
  *at++ = static_cast<std::uint8_t>(who.port & 0xFF);
  const auto mac = crypto::hmac_sha256(secret.view(), said);
  token out;
  std::copy_n(mac.begin(), out.size(), out.begin());
  return out;
}

write_tokens::token write_tokens::make(nanoseconds now, const endpoint& who) {
  rotate(now);
  return made_with(current_, who);
}

bool write_tokens::check(nanoseconds now, const endpoint& who, byte_view shown) {
  rotate(now);
  if (shown.size() != token_size) return false;
  if (mutant(mutation::no_token_check)) return true;
  return crypto::equal_constant_time(shown, made_with(current_, who)) ||
         crypto::equal_constant_time(shown, made_with(previous_, who));
}

}  // namespace vsf::dht
