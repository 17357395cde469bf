#include "actors/dht/session.hpp"

#include "messages/mutant.hpp"

namespace vsf::dht {
namespace {

/// IK message 1: e, encrypted s, tag of the payload. Message 2: e and the tag.
constexpr std::size_t message_1_overhead = 32 + 32 + crypto::tag_size + crypto::tag_size;
constexpr std::size_t message_2_overhead = 32 + crypto::tag_size;
constexpr std::size_t message_2_fields = 4 + 2 + 2;

struct checked_certificate {
  identity::certified who;
  std::uint64_t nonce = 0;
};
std::optional<checked_certificate> check(byte_view raw, const std::optional<static_key>& key,
                                         const link_context& context) {
  const auto certificate = record<fb::Certificate>::parse_copy(raw);
  if (!certificate || !key) return std::nullopt;
  const auto who = identity::verify_certificate(&**certificate, context.me->network);
  if (!who || who->static_key != *key) return std::nullopt;
  return checked_certificate{*who, (*certificate)->nonce()};
}

}  // namespace

bool replay_window::is_fresh(std::uint64_t counter) const {
  if (mutant(mutation::no_replay_window)) return true;
  if (counter >= next_) return true;
  const auto behind = next_ - 1 - counter;
  return behind < width && (seen_ >> behind & 1) == 0;
}

void replay_window::mark(std::uint64_t counter) {
  if (counter >= next_) {
    const auto ahead = counter - next_ + 1;
    seen_ = ahead >= width ? 0 : seen_ << ahead;
    seen_ |= 1;
    next_ = counter + 1;
    return;
  }
  const auto behind = next_ - 1 - counter;
  if (behind < width) seen_ |= std::uint64_t{1} << behind;
}

std::shared_ptr<const link_context> make_link_context(std::shared_ptr<const identity::identity> me) {
  auto out = std::make_shared<link_context>();
  out->network = tag_of(me->network);
  out->prologue = prologue_of(me->network);
  out->certificate = to_bytes(identity::make_certificate(*me).raw().view());
  out->me = std::move(me);
  return out;
}

session::session(std::uint32_t local_id, std::uint32_t remote_id, const noise::split_keys& keys,
                 const endpoint& address, bool address_proven, nanoseconds now)
    : send_key_(keys.send),
      receive_key_(keys.receive),
      address_(address),
      address_proven_(address_proven),
      local_id_(local_id),
      remote_id_(remote_id),
      last_received_(now),
      last_sent_(now) {}

bool session::expired(nanoseconds now) const {
  return now - last_received_ > session_idle_limit || send_counter_ >= session_message_limit;
}

std::optional<frame> session::seal(byte_view text, nanoseconds now) {
  if (text.size() > transport_budget || send_counter_ >= session_message_limit) return std::nullopt;
  if (!sealer_) sealer_ = std::make_unique<crypto::aead>(send_key_);
  auto out = make_transport(remote_id_, send_counter_, text);
  const auto whole = out.mutable_view();
  sealer_->seal(send_counter_, out.view().first(transport_header), whole.subspan(transport_header));
  ++send_counter_;
  last_sent_ = now;
  return out;
}

tl::expected<frame, drop_reason> session::open(const transport_view& datagram, nanoseconds now) {
  if (expired(now)) return tl::unexpected(drop_reason::expired_session);
  if (!window_.is_fresh(datagram.counter)) return tl::unexpected(drop_reason::replay);
  if (!opener_) opener_ = std::make_unique<crypto::aead>(receive_key_);
  auto text = frame::copy_of(datagram.sealed);
  if (!opener_->open(datagram.counter, datagram.header, text.mutable_view()))
    return tl::unexpected(drop_reason::bad_mac);
  window_.mark(datagram.counter);
  last_received_ = now;
  return text.slice(0, text.size() - crypto::tag_size);
}

void session::compact() {
  sealer_.reset();
  opener_.reset();
}

std::optional<opening> opening::begin(const link_context& context, const contact& whom,
                                      std::uint32_t local_id, byte_view message, std::uint64_t unix_ms,
                                      nanoseconds now, crypto::random_source& random) {
  constexpr auto payload_size = datagram_limit - handshake_1_header - message_1_overhead;
  auto noise =
      noise::handshake::initiator(noise::pattern::ik, context.prologue, context.me->dh_key, whom.key, random);
  handshake_payload payload;
  payload.sender = local_id;
  payload.time_ms = unix_ms;
  payload.certificate = context.certificate;
  payload.message = message;
  const auto plain = write_payload(true, payload, payload_size);
  if (plain.size() != payload_size) return std::nullopt;
  const auto written = noise.write(plain);
  if (!written) return std::nullopt;
  opening out(std::move(noise), whom, local_id, now);
  out.datagram_ = make_handshake_1(context.network, *written);
  return out;
}

tl::expected<opening::result, drop_reason> opening::finish(const link_context& context,
                                                           const handshake_2_view& datagram,
                                                           nanoseconds now) {
  // A copy is tried: a forged answer must not spoil the handshake for the real one.
  auto noise = noise_;
  const auto plain = noise.read(datagram.noise);
  if (!plain) return tl::unexpected(drop_reason::bad_mac);
  const auto payload = read_payload(false, *plain);
  if (!payload) return tl::unexpected(drop_reason::malformed);
  const auto certificate = check(payload->certificate, noise.remote_static(), context);
  if (!certificate) return tl::unexpected(drop_reason::bad_certificate);
  auto message = record<fb::DhtMessage>::parse_copy(payload->message);
  if (!message) return tl::unexpected(drop_reason::malformed);
  return result{session(local_id_, payload->sender, noise.split(), whom_.address, true, now),
                certificate->who, certificate->nonce, std::move(*message)};
}

tl::expected<opened, drop_reason> read_opening(const link_context& context, const handshake_1_view& datagram,
                                               std::uint64_t unix_ms, crypto::random_source& random) {
  auto noise = noise::handshake::responder(noise::pattern::ik, context.prologue, context.me->dh_key, random);
  const auto plain = noise.read(datagram.noise);
  if (!plain) return tl::unexpected(drop_reason::bad_mac);
  const auto payload = read_payload(true, *plain);
  if (!payload) return tl::unexpected(drop_reason::malformed);
  const auto off = payload->time_ms > unix_ms ? payload->time_ms - unix_ms : unix_ms - payload->time_ms;
  if (off > handshake_clock_ms) return tl::unexpected(drop_reason::clock_off);
  if (noise.remote_static() == context.me->dh_key.key) return tl::unexpected(drop_reason::own);
  const auto certificate = check(payload->certificate, noise.remote_static(), context);
  if (!certificate) return tl::unexpected(drop_reason::bad_certificate);
  auto message = record<fb::DhtMessage>::parse_copy(payload->message);
  if (!message) return tl::unexpected(drop_reason::malformed);
  return opened{std::move(noise), certificate->who, certificate->nonce,
                payload->sender,  payload->time_ms, std::move(*message)};
}

std::size_t opening_answer_budget(const link_context& context) {
  return unproven_answer_size - handshake_2_header - message_2_overhead - message_2_fields -
         context.certificate.size();
}

std::optional<opening_answer> answer_opening(const link_context& context, opened what, std::uint32_t local_id,
                                             byte_view message, const endpoint& from, nanoseconds now) {
  if (message.size() > opening_answer_budget(context)) return std::nullopt;
  handshake_payload payload;
  payload.sender = local_id;
  payload.certificate = context.certificate;
  payload.message = message;
  const auto written = what.noise.write(write_payload(false, payload, 0));
  if (!written) return std::nullopt;
  return opening_answer{make_handshake_2(what.remote_id, *written),
                        session(local_id, what.remote_id, what.noise.split(), from, false, now)};
}

bool replay_filter::seen(std::uint64_t mark) const {
  return std::binary_search(current_.begin(), current_.end(), mark) ||
         std::binary_search(previous_.begin(), previous_.end(), mark);
}

void replay_filter::add(std::uint64_t mark, nanoseconds now) {
  // A datagram is acceptable for twice the clock window at most, so two generations of that length cover it.
  constexpr auto generation = std::chrono::milliseconds(2 * handshake_clock_ms);
  if (since_ == nanoseconds::min()) since_ = now;
  if (current_.size() >= max_generation || now - since_ >= generation) {
    previous_ = std::move(current_);
    current_.clear();
    since_ = now;
  }
  current_.insert(std::upper_bound(current_.begin(), current_.end(), mark), mark);
}

std::uint64_t replay_filter::mark_of(const handshake_1_view& datagram) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8 && i < datagram.noise.size(); ++i) out = out << 8 | datagram.noise[i];
  return out;
}

}  // namespace vsf::dht
