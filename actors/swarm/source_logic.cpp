#include "actors/swarm/source_logic.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t billion = 1'000'000'000;
constexpr auto measuring_span = 250ms;
constexpr std::uint64_t usual_frame_bytes = 3 * std::uint64_t{leaf_size};

std::uint64_t bit_mask(std::uint32_t count) {
  return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

std::uint64_t bytes_of(std::uint64_t size, std::uint32_t first, std::uint16_t count) {
  std::uint64_t total = 0;
  for (std::uint16_t i = 0; i < count; ++i) total += leaf_length(size, first + i);
  return total;
}

}  // namespace

source_logic::source_logic(std::uint16_t channel, const digest& root, std::uint64_t size_bytes, options how)
    : channel_(channel),
      root_(root),
      size_(size_bytes),
      how_(how),
      window_(how.first_window),
      window_cap_(how.most_window) {}

source_logic::effects source_logic::finish(end how, std::string reason) {
  if (phase_ == phase::over) return {};
  phase_ = phase::over;
  requests_.clear();
  proofs_.clear();
  effects out;
  out.push_back(over{how, std::move(reason)});
  return out;
}

source_logic::effects source_logic::dialled(nanoseconds now) {
  if (phase_ != phase::dialling) return {};
  phase_ = phase::opening;
  asked_open_ = now;
  deadline_ = now + how_.open_timeout;
  fb::OpenRootT open;
  open.channel = channel_;
  open.root = box(root_);
  open.shares = how_.shares;
  effects out;
  out.push_back(say{overlay_message(std::move(open))});
  return out;
}

source_logic::effects source_logic::dial_failed(const std::string& reason) {
  return finish(end::lost, "no connection: " + reason);
}

source_logic::effects source_logic::channel_closed(const std::string& reason) {
  return finish(end::lost, "the connection ended: " + reason);
}

source_logic::effects source_logic::denied(nanoseconds now, const fb::Denied& what) {
  const auto reason = what.reason();
  const bool of_request = what.request() != 0 && phase_ == phase::open;
  if (of_request && reason == fb::DenyReason::rate_limited) {
    if (requests_.erase(what.request()) == 0) return {};
    window_cap_ = std::max(how_.least_window, window_ / 2);
    set_window();
    due(now);
    effects out;
    out.push_back(request_failed{what.request()});
    return out;
  }
  switch (reason) {
    case fb::DenyReason::not_shared:
      return finish(end::refused, "does not share this file");
    case fb::DenyReason::gone:
      return finish(end::refused, "no longer has this file");
    case fb::DenyReason::no_slot:
      return finish(end::busy, "has no free upload slot");
    case fb::DenyReason::rate_limited:
      return finish(end::busy, "takes no more requests now");
    case fb::DenyReason::bad_request:
      return finish(end::refused, "did not accept our request");
    case fb::DenyReason::read_error:
      return finish(end::lost, "could not read its file");
  }
  return finish(end::lost, "denied without a known reason");
}

source_logic::effects source_logic::root_opened(nanoseconds now, const fb::RootOpened& what) {
  if (phase_ != phase::opening) return {};
  if (what.size() != size_) return finish(end::refused, "has a file of another size under this root");
  opened yes;
  if (const auto* list = what.pieces(); list != nullptr) {
    const auto pieces = piece_count(size_);
    if (list->size() != (pieces + 7) / 8) return finish(end::lied, "sent a list of pieces of a wrong length");
    auto some = bitmap::from_bytes(view_of(list), pieces);
    if (!some.full()) yes.pieces = std::move(some);
  }
  phase_ = phase::open;
  rtt_ = now - asked_open_;
  effects out;
  out.push_back(std::move(yes));
  return out;
}

