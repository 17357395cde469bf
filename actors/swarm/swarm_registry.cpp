#include "actors/swarm/swarm_registry.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace vsf::swarm {

namespace {

constexpr std::uint32_t max_page = 1000;
constexpr const char* turn_reason = "waits for its turn";
// Between two that came in different milliseconds, this many can be moved.
constexpr std::uint64_t order_step = 1 << 16;

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
    unfinished_[mbid_of] = id;
    if (status.state != fb::TransferState::paused) {
      status.state = fb::TransferState::queued;
      status.reason = turn_reason;
      waiting_.insert(turn_of(status));
    }
  } else if (status.state == fb::TransferState::done && !status.sha256) {
    waiting_.insert(turn_of(status));
  }
  rows_[id] = row{record<fb::TransferStatus>::pack(status), {}};
}

swarm_registry::turn swarm_registry::turn_of(const fb::TransferStatusT& status) {
  return {-static_cast<int>(status.priority), status.queue_order, status.transfer};
}

result<swarm_registry::started> swarm_registry::start(const mbid& what, fb::Priority priority,
                                                      std::uint64_t unix_ms, crypto::random_source& random) {
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
  status.priority = priority;
  status.queue_order = unix_ms * order_step;
  const auto packed = record<fb::TransferStatus>::pack(status);
  rows_[status.transfer] = row{packed, {}};
  changed_.insert(status.transfer);
  by_age_.emplace(unix_ms, status.transfer);
  unfinished_[what] = status.transfer;
  waiting_.insert(turn_of(status));
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
  const auto waiting = places();
  for (auto it = by_age_.rbegin(); it != by_age_.rend() && out.transfers.size() < limit; ++it, ++at) {
    if (at < offset) continue;
    auto one = std::make_unique<fb::TransferStatusT>(rows_.at(it->second).status.unpack());
    if (const auto place = waiting.find(it->second); place != waiting.end()) one->place = place->second;
    out.transfers.push_back(std::move(one));
  }
  return out;
}

record<fb::TransferStatus> swarm_registry::describe_one(const std::string& id) const {
  auto out = rows_.at(id).status.unpack();
  const auto waiting = places();
  if (const auto place = waiting.find(id); place != waiting.end()) out.place = place->second;
  return record<fb::TransferStatus>::pack(out);
}

// ---- The queue

std::map<std::string, std::uint32_t> swarm_registry::places() const {
  std::map<std::string, std::uint32_t> out;
  std::uint32_t place = 0;
  for (const auto& [priority, order, id] : waiting_) out[id] = ++place;
  return out;
}

bool swarm_registry::waits(const std::string& id) const {
  const auto it = rows_.find(id);
  return it != rows_.end() && waiting_.count(turn_of(it->second.status.unpack())) != 0;
}

void swarm_registry::change(const std::string& id, const std::function<void(fb::TransferStatusT&)>& how) {
  auto& r = rows_.at(id);
  auto status = r.status.unpack();
  const bool waited = waiting_.erase(turn_of(status)) != 0;
  how(status);
  if (waited && status.state == fb::TransferState::queued) waiting_.insert(turn_of(status));
  r.status = record<fb::TransferStatus>::pack(status);
  changed_.insert(id);
}

void swarm_registry::pause(const std::string& id) {
  change(id, [](auto& status) {
    status.state = fb::TransferState::paused;
    status.reason = "paused on request";
  });
}

void swarm_registry::resume(const std::string& id) {
  change(id, [&](auto& status) {
    status.state = fb::TransferState::queued;
    status.reason = turn_reason;
  });
  waiting_.insert(turn_of(rows_.at(id).status.unpack()));
}

void swarm_registry::prioritize(const std::string& id, fb::Priority priority) {
  change(id, [&](auto& status) { status.priority = priority; });
}

