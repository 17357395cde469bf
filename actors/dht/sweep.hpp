#pragma once

#include <deque>

#include "actors/dht/lookup.hpp"

namespace vsf::dht {

/// Items of one sweep. More are refused.
inline constexpr std::size_t max_sweep_items = 64;

/// Brings values to the nodes nearest to their keys, keys in ascending order, so that neighbours in the key
/// space share what is learnt on the way: each node is asked once for its contacts and a token, is offered
/// all that it may hold already by hash, and gets what it lacks in as few datagrams as possible. (The idea is
/// IPFS' "sweeping provide": the cost grows with the nodes met, not with keys times holders.)
class sweep final : public run_logic {
 public:
  /// At most max_sweep_items, ascending keys.
  sweep(std::vector<sweep_item> items, const node_id& self, lookup_options options,
        std::shared_ptr<const value_policy> policy, std::uint64_t unix_s);

  lookup_effects start(nanoseconds now, const std::vector<known_peer>& seeds) override;
  lookup_effects on_answer(nanoseconds now, std::uint64_t unix_s, std::uint32_t ask,
                           const peer_answer& answer) override;
  lookup_effects on_refused(nanoseconds now, std::uint32_t ask) override;
  lookup_effects on_time(nanoseconds now) override;
  nanoseconds next_deadline() const override;
  bool done() const override { return done_; }

  static constexpr nanoseconds deadline = std::chrono::seconds(100);  // of the whole run

 private:
  using item_index = std::uint16_t;
  struct peer {
    known_peer who;
    bool answered = false, failed = false;
    bytes token;
    std::vector<id160> asked_for;                   // targets of its answers; the latest two
    std::vector<std::pair<item_index, bool>> told;  // whether it holds an item
    std::vector<item_index> items;                  // it is to hold these
  };
  using peer_map = std::map<node_id, peer>;
  struct pending {
    node_id whom;
    question_kind kind = question_kind::renew;
    std::vector<item_index> items;
    // Of a search: which one and its number there.
    std::size_t search = 0;
    std::uint32_t inner = 0;
    // Of others.
    std::uint8_t attempt = 1;
    nanoseconds deadline = nanoseconds::max();
  };
  struct job {
    node_id whom;
    question_kind kind = question_kind::store;
    std::vector<item_index> items;
    std::uint8_t attempt = 1;
  };

  void learn(const known_peer& told);
  bool make_room();
  static std::uint64_t reach_of(const id160& target, const std::vector<peer*>& around, std::size_t k);
  std::vector<peer*> nearest(const id160& target, std::size_t count);
  void search_next(nanoseconds now, lookup_effects& out);
  void begin_search(nanoseconds now, const std::vector<peer*>& around, lookup_effects& out);
  void measure_radii();
  void take(lookup_effects effects, lookup_effects& out);
  void decorate(ask_peer& ask, pending& what);
  void place(const std::vector<peer*>& holders);
  void on_search_answer(const pending& what, const id160& target, const peer_answer& answer);
  void take_held(peer& from, const std::vector<item_index>& items, const std::vector<bool>& held);

  void begin_writes(nanoseconds now, lookup_effects& out);
  void queue_writes(peer& to);
  void pump(nanoseconds now, lookup_effects& out);
  void send(nanoseconds now, job what, lookup_effects& out);
  void on_written(const pending& what, const peer_answer& answer);
  void give_up(const std::vector<item_index>& items);
  void finish(nanoseconds now, lookup_effects& out);

  std::shared_ptr<const std::vector<sweep_item>> items_;
  node_id self_;
  lookup_options options_;
  std::shared_ptr<const value_policy> policy_;

  peer_map peers_;
  std::size_t current_ = 0;  // the item whose holders are looked for
  std::unique_ptr<lookup> search_;
  std::vector<std::uint64_t> radii_;  // of items from current_ on: distance of the k-th nearest, its top bits
  std::map<std::uint32_t, pending> pending_;
  std::deque<job> jobs_;
  std::uint32_t next_ask_ = 1;
  std::size_t writes_open_ = 0;
  nanoseconds started_{0};
  bool writing_ = false, done_ = false;
  lookup_result result_;
};

}  // namespace vsf::dht
