// Wishes, and the limits of transfers.
#include "actors/soulseek/hub_actor.hpp"
#include "actors/soulseek/replies.hpp"

namespace vsf::soulseek {
namespace {

constexpr std::uint64_t kib = 1024;

}  // namespace

// ---- Wishes

result<void> hub::begin_wish(wishes::wish_id id) {
  search_effects out;
  const auto token = searches_.start(search_kind::wish, wishes_.text(id), "", now(), out);
  take(std::move(out));
  if (!token) return tl::unexpected(token.error());
  wishes_.begun(id, *token);
  return {};
}

record<fb::SoulseekReply> hub::add_wish(const fb::SoulseekWishAskT& ask) {
  social_effects out;
  const auto added = wishes_.add(ask.text, ask.download.get(), out);
  if (added && added->is_new)
    if (const auto begun = begin_wish(added->id); !begun) {
      wishes_.erase(added->id, out);
      take(std::move(out));
      return problem("wish_refused", begun.error().message);
    }
  take(std::move(out));
  if (!added) return problem("wish_refused", added.error().message);
  return reply(wishes_.describe(added->id, searches_, unix_ms(), now()));
}

void hub::act(const search_result& e) {
  const auto* row = searches_.find(e.token);
  const auto has = row == nullptr ? decltype(row->users.end()){} : row->users.find(e.user);
  if (row == nullptr || has == row->users.end()) return;
  for (const auto& pick : wishes_.choose(e.token, e.user, has->second)) {
    downloads::wanted wanted;
    wanted.from = {pick.user, pick.what.name, pick.what.size};
    auto added = downloads_.add(now(), unix_ms(), wanted, *env_->random);
    if (!added) {
      log(log_level::warning, "a wish's file is not downloaded: " + added.error().message);
      return;
    }
    social_effects out;
    wishes_.took(pick, out);
    take(std::move(out));
    take(std::move(added->then));
  }
}

// ---- Limits

void hub::set_limits(const fb::SoulseekLimitsSetT& to) {
  auto& l = limits_;
  l.upload_slots = to.upload_slots.value_or(l.upload_slots);
  l.upload_slots_per_user = to.upload_slots_per_user.value_or(l.upload_slots_per_user);
  l.upload_limit_kib = to.upload_limit_kib.value_or(l.upload_limit_kib);
  l.upload_limit_per_peer_kib = to.upload_limit_per_peer_kib.value_or(l.upload_limit_per_peer_kib);
  l.download_limit_kib = to.download_limit_kib.value_or(l.download_limit_kib);
  l.active_downloads = to.active_downloads.value_or(l.active_downloads);
  l.active_downloads_per_user = to.active_downloads_per_user.value_or(l.active_downloads_per_user);
  take(uploads_.set_limits(now(), l.upload_slots, l.upload_slots_per_user, l.upload_limit_kib * kib,
                           l.upload_limit_per_peer_kib * kib));
  take(downloads_.set_limits(now(), l.active_downloads, l.active_downloads_per_user));
  pace_.set_rate(now(), l.download_limit_kib * kib);
  grant_paid();
}

/// What was written is paid for: its link may read on.
void hub::grant_paid() {
  for (const auto id : pace_.ready(now())) order(id, {grant_chunks{1}});
  pace_.for_each_waiting([this](link_id id) { downloads_.held_up(now(), id); });
}

hub::maybe_reply hub::ask_wishes(asking& a) {
  if (a.want.AsSoulseekWishesAsk() != nullptr) {
    fb::SoulseekWishesAnswerT out;
    out.interval_s = static_cast<std::uint32_t>(searches_.wish_interval() / std::chrono::seconds(1));
    for (const auto id : wishes_.ids())
      out.wishes.push_back(
          std::make_unique<fb::SoulseekWishT>(wishes_.describe(id, searches_, unix_ms(), now())));
    return reply(std::move(out));
  }
  if (const auto* x = a.want.AsSoulseekWishAsk()) return add_wish(*x);
  if (const auto* x = a.want.AsSoulseekWishEnd()) {
    social_effects out;
    const auto token = wishes_.erase(x->wish, out);
    take(std::move(out));
    if (!token) return problem("unknown_wish", "there is no wish with this number");
    search_effects closed;
    searches_.close(*token, closed);
    take(std::move(closed));
    return reply(fb::SoulseekDoneT{});
  }
  if (const auto* x = a.want.AsSoulseekLimitsSet()) {
    set_limits(*x);
    return reply(limits_);
  }
  if (a.want.AsSoulseekLimitsAsk() != nullptr) return reply(limits_);
  return std::nullopt;
}

}  // namespace vsf::soulseek
