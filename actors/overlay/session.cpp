#include "actors/overlay/session.hpp"

#include <algorithm>
#include <utility>

#include "actors/overlay/overlay_message.hpp"
#include "messages/mutant.hpp"

namespace vsf::overlay {

session::session(session_setup setup, nanoseconds now, crypto::random_source& random, counter_board& counters)
    : setup_(std::move(setup)),
      limits_(setup_.limits),
      random_(&random),
      counters_(&counters),
      handshake_(setup_.whom ? link_handshake::dial(setup_.self, *setup_.whom, random)
                             : link_handshake::accept(setup_.self, random)),
      dialled_(setup_.whom.has_value()),
      began_(now),
      last_read_(now),
      last_keepalive_(now),
      last_busy_(now) {}

void session::start(session_effects& out) {
  // One packet at a time until the peer is proven: a stranger occupies one buffer.
  out.push_back(give_credit{1});
  if (!dialled_) return;
  auto first = handshake_.first();
  if (!first) return finish(first.error().message, count::handshake_failed, out);
  clear_.push_back(*std::move(first));
}

// ---- Coming in

void session::on_packet(frame packet, nanoseconds now, session_effects& out) {
  if (phase_ == phase::over) return;
  last_read_ = now;
  bytes_in_ += packet.size();
  counters_->add(count::packets_in);
  counters_->add(count::bytes_in, packet.size());
  if (phase_ != phase::handshake) return on_frame(std::move(packet), now, out);
  on_handshake_packet(packet.view(), out);
  if (phase_ != phase::over) out.push_back(give_credit{1});
}

void session::on_handshake_packet(byte_view packet, session_effects& out) {
  auto answer = handshake_.on_packet(packet);
  if (!answer) return finish(answer.error().message, count::handshake_failed, out);
  if (!answer->empty()) clear_.push_back(*std::move(answer));
  if (!handshake_.finished()) return;
  const auto keys = handshake_.split();
  sealer_.emplace(keys.send, limits_.rekey_interval);
  opener_.emplace(keys.receive, limits_.rekey_interval);
  phase_ = phase::hello;
  say_hello(out);
}

void session::on_frame(frame packet, nanoseconds now, session_effects& out) {
  if (!opener_->open(packet.mutable_view())) return violation("a frame is not authentic", out);
  auto parsed = parse_frame(packet.slice(0, packet.size() - frame_tag_size));
  if (!parsed) return violation("a malformed frame", out);
  if (auto* data = std::get_if<bulk_frame>(&*parsed)) {
    if (phase_ != phase::up) return violation("data before hello", out);
    counters_->add(count::bulk_in);
    if (mine_.contains(data->header.channel)) return out.push_back(data_to_channel{std::move(*data)});
    counters_->add(count::no_channel);
    return out.push_back(give_credit{1});
  }
  counters_->add(count::control_in);
  charge(now);
  if (std::holds_alternative<unknown_frame>(*parsed))
    counters_->add(count::unknown_frame);
  else
    on_message(std::get<record<fb::OverlayMessage>>(*parsed), now, out);
  if (phase_ == phase::over) return;
  if (mutant(mutation::credits_not_returned)) return;
  if (throttled(now)) {
    counters_->add(count::throttled);
    ++withheld_;
  } else {
    out.push_back(give_credit{1});
  }
}

void session::on_message(const record<fb::OverlayMessage>& message, nanoseconds now, session_effects& out) {
  using enum fb::OverlayBody;
  const auto type = message->body() == nullptr ? NONE : message->body_type();
  if (phase_ == phase::hello && type != Hello) return violation("another message before hello", out);
  switch (type) {
    case Hello:
      return on_hello(*message->body_as_Hello(), now, out);
    case KeepAlive: {
      fb::KeepAliveAckT ack;
      ack.nonce = message->body_as_KeepAlive()->nonce();
      return queue(overlay_message(ack), out);
    }
    case KeepAliveAck:
      return on_keepalive_ack(message->body_as_KeepAliveAck()->nonce(), now);
    case Goodbye:
      return finish(std::string("the peer said goodbye: ") +
                        fb::EnumNameGoodbyeReason(message->body_as_Goodbye()->reason()),
                    count::ended_by_peer, out);
    default:
      break;
  }
  const auto use = channel_of(*message);
  if (!use.request && !use.answer) return counters_->add(count::unknown_message);
  if (use.channel == 0) return violation("channel 0 was named", out);
  if (use.request) return on_request(message, now, out);
  on_answer(use.channel, message, out);
}

void session::on_hello(const fb::Hello& hello, nanoseconds now, session_effects& out) {
  if (phase_ == phase::up) return violation("a second hello", out);
  if (hello.version() == 0) return violation("version 0", out);
  peer_hello said;
  said.version = hello.version();
  said.capabilities = hello.capabilities();
  said.listen_port = hello.listen_port();
  if (hello.features() != nullptr)
    for (const auto* feature : *hello.features()) {
      if (said.features.size() >= max_features) break;
      if (feature != nullptr && feature->size() <= max_feature_length)
        said.features.push_back(feature->str());
    }
  if (hello.you() != nullptr) said.you = from_fb(*hello.you());
  phase_ = phase::up;
  last_busy_ = now;
  counters_->add(count::sessions);
  out.push_back(came_up{handshake_.peer(), std::move(said)});
  out.push_back(give_credit{limits_.credits - 1});
  say_keepalive(now, out);  // for a first round-trip time
}

void session::on_request(const record<fb::OverlayMessage>& message, nanoseconds now, session_effects& out) {
  const auto channel = channel_of(*message).channel;
  if (message->body_type() == fb::OverlayBody::OpenRoot) {
    if (!theirs_.contains(channel) && theirs_.size() >= limits_.channels)
      return violation("too many channels", out);
    theirs_.emplace(channel, false);
  } else if (!theirs_.contains(channel)) {
    return counters_->add(count::no_channel);
  } else if (message->body_type() == fb::OverlayBody::CloseRoot) {
    theirs_.erase(channel);
    last_busy_ = now;
  }
  out.push_back(to_uploads{message});
}

void session::on_answer(std::uint16_t channel, const record<fb::OverlayMessage>& message,
                        session_effects& out) {
  if (!mine_.contains(channel)) return counters_->add(count::no_channel);
  out.push_back(to_channel{channel, message});
}

void session::on_keepalive_ack(std::uint64_t nonce, nanoseconds now) {
  if (!keepalive_nonce_ || *keepalive_nonce_ != nonce) return counters_->add(count::unasked_answer);
  keepalive_nonce_.reset();
  const auto rtt = std::chrono::duration_cast<std::chrono::microseconds>(now - last_keepalive_).count();
  const auto sample = static_cast<std::uint32_t>(std::clamp<std::int64_t>(rtt, 1, 600'000'000));
  rtt_us_ = rtt_us_ == 0 ? sample : (rtt_us_ / 8) * 7 + sample / 8;
}

void session::on_link_closed(const std::string& why, session_effects& out) {
  if (phase_ == phase::over) return;
  finish(why, phase_ == phase::handshake ? count::handshake_failed : count::ended_other, out);
}

// ---- Time

/// A bucket of control_burst messages that fills with control_per_s, kept as the time up to which it is paid
/// for.
void session::charge(nanoseconds now) {
  bucket_ =
      std::max(bucket_, now) + nanoseconds(1'000'000'000 / static_cast<std::int64_t>(limits_.control_per_s));
}

bool session::throttled(nanoseconds now) const {
  const auto burst = static_cast<std::int64_t>(limits_.control_burst);
  return bucket_ - now >
         nanoseconds(burst * (1'000'000'000 / static_cast<std::int64_t>(limits_.control_per_s)));
}

std::optional<nanoseconds> session::idle_since() const {
  if (channels() != 0) return std::nullopt;
  return last_busy_;
}

std::optional<nanoseconds> session::next_deadline() const {
  if (phase_ == phase::over) return std::nullopt;
  if (phase_ != phase::up) return began_ + limits_.opening;
  auto at = std::min(last_read_ + limits_.read_timeout, last_keepalive_ + limits_.keepalive);
  if (full_since_) at = std::min(at, *full_since_ + limits_.write_timeout);
  if (const auto idle = idle_since()) {
    at = std::min(at, *idle + limits_.idle);
    if (superseded_) at = std::min(at, std::max(*superseded_, *idle) + limits_.superseded_grace);
  }
  if (withheld_ != 0)
    at = std::min(at,
                  bucket_ - nanoseconds(static_cast<std::int64_t>(limits_.control_burst) *
                                        (1'000'000'000 / static_cast<std::int64_t>(limits_.control_per_s))));
  return at;
}

void session::on_alarm(nanoseconds now, session_effects& out) {
  if (phase_ == phase::over) return;
  if (phase_ != phase::up) {
    if (now >= began_ + limits_.opening)
      finish("no handshake within " +
                 std::to_string(std::chrono::duration_cast<std::chrono::seconds>(limits_.opening).count()) +
                 " s",
             count::handshake_failed, out);
    return;
  }
  if (now >= last_read_ + limits_.read_timeout)
    return finish(
        "nothing heard for " +
            std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now - last_read_).count()) + " s",
        count::ended_timed_out, out);
  if (full_since_ && now >= *full_since_ + limits_.write_timeout)
    return finish("the peer does not read what it is sent", count::ended_too_slow, out);
  if (const auto idle = idle_since()) {
    if (superseded_ && now >= std::max(*superseded_, *idle) + limits_.superseded_grace)
      return end(fb::GoodbyeReason::duplicate, "another session with this peer took over", out);
    if (now >= *idle + limits_.idle) return end(fb::GoodbyeReason::idle, "idle", out);
  }
  if (withheld_ != 0 && !throttled(now)) out.push_back(give_credit{std::exchange(withheld_, 0)});
  if (now >= last_keepalive_ + limits_.keepalive) say_keepalive(now, out);
}

// ---- Going out

void session::say_hello(session_effects& out) {
  fb::HelloT hello;
  hello.version = protocol_version;
  hello.listen_port = setup_.listen_port;
  hello.you = box(setup_.remote);
  queue(overlay_message(std::move(hello)), out);
}

void session::say_keepalive(nanoseconds now, session_effects& out) {
  fb::KeepAliveT message;
  message.nonce = random_->u64();
  keepalive_nonce_ = message.nonce;
  last_keepalive_ = now;
  queue(overlay_message(message), out);
}

void session::queue(const record<fb::OverlayMessage>& message, session_effects& out) {
  auto built = build_control(message);
  if (!built) return counters_->add(count::control_dropped);
  if (control_.size() >= limits_.control_queue) {
    counters_->add(count::control_dropped);
    return finish("the peer does not read what it is sent", count::ended_too_slow, out);
  }
  control_.push_back(*std::move(built));
}

void session::send(const record<fb::OverlayMessage>& message, nanoseconds now, session_effects& out) {
  if (phase_ != phase::up || !message) return counters_->add(count::control_dropped);
  note_outgoing(*message, now);
  queue(message, out);
}

/// A refused OpenRoot leaves no channel behind.
void session::note_outgoing(const fb::OverlayMessage& message, nanoseconds now) {
  const auto use = channel_of(message);
  if (!use.answer) return;
  const auto it = theirs_.find(use.channel);
  if (it == theirs_.end()) return;
  if (message.body_type() == fb::OverlayBody::RootOpened) it->second = true;
  if (message.body_type() != fb::OverlayBody::Denied || it->second) return;
  theirs_.erase(it);
  last_busy_ = now;
}

void session::send_bulk(std::optional<frame> whole, std::uint64_t ticket, session_effects& out) {
  if (phase_ != phase::up || !whole || bulk_.size() >= limits_.bulk_queue) {
    counters_->add(count::bulk_dropped);
    return out.push_back(data_sent{ticket, true});
  }
  bulk_.push_back({*std::move(whole), ticket});
}

void session::link_full(nanoseconds now) {
  if (!full_since_) full_since_ = now;
}

const frame* session::next_packet() {
  if (full_since_) return nullptr;
  if (ready_) return &*ready_;
  if (!clear_.empty()) {
    ready_ = std::move(clear_.front());
    clear_.pop_front();
    return &*ready_;
  }
  if (!control_.empty()) {
    ready_ = std::move(control_.front());
    control_.pop_front();
    counters_->add(count::control_out);
  } else if (!bulk_.empty()) {
    ready_ = std::move(bulk_.front().whole);
    ready_ticket_ = bulk_.front().ticket;
    bulk_.pop_front();
    counters_->add(count::bulk_out);
  } else {
    return nullptr;
  }
  sealer_->seal(ready_->mutable_view());
  return &*ready_;
}

void session::taken(session_effects& out) {
  if (!ready_) return;
  counters_->add(count::packets_out);
  counters_->add(count::bytes_out, ready_->size());
  bytes_out_ += ready_->size();
  ready_.reset();
  if (ready_ticket_) out.push_back(data_sent{*std::exchange(ready_ticket_, std::nullopt), false});
}

// ---- Channels and the end

std::optional<std::string> session::attach(std::uint16_t channel) {
  if (phase_ != phase::up) return "the session is over";
  if (channel == 0) return "channel 0 does not exist";
  if (mine_.contains(channel)) return "channel " + std::to_string(channel) + " is in use";
  if (mine_.size() >= limits_.channels) return "too many channels in this session";
  mine_.insert(channel);
  return std::nullopt;
}

void session::detach(std::uint16_t channel, nanoseconds now) {
  if (mine_.erase(channel) != 0) last_busy_ = now;
}

void session::supersede(nanoseconds now) {
  if (!superseded_) superseded_ = now;
}

void session::end(fb::GoodbyeReason reason, const std::string& why, session_effects& out) {
  if (phase_ == phase::over) return;
  if (sealer_) {
    fb::GoodbyeT goodbye;
    goodbye.reason = reason;
    if (auto built = build_control(overlay_message(goodbye))) control_.push_back(*std::move(built));
  }
  const auto kind = reason == fb::GoodbyeReason::idle             ? count::ended_idle
                    : reason == fb::GoodbyeReason::protocol_error ? count::ended_protocol_error
                                                                  : count::ended_other;
  finish(why, kind, out);
}

void session::violation(const std::string& what, session_effects& out) {
  end(fb::GoodbyeReason::protocol_error, "protocol error: " + what, out);
}

void session::finish(const std::string& why, count kind, session_effects& out) {
  if (phase_ == phase::over) return;
  phase_ = phase::over;
  counters_->add(kind);
  // What nobody will take any more is answered for.
  for (const auto& item : bulk_) {
    counters_->add(count::bulk_dropped);
    out.push_back(data_sent{item.ticket, true});
  }
  bulk_.clear();
  out.push_back(session_over{why});
}

}  // namespace vsf::overlay
