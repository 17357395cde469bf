#pragma once

#include <functional>
#include <queue>

#include "actors/dht/query_service.hpp"
#include "actors/dht/sweep.hpp"
#include "tests/actors/dht/toy_values.hpp"

namespace vsf::dht::tests {

using std::chrono::milliseconds;
inline constexpr std::uint64_t epoch_ms = 1'800'000'000'000;

struct member {
  contact who;
  bool dead = false;
  std::unique_ptr<routing_table> table;
  std::unique_ptr<leaf_storage> storage;
  std::unique_ptr<query_service> service;
};

class small_world {
 public:
  small_world(std::size_t count, std::uint64_t seed, unsigned loss_per_mille, unsigned dead_per_cent)
      : random(seed), loss_(loss_per_mille) {
    const auto policy = std::make_shared<const toy_policy>();
    for (std::size_t i = 0; i < count; ++i) {
      auto m = std::make_unique<member>();
      m->who = random_contact(random);
      m->table = std::make_unique<routing_table>(m->who.id);
      m->storage = std::make_unique<leaf_storage>(policy, random.u64());
      service_limits limits;
      limits.questions = {1e9, 1e9};
      limits.values = {1e9, 1e9};
      m->service = std::make_unique<query_service>(*m->table, *m->storage, random, limits);
      by_id_[m->who.id] = i;
      members.push_back(std::move(m));
    }
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    for (auto& m : members) {
      for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      for (const auto other : order) {
        table_row row;
        row.who = members[other]->who;
        row.last_answer = milliseconds(1);
        m->table->answered(row);
      }
    }
    for (std::size_t i = 0; i < count * dead_per_cent / 100; ++i) {
      auto& m = *members[random.below(count)];
      if (m.dead) --i;
      m.dead = true;
    }
  }

  member& live() {
    for (;;)
      if (auto& m = *members[random.below(members.size())]; !m.dead) return m;
  }

  lookup_result run(member& source, lookup_goal goal, const id160& target) {
    lookup logic(goal, target, source.who.id, options(), std::make_shared<const toy_policy>());
    return run(source, logic, target, 48);
  }
  lookup_result sweep_of(member& source, std::vector<sweep_item> items) {
    const auto first = items.front().key;
    const auto seeds = items.size() == 1 ? 48u : 512u;
    sweep logic(std::move(items), source.who.id, options(), std::make_shared<const toy_policy>(),
                epoch_ms / 1000);
    return run(source, logic, first, seeds);
  }
  /// How many took the value.
  std::size_t put(member& source, const dht_key& key, bytes value) {
    return sweep_of(source, {{key, std::move(value), false, {}}}).outcomes.at(0).stored_at.size();
  }

  lookup_result run(member& source, run_logic& logic, const id160& target, std::size_t seed_count) {
    std::optional<lookup_result> result;
    std::vector<known_peer> seeds;
    for (const auto* row : source.table->closest(target, seed_count)) seeds.push_back({row->who, {}});
    const std::function<void(lookup_effects)> carry_out = [&](lookup_effects effects) {
      for (auto& e : effects) {
        if (auto* over = std::get_if<lookup_finished>(&e)) result = std::move(over->result);
        if (auto* ask = std::get_if<ask_peer>(&e)) deliver(source, *ask, logic, carry_out);
      }
    };
    carry_out(logic.start(now, seeds));
    while (!result) {
      const auto deadline = logic.next_deadline();
      if (!events_.empty() && events_.top().at <= deadline) {
        auto next = events_.top();
        events_.pop();
        now = std::max(now, next.at);
        next.act();
      } else {
        now = deadline;
        carry_out(logic.on_time(now));
      }
    }
    events_ = {};
    return std::move(*result);
  }

  static lookup_options options() {
    lookup_options out;
    out.initial_rto = milliseconds(300);
    return out;
  }

  std::vector<const member*> closest_live(const id160& target, std::size_t count) const {
    std::vector<const member*> out;
    for (const auto& m : members)
      if (!m->dead) out.push_back(m.get());
    std::sort(out.begin(), out.end(),
              [&](const auto* a, const auto* b) { return (a->who.id ^ target) < (b->who.id ^ target); });
    out.resize(std::min(count, out.size()));
    return out;
  }

  crypto::seeded_random random;
  std::vector<std::unique_ptr<member>> members;
  nanoseconds now{std::chrono::seconds(1)};
  std::map<question_kind, std::size_t> asked;  // questions that reached somebody
  std::size_t largest_question = 0;            // bytes

 private:
  struct event {
    nanoseconds at;
    std::uint64_t order;
    std::function<void()> act;
    bool operator<(const event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  bool lost() { return random.below(1000) < loss_; }
  nanoseconds one_way() { return milliseconds(15 + static_cast<std::int64_t>(random.below(100))); }

  void deliver(member& source, const ask_peer& ask, run_logic& logic,
               const std::function<void(lookup_effects)>& carry_out) {
    const auto found = by_id_.find(ask.who.id);
    if (found == by_id_.end()) return;
    auto& target = *members[found->second];
    if (target.dead || lost()) return;
    const auto question = make_question(ask.ask, ask.what);
    ++asked[ask.what.kind];
    largest_question = std::max(largest_question, question.raw().size());
    events_.push({now + one_way(), ++order_, [&, question] {
                    std::vector<storage_effect> effects;
                    const auto answer =
                        target.service->answer(now, epoch_ms, source.who, *question, 1168, true, effects);
                    if (lost()) return;
                    events_.push({now + one_way(), ++order_, [&, answer] {
                                    carry_out(logic.on_answer(now, epoch_ms / 1000, answer->tx(),
                                                              read_answer(*answer, target.who.address)));
                                  }});
                  }});
  }

  unsigned loss_;
  std::map<node_id, std::size_t> by_id_;
  std::priority_queue<event> events_;
  std::uint64_t order_ = 0;
};

inline toy_value value_by(const member& m, std::uint64_t seq = 1) {
  toy_value v;
  v.publisher = publisher_of(m.who.id);
  v.seq = seq;
  return v;
}

}  // namespace vsf::dht::tests
