#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "messages/types.hpp"

namespace vsf::swarm {

/// Which peers may be served at the same time. Pure.
///
/// Who asks while a slot can be had gets it, unless peers that were refused earlier are expected back: for
/// each of them one stays reserved, so whoever waits longest is next. A slot can be had when nobody has it,
/// its holder has had no open root for `linger` or did not use what it has open for `idle`, or its holder has
/// had it for `turn`: so nobody waits forever for peers that never finish.
class upload_slots {
 public:
  using nanoseconds = std::chrono::nanoseconds;
  struct options {
    std::size_t slots = 8;
    nanoseconds idle = std::chrono::seconds(30);
    nanoseconds linger = std::chrono::seconds(5);
    nanoseconds turn = std::chrono::seconds(120);
    /// Who was refused is expected back within three times what it last took to ask again, within these.
    nanoseconds least_expected = std::chrono::seconds(10);
    nanoseconds most_expected = std::chrono::seconds(75);
    /// Remembered; beyond it, whoever is expected least goes, or the new one is not remembered.
    std::size_t max_waiting = 256;
  };
  struct answer {
    bool granted = false;
    std::vector<node_id> evicted{};  // lost theirs by it
  };

  upload_slots() : upload_slots(options{}) {}
  explicit upload_slots(options how) : how_(how) {}

  /// A peer wants to open a root; one that has a slot keeps it.
  answer ask(nanoseconds now, const node_id& who);
  /// It used what it has open.
  void use(nanoseconds now, const node_id& who);
  /// It has nothing open any more.
  void rest(nanoseconds now, const node_id& who);
  /// Its session ended.
  void drop(const node_id& who) { holders_.erase(who); }
  /// Gives who loses theirs because there are fewer now. At least one slot stays.
  std::vector<node_id> set_slots(nanoseconds now, std::size_t slots);

  std::size_t slots() const { return how_.slots; }
  bool holds(const node_id& who) const { return holders_.count(who) != 0; }
  std::size_t held() const { return holders_.size(); }
  std::size_t waiting() const { return waiting_.size(); }
  /// Slots that were taken from somebody who had roots open.
  std::uint64_t evicted() const { return evicted_; }
  /// Peers that were refused and not remembered, or no longer.
  std::uint64_t forgotten() const { return forgotten_; }

 private:
  struct holder {
    nanoseconds since{0};
    nanoseconds used{0};
    std::optional<nanoseconds> rests{};  // nothing is open since then
  };
  struct waiter {
    std::uint64_t place = 0;  // the least was refused first
    nanoseconds asked{0};
    nanoseconds expected_until{0};
  };
  /// How readily a slot is given away; 0: not at all.
  int looseness(nanoseconds now, const holder& h) const;
  std::optional<node_id> loosest(nanoseconds now, int at_least) const;
  std::size_t to_be_had(nanoseconds now) const;
  std::size_t ahead_of(nanoseconds now, std::uint64_t place) const;
  void remember(nanoseconds now, const node_id& who);
  void evict(const node_id& who, std::vector<node_id>& out);

  options how_;
  std::map<node_id, holder> holders_;
  std::map<node_id, waiter> waiting_;
  std::uint64_t next_place_ = 1;
  std::uint64_t evicted_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace vsf::swarm