source_logic::effects source_logic::message(nanoseconds now, const record<fb::OverlayMessage>& what) {
  if (phase_ == phase::over || phase_ == phase::dialling || !what) return {};
  if (const auto* no = what->body_as_Denied(); no != nullptr && no->channel() == channel_)
    return denied(now, *no);
  if (const auto* yes = what->body_as_RootOpened(); yes != nullptr && yes->channel() == channel_)
    return root_opened(now, *yes);
  if (phase_ != phase::open) return {};
  effects out;
  if (const auto* more = what->body_as_Have(); more != nullptr && more->channel() == channel_) {
    has_since since;
    if (more->pieces() != nullptr)
      std::copy_if(more->pieces()->begin(), more->pieces()->end(), std::back_inserter(since.pieces),
                   [&](auto piece) { return piece < piece_count(size_); });
    if (!since.pieces.empty()) out.push_back(std::move(since));
    return out;
  }
  if (const auto* others = what->body_as_Sharers(); others != nullptr && others->channel() == channel_) {
    heard_of heard;
    if (how_.shares && others->contacts() != nullptr)
      for (const auto* who : *others->contacts())
        if (heard.sharers.size() < how_.most_sharers && who->address().port() != 0)
          heard.sharers.push_back(from_fb(*who));
    if (!heard.sharers.empty()) out.push_back(std::move(heard));
    return out;
  }
  const auto* proof = what->body_as_Proof();
  if (proof == nullptr || proof->channel() != channel_) return {};
  if (proofs_.erase(proof->piece()) == 0) {
    out.push_back(unasked{what.raw().size()});
    return out;
  }
  heard_ = now;
  out.push_back(proof_came{proof->piece(), what});
  return out;
}

source_logic::effects source_logic::data(nanoseconds now, std::uint32_t id, std::uint32_t first_leaf,
                                         std::uint16_t count, frame body) {
  if (phase_ != phase::open) return {};
  effects out;
  const auto found = requests_.find(id);
  if (found == requests_.end()) {
    // Data of a request that was given up, or of none.
    unasked_bytes_ += body.size();
    out.push_back(unasked{body.size()});
    if (unasked_bytes_ > how_.most_unasked_bytes) {
      auto last = finish(end::lost, "sends what was not asked for");
      out.insert(out.end(), std::make_move_iterator(last.begin()), std::make_move_iterator(last.end()));
    }
    return out;
  }
  auto& r = found->second;
  const auto wrong = [&](std::string reason) {
    out.push_back(unasked{body.size()});
    auto last = finish(end::lied, std::move(reason));
    out.insert(out.end(), std::make_move_iterator(last.begin()), std::make_move_iterator(last.end()));
    return std::move(out);
  };
  if (count == 0 || first_leaf < r.first || std::uint64_t{first_leaf} - r.first + count > r.count)
    return wrong("answered a request with leaves outside of it");
  if (body.size() != bytes_of(size_, first_leaf, count)) return wrong("sent leaves of a wrong length");
  const auto mask = bit_mask(count) << (first_leaf - r.first);
  if ((r.arrived & mask) != 0) return wrong("answered a request twice");
  r.arrived |= mask;
  r.heard = now;
  heard_ = now;
  unasked_bytes_ = 0;
  for (auto it = requests_.begin(); it != found; ++it) it->second.overtaken = true;
  const auto length = body.size();
  if (r.arrived == bit_mask(r.count)) requests_.erase(found);
  measure(now, length);
  out.push_back(data_came{id, first_leaf, count, std::move(body)});
  return out;
}

void source_logic::measure(nanoseconds now, std::uint64_t bytes) {
  measured_bytes_ += bytes;
  const auto span = now - measured_since_;
  if (span >= measuring_span) {
    const auto sample = measured_bytes_ * 1000 / static_cast<std::uint64_t>(span / 1ms);
    rate_ = rate_ == 0 ? sample : (rate_ + sample) / 2;
    measured_bytes_ = 0;
    measured_since_ = now;
    window_cap_ = std::min(how_.most_window, window_cap_ + 1);
    set_window();
  }
  if (requests_.empty()) idle_since_ = now;
}

void source_logic::set_window() {
  const auto during = [&](nanoseconds span) {
    return rate_ / 1000 * static_cast<std::uint64_t>(span / 1ms);  // rates beyond 1 TB/s don't occur
  };
  const auto bytes =
      2 * during(std::min<nanoseconds>(rtt_, 5s)) + std::min(during(how_.slack), how_.most_slack_bytes);
  const auto wanted = rate_ == 0 ? how_.first_window : bytes / leaf_size;
  window_ = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(wanted, how_.least_window, std::max(how_.least_window, window_cap_)));
}

