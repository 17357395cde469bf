// What a node does on its own, and the requests of its components: node_core's other half.
#include <set>

#include "actors/dht/node_core.hpp"

#include "messages/mutant.hpp"

namespace vsf::dht {
namespace {

constexpr nanoseconds first_bootstrap_pause = std::chrono::seconds(1);
constexpr nanoseconds longest_bootstrap_pause = std::chrono::seconds(60);
constexpr std::size_t bootstrap_seeds = 16;
constexpr std::size_t max_bootstrap_runs = 4;
constexpr std::size_t max_introductions = 32;
constexpr nanoseconds introduction_patience = std::chrono::seconds(10);
/// A network that forms all at once is only known after a while.
constexpr std::array<nanoseconds, 4> self_lookup_pauses{std::chrono::seconds(0), std::chrono::seconds(15),
                                                        std::chrono::seconds(60), std::chrono::minutes(5)};

void count(fb::ComponentReportT& out, const char* name, const std::string& label, std::uint64_t value) {
  auto c = std::make_unique<fb::CounterT>();
  c->name = name;
  c->label = label;
  c->value = value;
  out.counters.push_back(std::move(c));
}

void gauge(fb::ComponentReportT& out, const char* name, std::size_t value) {
  auto g = std::make_unique<fb::GaugeT>();
  g->name = name;
  g->value = static_cast<std::int64_t>(value);
  out.gauges.push_back(std::move(g));
}

}  // namespace

nanoseconds node_core::jittered(nanoseconds span) {
  // Three quarters to five quarters, so that nodes started together drift apart.
  const auto quarter = static_cast<std::uint64_t>(span.count() / 4);
  return span - nanoseconds(span.count() / 4) +
         nanoseconds(static_cast<std::int64_t>(random_.below(2 * quarter + 1)));
}

std::size_t node_core::running(run_kind kind) const {
  return static_cast<std::size_t>(
      std::count_if(runs_.begin(), runs_.end(), [&](const auto& r) { return r.second.kind == kind; }));
}

core_effects node_core::on_request(link_time t, std::uint64_t run, lookup_goal goal, const id160& target,
                                   std::vector<sweep_item> items) {
  core_effects out;
  if (pending_.size() >= options_.max_pending) {
    ++requests_refused_;
    out.push_back(request_refused{run});
    return out;
  }
  pending_.push_back({run, goal, target, std::move(items), t.now});
  start_pending(t, out);
  return out;
}

void node_core::start_pending(link_time t, core_effects& out) {
  const bool alone = table_.size() == 0 && could_bootstrap();
  for (auto it = pending_.begin(); it != pending_.end();) {
    const auto waited = t.now - it->since;
    const bool busy = running(run_kind::request) >= options_.max_runs;
    const bool may_wait = waited < options_.hold_limit;
    if (((!ready_ || alone) && waited < options_.hold) || (busy && may_wait)) return;
    auto next = std::move(*it);
    it = pending_.erase(it);
    if (busy) {
      ++requests_refused_;
      out.push_back(request_refused{next.run});
      continue;
    }
    run_state what;
    what.goal = next.goal;
    what.target = next.target;
    what.items = std::move(next.items);
    auto seeds = seeds_for(what.target, std::max<std::size_t>(1, what.items.size()));
    start(t, next.run, std::move(what), std::move(seeds), waited, out);
  }
}

void node_core::start(link_time t, std::uint64_t run, run_state what, std::vector<known_peer> seeds,
                      nanoseconds waited, core_effects& out, std::uint64_t instead_of) {
  what.asked_at = t.now - waited;
  ++runs_started_[static_cast<std::size_t>(what.goal)];
  table_.looked_up(what.target, t.now);
  start_run effect;
  effect.run = run;
  effect.instead_of = instead_of;
  effect.goal = what.goal;
  effect.target = what.target;
  effect.items = what.items;
  effect.options = options_.lookup;
  effect.options.initial_rto = table_.initial_rto();
  effect.options.deadline = std::max<nanoseconds>(std::chrono::seconds(1), options_.lookup.deadline - waited);
  effect.seeds = std::move(seeds);
  if (what.goal == lookup_goal::first || what.goal == lookup_goal::quorum)
    effect.held = storage_.values(t.unix_ms, what.target);
  runs_.emplace(run, std::move(what));
  out.push_back(std::move(effect));
}

/// We may be one of the k closest ourselves.
void node_core::store_own(link_time t, const std::vector<sweep_item>& items, const lookup_result& result,
                          core_effects& out) {
  std::vector<storage_effect> stored;
  for (std::size_t i = 0; i < std::min(items.size(), result.outcomes.size()); ++i)
    if (result.outcomes[i].ours) storage_.put(t.unix_ms, items[i].key, items[i].value, local_, stored);
  take(t, std::move(stored), out);
}

core_effects node_core::on_run_finished(link_time t, std::uint64_t run, const lookup_result& result) {
  core_effects out;
  const auto it = runs_.find(run);
  if (it == runs_.end()) return out;
  const auto what = std::move(it->second);
  runs_.erase(it);
  timeouts_ += result.timeouts;
  store_own(t, what.items, result, out);
  if (what.kind == run_kind::self && next_refresh_ == nanoseconds::max())
    next_refresh_ = t.now + jittered(std::chrono::seconds(2));
  if (what.kind == run_kind::refresh) next_refresh_ = t.now + jittered(std::chrono::seconds(1));
  maintain(t, out);
  return out;
}

core_effects node_core::on_run_lost(link_time t, std::uint64_t run) {
  core_effects out;
  ++runs_lost_;
  const auto it = runs_.find(run);
  if (it == runs_.end()) return out;
  auto what = std::move(it->second);
  runs_.erase(it);
  if (what.kind == run_kind::refresh) next_refresh_ = t.now + jittered(std::chrono::seconds(60));
  if (what.kind == run_kind::self && next_refresh_ == nanoseconds::max())
    next_refresh_ = t.now + jittered(std::chrono::seconds(60));
  if (what.kind == run_kind::request && what.again) {
    out.push_back(request_refused{run});
  } else if (what.kind == run_kind::request) {
    // Under another number, so that answers to the lost one's questions aren't taken for answers to its own.
    what.again = true;
    const auto waited = t.now - what.asked_at;
    auto seeds = seeds_for(what.target, std::max<std::size_t>(1, what.items.size()));
    start(t, next_run(), std::move(what), std::move(seeds), waited, out, run);
  }
  maintain(t, out);
  return out;
}

core_effects node_core::on_keeper_restarted(link_time t) {
  core_effects out;
  std::vector<storage_effect> held;
  storage_.keep_all(held);
  take(t, std::move(held), out);
  if (table_.size() != 0) save(t, out);
  return out;
}

void node_core::bootstrap(link_time t, core_effects& out) {
  if (!mutant(mutation::forgets_bootstrap))
    for (const auto& host : options_.bootstrap) out.push_back(resolve_name{host});
  auto pause = first_bootstrap_pause;
  for (std::uint32_t i = 0; i < bootstrap_rounds_ && pause < longest_bootstrap_pause; ++i) pause *= 2;
  // With a few contacts there may be a rest of the mesh that they don't know: whoever is named in the
  // settings is asked until the table has as many as a lookup wants, those whom it knows already excepted.
  next_bootstrap_ = t.now + jittered(table_.size() >= bucket_size ? options_.refresh
                                                                  : std::min(pause, longest_bootstrap_pause));
  ++bootstrap_rounds_;
  if (table_.size() != 0) return;
  std::vector<known_peer> seeds;
  const auto count = std::min(bootstrap_seeds, known_.size());
  for (std::size_t i = 0; i < count; ++i) seeds.push_back({known_[i], {}});
  // Those that come next have their turn in the next round.
  if (count < known_.size())
    std::rotate(known_.begin(), known_.begin() + static_cast<std::ptrdiff_t>(count), known_.end());
  for (const auto& c : table_.candidates(bootstrap_seeds / 2)) seeds.push_back({c, {}});
  bootstrap_from(t, std::move(seeds), out);
}

void node_core::bootstrap_from(link_time t, std::vector<known_peer> seeds, core_effects& out) {
  if (seeds.empty() || !ready_ || running(run_kind::bootstrap) >= max_bootstrap_runs) return;
  run_state what;
  what.kind = run_kind::bootstrap;
  what.target = self_;
  start(t, next_run(), std::move(what), std::move(seeds), nanoseconds(0), out);
}

core_effects node_core::on_resolved(link_time t, const std::vector<endpoint>& where) {
  core_effects out;
  if (!ready_) return out;
  std::erase_if(introductions_open_,
                [&](const auto& i) { return t.now - i.second.at > introduction_patience; });
  std::set<endpoint> known;
  table_.for_each([&](const table_row& row) { known.insert(row.who.address); });
  for (const auto& to : where) {
    if (!is_dialable(to) || to == local_ || known.contains(to) ||
        introductions_open_.size() >= max_introductions)
      continue;
    cookie c;
    random_.fill(c);
    introductions_open_[c] = {to, t.now};
    out.push_back(send_datagram{to, make_who_are_you(context_->network, c)});
  }
  return out;
}

/// At most one sweep through what is held in half a minute.
nanoseconds node_core::when_to_expire(link_time t, std::uint64_t lease_ends_ms) {
  constexpr std::uint64_t pause_ms = 30'000, day_ms = 86'400'000;
  const auto left_ms = lease_ends_ms - std::min(lease_ends_ms, t.unix_ms);
  return t.now + std::chrono::milliseconds(std::clamp(left_ms, pause_ms, day_ms));
}

core_effects node_core::on_time(link_time t) {
  core_effects out;
  registry_effects effects;
  peers_.on_time(t.now, effects);
  take(std::move(effects), out);
  if (next_expiry_ <= t.now) {
    std::vector<storage_effect> stored;
    storage_.expire(t.unix_ms, stored);
    take(t, std::move(stored), out);
    const auto next = storage_.next_expiry_ms();
    next_expiry_ = next ? when_to_expire(t, *next) : nanoseconds::max();
  }
  maintain(t, out);
  return out;
}

void node_core::maintain(link_time t, core_effects& out) {
  if (!ready_) return start_pending(t, out);
  if (table_.size() == 0) {
    next_self_ = next_refresh_ = nanoseconds::max();
    // It was not empty before: begin again.
    if (next_bootstrap_ > t.now + longest_bootstrap_pause * 2) next_bootstrap_ = t.now;
  }
  if (next_bootstrap_ <= t.now) bootstrap(t, out);
  if (next_self_ <= t.now && running(run_kind::self) == 0) {
    ++self_lookups_;
    next_self_ =
        t.now + (self_lookups_ < self_lookup_pauses.size() ? jittered(self_lookup_pauses[self_lookups_])
                                                           : jittered(options_.refresh));
    run_state what;
    what.kind = run_kind::self;
    what.target = self_;
    start(t, next_run(), std::move(what), seeds_for(self_), nanoseconds(0), out);
  }
  if (next_refresh_ <= t.now && running(run_kind::refresh) == 0) {
    if (const auto target = table_.refresh_target(t.now - options_.refresh, random_)) {
      next_refresh_ = nanoseconds::max();  // set when it is done
      run_state what;
      what.kind = run_kind::refresh;
      what.target = *target;
      start(t, next_run(), std::move(what), seeds_for(*target), nanoseconds(0), out);
    } else {
      next_refresh_ = t.now + jittered(options_.refresh / 4);
    }
  }
  if (next_save_ <= t.now) save(t, out);
  start_pending(t, out);
}

void node_core::save(link_time t, core_effects& out) {
  // Round trips and times change without anybody new.
  next_save_ = table_.size() == 0 ? nanoseconds::max() : t.now + 3 * options_.save;
  save_contacts effect;
  table_.for_each([&](const table_row& row) {
    fb::KnownContactT known;
    known.contact = box(row.who);
    known.identity = box(row.identity);
    known.nonce = row.nonce;
    const auto ago_ms = static_cast<std::uint64_t>((t.now - row.last_answer) / std::chrono::milliseconds(1));
    known.last_seen_ms = t.unix_ms - std::min(t.unix_ms, ago_ms);
    known.srtt_us = row.rtt.srtt_us();
    effect.contacts.push_back(std::move(known));
  });
  if (!effect.contacts.empty()) out.push_back(std::move(effect));
}

nanoseconds node_core::next_deadline(link_time t) const {
  auto at = std::min({peers_.next_deadline(), next_expiry_, next_save_});
  if (ready_) {
    at = std::min(at, next_bootstrap_);
    // One that is under way keeps the next from beginning; its end is what to wait for.
    if (running(run_kind::self) == 0) at = std::min(at, next_self_);
    if (running(run_kind::refresh) == 0) at = std::min(at, next_refresh_);
  }
  if (!pending_.empty()) {
    const auto since = pending_.front().since;
    at = std::min(at, t.now < since + options_.hold ? since + options_.hold : since + options_.hold_limit);
  }
  return at;
}

void node_core::report(fb::ComponentReportT& out) const {
  static constexpr std::array<const char*, 4> goals{"find", "first", "quorum", "sweep"};
  for (std::size_t i = 0; i < dropped_.size(); ++i)
    count(out, "datagrams_dropped", std::string("reason=\"") + to_string(static_cast<drop_reason>(i)) + '"',
          dropped_[i]);
  for (std::size_t i = 0; i < goals.size(); ++i)
    count(out, "lookups", std::string("goal=\"") + goals[i] + '"', runs_started_[i]);
  const auto& served = service_.stats();
  count(out, "queries_served", "kind=\"ping\"", served.pings);
  count(out, "queries_served", "kind=\"find\"", served.finds);
  count(out, "queries_served", "kind=\"get\"", served.gets);
  count(out, "queries_served", "kind=\"renew\"", served.renewals);
  count(out, "queries_served", "kind=\"store\"", served.stores);
  count(out, "values_renewed", "", served.renewed);
  count(out, "values_to_renew_unknown", "", served.renewals_missed);
  count(out, "pages_served", "", served.gets_with_leaves);
  count(out, "queries_refused", "", served.refused);
  count(out, "queries_rate_limited", "", served.rate_limited);
  for (std::size_t i = 0; i < served.verdicts.size(); ++i)
    count(out, "values_put",
          std::string("verdict=\"") + fb::EnumNamePutVerdict(static_cast<fb::PutVerdict>(i)) + '"',
          served.verdicts[i]);
  count(out, "questions_asked", "", asked_);
  count(out, "question_timeouts", "", timeouts_);
  count(out, "handshakes_taken", "", handshakes_taken_);
  count(out, "requests_refused", "", requests_refused_);
  count(out, "lookups_crashed", "", runs_lost_);
  count(out, "peers_crashed", "", peers_lost_);
  count(out, "impostors", "", impostors_);
  const auto& table = table_.stats();
  count(out, "contacts_inserted", "", table.inserted);
  count(out, "contacts_evicted", "", table.evicted);
  count(out, "contacts_refused_group", "", table.refused_group);
  count(out, "candidates_dropped", "", table.candidates_dropped);
  gauge(out, "contacts", table_.size());
  gauge(out, "peers", peers_.size());
  gauge(out, "peers_live", peers_.live());
  gauge(out, "sessions", peers_.sessions());
  gauge(out, "held_keys", storage_.keys());
  gauge(out, "held_leaves", storage_.leaves());
  gauge(out, "held_bytes", storage_.size_bytes());
  gauge(out, "lookups_running", runs_.size());
  gauge(out, "requests_pending", pending_.size());
  if (!ready_)
    out.notes.push_back("the mesh port is not open yet");
  else if (table_.size() == 0 && !could_bootstrap())
    out.notes.push_back("no peers known: set node.bootstrap");
  else if (table_.size() == 0)
    out.notes.push_back("no peer answers yet (" + std::to_string(known_.size()) + " known, " +
                        std::to_string(options_.bootstrap.size()) +
                        " in node.bootstrap); trying again, check that UDP is let through");
}

}  // namespace vsf::dht