std::vector<std::string> swarm_registry::move(const std::string& id, std::uint32_t place) {
  std::vector<std::string> out;
  if (!waits(id)) return out;
  const auto mine = turn_of(rows_.at(id).status.unpack());
  std::vector<turn> others;
  for (const auto& t : waiting_)
    if (std::get<0>(t) == std::get<0>(mine) && t != mine) others.push_back(t);
  const auto at = std::min<std::size_t>(place, others.size());
  const auto set = [&](const std::string& whose, std::uint64_t order) {
    change(whose, [&](auto& status) { status.queue_order = order; });
    out.push_back(whose);
  };
  const auto before = at == 0 ? 0 : std::get<1>(others[at - 1]);
  const auto after = at == others.size() ? before + 2 * order_step : std::get<1>(others[at]);
  if (after > before + 1) {
    set(id, before + (after - before) / 2);
    return out;
  }
  // No number is left between them: all get new ones.
  for (std::size_t i = 0; i <= others.size(); ++i) {
    const auto order = (i + 1) * order_step;
    if (i == at) set(id, order);
    if (i < others.size()) set(std::get<2>(others[i]), order + (i < at ? 0 : order_step / 2));
  }
  return out;
}

bool swarm_registry::looks_for_first_source(const row& r) {
  const auto reason = string_of(r.status->reason());
  // Without a reason it looks; with one it waits for somebody to appear. One whose turn has just come still
  // has the reason of those that wait.
  return (r.status->state() == fb::TransferState::resolving && reason.empty()) ||
         (r.status->state() == fb::TransferState::queued && reason == turn_reason);
}

bool swarm_registry::takes_a_place(const row& r) const {
  if (looks_for_first_source(r)) return true;
  switch (r.status->state()) {
    case fb::TransferState::connecting:
    case fb::TransferState::transferring:
    case fb::TransferState::finishing:
      return true;
    default:
      return false;
  }
}

std::vector<std::string> swarm_registry::take_turns() {
  std::vector<std::string> out;
  auto running = static_cast<std::size_t>(std::count_if(
      actors_.begin(), actors_.end(), [&](const auto& id) { return takes_a_place(rows_.at(id)); }));
  auto resolving = static_cast<std::size_t>(std::count_if(
      actors_.begin(), actors_.end(), [&](const auto& id) { return looks_for_first_source(rows_.at(id)); }));
  while (!waiting_.empty() && running < how_.max_running && resolving < how_.max_resolving &&
         actors_.size() < how_.max_actors) {
    const auto id = std::get<2>(*waiting_.begin());
    waiting_.erase(waiting_.begin());
    if (rows_.count(id) == 0 || !actors_.insert(id).second) continue;
    ++running;
    ++resolving;
    out.push_back(id);
  }
  return out;
}

void swarm_registry::run_now(const std::string& id) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return;
  actors_.insert(id);
  waiting_.erase(turn_of(it->second.status.unpack()));
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
  waiting_.erase(turn_of(status.unpack()));
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

std::map<std::string, std::uint64_t> swarm_registry::shares(std::uint64_t limit_bytes_per_s) const {
  std::map<std::string, std::uint64_t> out;
  std::uint64_t total = 0;
  for (const auto& id : actors_) {
    const auto& status = *rows_.at(id).status;
    if (status.state() != fb::TransferState::transferring && status.state() != fb::TransferState::connecting)
      continue;
    const std::uint64_t weight = status.priority() == fb::Priority::high  ? 9
                                 : status.priority() == fb::Priority::low ? 1
                                                                          : 3;
    total += weight;
    out[id] = weight;
  }
  // However small a share is: 0 would be no limit.
  for (auto& [id, share] : out)
    share = limit_bytes_per_s == 0 ? 0 : std::max<std::uint64_t>(1, limit_bytes_per_s * share / total);
  return out;
}

std::size_t swarm_registry::count(fb::TransferState state) const {
  return static_cast<std::size_t>(std::count_if(
      rows_.begin(), rows_.end(), [&](const auto& r) { return r.second.status->state() == state; }));
}

}  // namespace vsf::swarm
