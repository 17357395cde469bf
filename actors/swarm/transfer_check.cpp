// Of transfer_logic: is the complete file the recording that was asked for, and what becomes of it if not.

#include <algorithm>
#include <utility>

#include "actors/swarm/transfer_logic.hpp"
#include "messages/mutant.hpp"

namespace vsf::swarm {

namespace {

using std::chrono::nanoseconds;
using kind = content_finding::kind;

constexpr const char* where_it_is = "in the folder \"quarantine\" beneath the incomplete downloads";

}  // namespace

// ---- Who says what

void transfer_logic::learn(const fb::ResolveResult& answer, std::set<storage::offer> banned) {
  banned_offers_ = std::move(banned);
  auto refused = banned_offers_;
  for (const auto& offer : offers_of(answer))
    if (refuses(offer.publisher, offer.root)) refused.insert(offer);
  // Nobody's answer is no reason to forget what was said before.
  if (auto claims = claims_of(answer, self_, refused); !claims.empty()) claims_ = std::move(claims);
}

bool transfer_logic::refuses(const public_key& publisher, const digest& which) const {
  if (banned_offers_.count({publisher, which}) != 0) return true;
  // What was found wrong here is wrong whoever offers it.
  return std::any_of(status_.rejections.begin(), status_.rejections.end(),
                     [&](const auto& r) { return r->root && from_fb<digest>(*r->root) == which; });
}

bool transfer_logic::refuses_any(const fb::ResolveResult& answer) const {
  const auto offers = offers_of(answer);
  return std::any_of(offers.begin(), offers.end(),
                     [&](const auto& offer) { return refuses(offer.publisher, offer.root); });
}

// ---- The check

void transfer_logic::begin_check(nanoseconds now, effects& out) {
  close_sources(out);
  set_state(fb::TransferState::checking);
  check_ = pending_check{};
  ask_analyzer(now, out);
}

void transfer_logic::ask_analyzer(nanoseconds now, effects& out) {
  check_->asked = true;
  check_->due = now + how_.check_deadline;
  ++check_->tries;
  const bool sounds_known =
      std::any_of(claims_.begin(), claims_.end(), [](const auto& claim) { return claim.sketch.has_value(); });
  out.push_back(check{epoch_, partial_name_, sounds_known});
}

void transfer_logic::check_tick(nanoseconds now, effects& out) {
  if (!check_ || now < check_->due) return;
  if (check_->asked)
    out = content_unseen(now, epoch_, "the analyzer gave no answer");
  else
    ask_analyzer(now, out);
}

transfer_logic::effects transfer_logic::content_seen(nanoseconds now, std::uint32_t epoch,
                                                     const fb::FileEntryT& found) {
  effects out;
  if (epoch != epoch_ || !check_ || !has_variant()) return out;
  const auto wanted = status_.mbid ? from_fb<vsf::mbid>(*status_.mbid) : vsf::mbid{};
  auto finding = judge_content(found, wanted, root(), claims_);
  if (finding.what == kind::mismatch && !mutant(mutation::no_content_check))
    reject(now, finding.text, out);
  else
    end_check(std::move(finding), out);
  return out;
}

transfer_logic::effects transfer_logic::content_unseen(nanoseconds now, std::uint32_t epoch,
                                                       const std::string& reason) {
  effects out;
  if (epoch != epoch_ || !check_) return out;
  if (check_->tries < how_.check_tries) {
    check_->asked = false;
    check_->due = now + backoff(check_->tries - 1);
    set_state(fb::TransferState::checking, "it is looked at again soon: " + reason);
    return out;
  }
  // A fault of this node's must not cost what was fetched.
  end_check({kind::unread, "not checked: " + reason}, out);
  return out;
}

void transfer_logic::end_check(content_finding finding, effects& out) {
  check_.reset();
  ++(finding.what == kind::agrees   ? counters_.contents_agreed
     : finding.what == kind::unread ? counters_.contents_unread
                                    : counters_.contents_unknown);
  status_.content = std::move(finding.text);
  if (finding.what == kind::unread)
    out.push_back(warn{"it could not be told whether the file is the recording (" + status_.content + ")"});
  begin_finish(out);
}

// ---- A mismatch

void transfer_logic::note_rejection(nanoseconds now, const publisher_claim* whose, const std::string& why) {
  auto row = std::make_unique<fb::RejectionT>();
  if (whose != nullptr) {
    row->publisher = box(whose->publisher);
    row->node = box(whose->node);
  }
  row->root = box(root());
  row->reason = why;
  row->at_ms = wall_ms(now);
  if (status_.rejections.size() >= how_.max_rejections) status_.rejections.erase(status_.rejections.begin());
  status_.rejections.push_back(std::move(row));
}

void transfer_logic::reject(nanoseconds now, const std::string& why, effects& out) {
  std::vector<fb::OfferBanT> bans;
  for (const auto& claim : claims_) {
    if (!claim.offers(root())) continue;
    note_rejection(now, &claim, why);
    fb::OfferBanT ban;
    ban.publisher = box(claim.publisher);
    ban.root = box(root());
    if (status_.mbid) ban.mbid = std::make_unique<fb::Bytes16>(*status_.mbid);
    ban.reason = why;
    ban.at_ms = wall_ms(now);
    bans.push_back(std::move(ban));
  }
  if (bans.empty()) note_rejection(now, nullptr, why);
  ++counters_.contents_rejected;
  out.push_back(warn{"a file offered as the recording is not it (" + why + "): it is " + where_it_is +
                     ", and that offer of " + std::to_string(bans.size()) +
                     " publishers is not taken again"});
  stop(out);
  rejected_partial_ = std::exchange(partial_name_, {});
  status_.variant.reset();
  status_.bytes_total = status_.bytes_verified = status_.bytes_kept = 0;
  sources_.clear();
  connections_.clear();
  set_state(fb::TransferState::resolving, "a file was rejected (" + why + "); another one is looked for");
  out.push_back(quarantine{snapshot(), rejected_partial_, wall_ms(now), std::move(bans)});
  ask_resolver(now, out);
}

transfer_logic::effects transfer_logic::quarantined(nanoseconds, std::uint64_t removed) {
  effects out;
  counters_.quarantine_removed += removed;
  if (forgotten_) return out;
  rejected_partial_.clear();
  out.push_back(save{snapshot(), stored::buffered});
  return out;
}

void transfer_logic::end_rejected(nanoseconds now, effects& out) {
  const auto& rows = status_.rejections;
  const auto what = rows.empty()
                        ? std::string(
                              "every file that the mesh offers as this recording was found to be another one "
                              "in an earlier download")
                        : "no file that the mesh offers is this recording: " + rows.back()->reason +
                              "; what was fetched is " + where_it_is;
  end_with(now, fb::TransferState::failed, what + ". Try again when others share it", out);
  out.push_back(save{snapshot(), stored::synced});
}

}  // namespace vsf::swarm