std::chrono::nanoseconds source_logic::silence() const {
  if (rate_ == 0) return how_.most_silence;
  const auto gap = nanoseconds(usual_frame_bytes * billion / rate_);
  return std::clamp(20 * gap + 4 * rtt_, how_.least_silence, how_.most_silence);
}

std::chrono::nanoseconds source_logic::overtaken_patience() const {
  return std::clamp<nanoseconds>(4 * rtt_ + 1s, 2s, 10s);
}

void source_logic::due(nanoseconds now) {
  // With nothing due there is no silence to measure.
  if (requests_.empty() && proofs_.empty()) heard_ = now;
}

source_logic::effects source_logic::ask_proof(nanoseconds now, std::uint32_t piece) {
  if (phase_ != phase::open) return {};
  due(now);
  proofs_[piece] = now;
  fb::GetProofT ask;
  ask.channel = channel_;
  ask.piece = piece;
  effects out;
  out.push_back(say{overlay_message(std::move(ask))});
  return out;
}

source_logic::effects source_logic::ask_data(nanoseconds now, std::uint32_t id, std::uint32_t first_leaf,
                                             std::uint16_t count) {
  if (phase_ != phase::open) return {};
  due(now);
  // Time in which nothing was asked says nothing about the rate.
  if (requests_.empty()) measured_since_ += now - idle_since_;
  requests_[id] = request{first_leaf, count, 0, now, false};
  fb::GetDataT ask;
  ask.channel = channel_;
  ask.request = id;
  ask.first_leaf = first_leaf;
  ask.count = count;
  effects out;
  out.push_back(say{overlay_message(std::move(ask))});
  return out;
}

source_logic::effects source_logic::cancel_data(nanoseconds now, std::uint32_t id) {
  effects out;
  if (phase_ != phase::open || requests_.erase(id) == 0) return out;
  if (requests_.empty()) idle_since_ = now;
  fb::CancelT cancel;
  cancel.channel = channel_;
  cancel.request = id;
  out.push_back(say{overlay_message(std::move(cancel))});
  return out;
}

source_logic::effects source_logic::tick(nanoseconds now) {
  if (phase_ == phase::over) return {};
  if (phase_ == phase::dialling && now >= deadline_) return finish(end::lost, "no connection in time");
  if (phase_ == phase::opening && now >= deadline_) return finish(end::lost, "did not answer");
  if (phase_ != phase::open) return {};
  if (!requests_.empty() && now >= heard_ + silence()) return finish(end::lost, "sends nothing any more");
  if (!proofs_.empty() && requests_.empty()) {
    const auto reading = std::chrono::seconds(size_ / how_.slowest_hashing_bytes_per_s);
    if (now >= heard_ + how_.proof_timeout + reading) return finish(end::lost, "sends no hashes");
  }
  effects out;
  for (auto it = requests_.begin(); it != requests_.end();) {
    if (!it->second.overtaken || now < it->second.heard + overtaken_patience()) {
      ++it;
      continue;
    }
    ++timed_out_;
    fb::CancelT cancel;
    cancel.channel = channel_;
    cancel.request = it->first;
    out.push_back(say{overlay_message(std::move(cancel))});
    out.push_back(request_failed{it->first});
    it = requests_.erase(it);
  }
  return out;
}

std::optional<std::chrono::nanoseconds> source_logic::next_deadline() const {
  if (phase_ == phase::over) return std::nullopt;
  if (phase_ != phase::open) return deadline_;
  std::optional<nanoseconds> out;
  const auto earliest = [&](nanoseconds at) { out = out ? std::min(*out, at) : at; };
  if (!requests_.empty()) earliest(heard_ + silence());
  if (!proofs_.empty() && requests_.empty())
    earliest(heard_ + how_.proof_timeout + std::chrono::seconds(size_ / how_.slowest_hashing_bytes_per_s));
  for (const auto& [id, r] : requests_)
    if (r.overtaken) earliest(r.heard + overtaken_patience());
  return out;
}

}  // namespace vsf::swarm
