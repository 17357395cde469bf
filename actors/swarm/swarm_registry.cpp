#include "actors/swarm/swarm_registry.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vsf::swarm {

namespace {

constexpr std::uint32_t max_page = 1000;
constexpr const char* turn_reason = "waits for its turn";

std::string mib(std::uint64_t size) {
  const auto tenths = (size * 10 + (1 << 19)) >> 20;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " MiB";
}

}  // namespace

std::string describe(const fb::TransferStatus& status) {
  std::string out = "recording ";
  out += status.mbid() != nullptr ? to_string(from_fb<mbid>(*status.mbid())) : std::string("?");
  out += ": " + std::string(fb::EnumNameTransferState(status.state()));
  if (status.state() == fb::TransferState::done)
    out += ", " + string_of(status.path());
  else if (status.bytes_total() != 0)
    out += ", " + std::to_string(status.bytes_verified() * 100 / status.bytes_total()) + "% of " +
           mib(status.bytes_total());
  if (const auto reason = string_of(status.reason()); !reason.empty()) out += " (" + reason + ")";
  return out;
}

void swarm_registry::restore(fb::TransferStatusT status) {
  if (!status.mbid || status.transfer.empty()) return;
  const auto id = status.transfer;
  const auto mbid_of = from_fb<vsf::mbid>(*status.mbid);
  by_age_.emplace(status.created_ms, id);
  if (!is_final(status.state)) {
    status.state = fb::TransferState::queued;
    status.reason = turn_reason;
    unfinished_[mbid_of] = id;
    waiting_.push_back(id);
  } else if (status.state == fb::TransferState::done && !status.sha256) {
    waiting_.push_back(id);
  }
  rows_[id] = row{record<fb::TransferStatus>::pack(status), {}};
}

result<swarm_registry::started> swarm_registry::start(const mbid& what, std::uint64_t unix_ms,
                                                      crypto::random_source& random) {
  if (const auto it = unfinished_.find(what); it != unfinished_.end())
    return started{rows_.at(it->second).status, false};
  if (unfinished_.size() >= how_.max_unfinished)
    return fail("There are " + std::to_string(unfinished_.size()) +
                " unfinished downloads, as many as are kept: cancel some or wait.");
  std::array<std::uint8_t, 16> raw{};
  random.fill(raw);
  fb::TransferStatusT status;
  status.transfer = to_hex(byte_view(raw));
  status.mbid = box(what);
  status.state = fb::TransferState::queued;
  status.reason = turn_reason;
  status.created_ms = unix_ms;
  const auto packed = record<fb::TransferStatus>::pack(status);
  rows_[status.transfer] = row{packed, {}};
  changed_.insert(status.transfer);
  by_age_.emplace(unix_ms, status.transfer);
  unfinished_[what] = status.transfer;
  waiting_.push_back(status.transfer);
  return started{packed, true};
}

const record<fb::TransferStatus>* swarm_registry::find(const std::string& id) const {
  const auto it = rows_.find(id);
  return it == rows_.end() ? nullptr : &it->second.status;
}

fb::TransferListT swarm_registry::list(std::uint32_t offset, std::uint32_t limit) const {
  fb::TransferListT out;
  limit = std::min(limit, max_page);
  std::uint32_t at = 0;
  for (auto it = by_age_.rbegin(); it != by_age_.rend() && out.transfers.size() < limit; ++it, ++at)
    if (at >= offset)
      out.transfers.push_back(std::make_unique<fb::TransferStatusT>(rows_.at(it->second).status.unpack()));
  return out;
}

bool swarm_registry::takes_a_place(const row& r) const {
  switch (r.status->state()) {
    case fb::TransferState::connecting:
    case fb::TransferState::transferring:
    case fb::TransferState::finishing:
      return true;
    case fb::TransferState::resolving:
      // Without a reason it looks; with one it waits for somebody to appear.
      return string_of(r.status->reason()).empty();
    case fb::TransferState::queued:
      return string_of(r.status->reason()) == turn_reason;  // its actor has just been started
    default:
      return false;
  }
}

std::vector<std::string> swarm_registry::take_turns() {
  std::vector<std::string> out;
  auto running = static_cast<std::size_t>(std::count_if(
      actors_.begin(), actors_.end(), [&](const auto& id) { return takes_a_place(rows_.at(id)); }));
  while (!waiting_.empty() && running < how_.max_running && actors_.size() < how_.max_actors) {
    const auto id = std::move(waiting_.front());
    waiting_.pop_front();
    if (rows_.count(id) == 0 || !actors_.insert(id).second) continue;
    ++running;
    out.push_back(id);
  }
  return out;
}

void swarm_registry::run_now(const std::string& id) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return;
  actors_.insert(id);
  std::erase(waiting_, id);
}

void swarm_registry::update(const record<fb::TransferStatus>& status) {
  const auto id = string_of(status->transfer());
  const auto it = rows_.find(id);
  if (it == rows_.end()) return;
  it->second.status = status;
  changed_.insert(id);
  if (status->mbid() == nullptr) return;
  const auto what = from_fb<mbid>(*status->mbid());
  if (!is_final(status->state())) {
    unfinished_.emplace(what, id);
  } else if (const auto found = unfinished_.find(what); found != unfinished_.end() && found->second == id) {
    unfinished_.erase(found);
  }
}

void swarm_registry::erase(const std::string& id) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return;
  const auto& status = it->second.status;
  by_age_.erase({status->created_ms(), id});
  if (status->mbid() != nullptr) {
    const auto found = unfinished_.find(from_fb<mbid>(*status->mbid()));
    if (found != unfinished_.end() && found->second == id) unfinished_.erase(found);
  }
  std::erase(waiting_, id);
  changed_.erase(id);
  actors_.erase(id);
  rows_.erase(it);
}

std::vector<std::string> swarm_registry::surplus() const {
  const auto finished = rows_.size() - unfinished_.size();
  std::vector<std::string> out;
  if (finished <= how_.max_finished) return out;
  auto left = finished - how_.max_finished;
  for (const auto& [age, id] : by_age_) {
    if (left == 0) break;
    if (!is_final(rows_.at(id).status->state()) || actors_.count(id) != 0) continue;
    out.push_back(id);
    --left;
  }
  return out;
}

std::vector<record<fb::TransferStatus>> swarm_registry::take_events(nanoseconds now) {
  std::vector<record<fb::TransferStatus>> out;
  for (auto it = changed_.begin(); it != changed_.end();) {
    auto& r = rows_.at(*it);
    if (r.told && now < *r.told + how_.event_interval) {
      ++it;
      continue;
    }
    r.told = now;
    out.push_back(r.status);
    it = changed_.erase(it);
  }
  return out;
}

std::optional<std::chrono::nanoseconds> swarm_registry::next_event() const {
  std::optional<nanoseconds> out;
  for (const auto& id : changed_) {
    const auto& told = rows_.at(id).told;
    const auto at = told ? *told + how_.event_interval : nanoseconds(0);
    out = out ? std::min(*out, at) : at;
  }
  return out;
}

std::size_t swarm_registry::moving() const {
  return static_cast<std::size_t>(std::count_if(actors_.begin(), actors_.end(), [&](const auto& id) {
    const auto state = rows_.at(id).status->state();
    return state == fb::TransferState::transferring || state == fb::TransferState::connecting;
  }));
}

std::size_t swarm_registry::count(fb::TransferState state) const {
  return static_cast<std::size_t>(std::count_if(
      rows_.begin(), rows_.end(), [&](const auto& r) { return r.second.status->state() == state; }));
}

}  // namespace vsf::swarm
