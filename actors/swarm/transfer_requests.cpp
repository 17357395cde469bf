// Of transfer_logic: which source is asked for what, and what comes of it.

#include <algorithm>
#include <utility>

#include "actors/swarm/transfer_logic.hpp"
#include "messages/mutant.hpp"

namespace vsf::swarm {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr auto never = nanoseconds::max();
constexpr auto steal_look = 100ms;

}  // namespace

std::vector<transfer_logic::known_source*> transfer_logic::active_sources() {
  std::vector<known_source*> out;
  for (auto& [key, s] : sources_)
    if (s.state == fb::SourceState::active) out.push_back(&s);
  // Each gets its turn: what the download limit leaves over must not always go to the same one.
  std::sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->number < b->number; });
  std::rotate(out.begin(),
              std::find_if(out.begin(), out.end(), [&](const auto* s) { return s->number > last_asked_; }),
              out.end());
  return out;
}

std::uint32_t transfer_logic::pieces_ahead() const {
  std::uint32_t under_way = 0;
  for (const auto& [key, s] : sources_)
    if (s.state == fb::SourceState::active) under_way += s.pace.window;
  return std::min(how_.most_pieces_ahead, how_.pieces_ahead + under_way / piece_leaves);
}

void transfer_logic::pump(nanoseconds now, effects& out) {
  bucket_wait_.reset();
  steal_wait_.reset();
  if (!is_running() || !plan_) return;
  const auto sources = active_sources();
  const auto ahead = pieces_ahead();
  for (auto* s : sources)
    while (const auto piece = plan_->next_proof(s->number, ahead)) {
      if (plan_->outstanding(s->number) == 0) s->heard = std::max(s->heard, now);
      out.push_back(ask_proof{s->number, *piece});
    }
  for (bool asked = true; asked;) {
    asked = false;
    for (auto* s : sources) asked = ask_one(now, *s, out) || asked;
  }
  if (sources.size() > 1 && !mutant(mutation::no_stealing))
    for (auto* s : sources)
      while (take_over(now, *s, out)) {
      }
}

/// How many leaves to ask that source for in one request now; nothing: it has enough to do, or the limit is
/// reached.
std::optional<std::uint16_t> transfer_logic::room(nanoseconds now, const known_source& s) {
  // What waits for the disk counts, too: a slow disk slows the source down.
  const auto under_way = plan_->outstanding(s.number) + s.checking;
  if (under_way >= s.pace.window) return std::nullopt;
  const auto usual = std::clamp<std::uint32_t>(s.pace.window / 4, 1, max_request_leaves);
  const auto free = s.pace.window - under_way;
  if (free < (usual + 1) / 2) return std::nullopt;  // not crumb by crumb
  auto count = std::min<std::uint64_t>(usual, free);
  if (bucket_.limited()) {
    const auto granted = bucket_.available(now) / leaf_size;
    if (granted == 0) {
      bucket_wait_ = bucket_.ready_at(now, leaf_size);
      return std::nullopt;
    }
    count = std::min(count, granted);
  }
  return static_cast<std::uint16_t>(count);
}

bool transfer_logic::ask_run(nanoseconds now, known_source& s, const transfer_plan::data_request& request,
                             effects& out) {
  if (plan_->outstanding(s.number) == request.count) s.heard = now;  // nothing was due until now
  last_asked_ = s.number;
  bucket_.take(now, std::uint64_t{request.count} * leaf_size);
  out.push_back(ask_data{s.number, request});
  return true;
}

bool transfer_logic::ask_one(nanoseconds now, known_source& s, effects& out) {
  const auto count = room(now, s);
  if (!count) return false;
  const auto request = plan_->next_data(s.number, *count);
  return request && ask_run(now, s, *request, out);
}

/// How long a source will take for what it owes; `never` for one that has gone quiet.
nanoseconds transfer_logic::time_left(nanoseconds now, const known_source& s) const {
  const auto leaves = plan_->outstanding(s.number);
  if (leaves == 0 && plan_->proofs_outstanding(s.number) == 0) return nanoseconds(0);
  const auto quiet = now - s.heard;
  if (quiet > 4 * s.pace.rtt + 250ms + how_.steal_margin) {
    const auto usual_gap =
        s.pace.rate_bytes_per_s == 0
            ? nanoseconds(0)
            : nanoseconds(std::uint64_t{3} * leaf_size * 1'000'000'000 / s.pace.rate_bytes_per_s);
    if (quiet > 4 * usual_gap) return never;
  }
  if (s.pace.rate_bytes_per_s == 0) return nanoseconds(0);
  return nanoseconds(std::uint64_t{leaves} * leaf_size * 1'000'000 / (s.pace.rate_bytes_per_s / 1000 + 1));
}

/// A source that has nothing to do gets a part of what the one that needs longest still owes.
bool transfer_logic::take_over(nanoseconds now, known_source& s, effects& out) {
  const auto count = room(now, s);
  if (!count) return false;
  known_source* slowest = nullptr;
  nanoseconds longest{0};
  bool anything = false;
  for (auto& [key, other] : sources_) {
    if (other.state != fb::SourceState::active || &other == &s) continue;
    if (plan_->outstanding(other.number) == 0 && plan_->proofs_outstanding(other.number) == 0) continue;
    anything = true;
    if (const auto left = time_left(now, other); left > longest) {
      longest = left;
      slowest = &other;
    }
  }
  if (anything) steal_wait_ = now + steal_look;
  if (slowest == nullptr || (s.pace.rate_bytes_per_s == 0 && longest != never)) return false;
  const auto own = time_left(now, s);
  if (own == never) return false;
  const auto mine = s.pace.rate_bytes_per_s == 0
                        ? nanoseconds(0)
                        : own + s.pace.rtt +
                              nanoseconds(std::uint64_t{*count} * leaf_size * 1'000'000 /
                                          (s.pace.rate_bytes_per_s / 1000 + 1));
  if (longest != never && longest <= how_.steal_factor * mine + how_.steal_margin) return false;
  if (const auto piece = plan_->steal_proof(s.number, slowest->number)) {
    out.push_back(ask_proof{s.number, *piece});
    return true;
  }
  const auto request = plan_->steal_data(s.number, slowest->number, *count);
  return request && ask_run(now, s, *request, out);
}

void transfer_logic::waste(std::uint64_t bytes) {
  counters_.bytes_wasted += bytes;
  status_.bytes_wasted += bytes;
  dirty_ = dirty_ || bytes != 0;
}

transfer_logic::effects transfer_logic::proof_came(nanoseconds now, source_number source, std::uint32_t piece,
                                                   const record<fb::OverlayMessage>& message) {
  effects out;
  if (auto* s = by_number(source); s != nullptr && s->number == source) s->heard = now;
  if (plan_ && plan_->proof_arrived(source, piece))
    out.push_back(check_proof{epoch_, source, piece, message});
  return out;
}

transfer_logic::effects transfer_logic::data_came(nanoseconds now, source_number source,
                                                  const source_logic::data_came& what,
                                                  const source_pace& pace) {
  effects out;
  const auto size = what.body.size();
  counters_.bytes_received += size;
  status_.bytes_received += size;
  dirty_ = true;
  transfer_plan::arrival came;
  if (plan_ && is_running()) came = plan_->data_arrived(source, what.request, what.first_leaf, what.count);
  const auto useful =
      came.wanted == 0 ? 0 : masked_length(plan_->size(), what.first_leaf, what.count, came.wanted);
  waste(size - useful);
  for (const auto& o : came.obsolete) out.push_back(cancel_data{o.source, o.request});
  if (came.wanted != 0)
    out.push_back(write_leaves{epoch_, source, what.first_leaf, what.count, came.wanted, what.body});
  if (auto* s = by_number(source); s != nullptr && s->number == source) {
    s->pace = pace;
    s->heard = now;
    for (std::uint16_t i = 0; i < what.count; ++i) s->checking += (came.wanted >> i & 1) != 0 ? 1U : 0U;
  }
  pump(now, out);
  return out;
}

transfer_logic::effects transfer_logic::request_failed(nanoseconds now, source_number source,
                                                       std::uint32_t request, const source_pace& pace) {
  effects out;
  if (!plan_) return out;
  plan_->request_over(source, request);
  if (auto* s = by_number(source); s != nullptr && s->number == source) s->pace = pace;
  pump(now, out);
  return out;
}

transfer_logic::effects transfer_logic::unasked(nanoseconds, std::uint64_t bytes) {
  counters_.bytes_received += bytes;
  status_.bytes_received += bytes;
  waste(bytes);
  dirty_ = true;
  return {};
}

}  // namespace vsf::swarm
