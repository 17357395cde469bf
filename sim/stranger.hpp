#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "actors/dht/peer_link.hpp"
#include "sim/world.hpp"

namespace vsf::sim {

/// Somebody who is no node and keeps to no rules: speaks the DHT's wire protocol to one node, from a port of
/// its own beside another node, and notes what that node should not have let through. Every question is
/// asked three times, so that a lossy network hides little.
class stranger : public std::enable_shared_from_this<stranger> {
 public:
  /// What a node must never do; each with how often it was seen.
  using complaints = std::map<std::string, double>;

  stranger(world& the_world, std::size_t beside, std::size_t victim, std::uint64_t seed, complaints& seen);
  ~stranger();
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;

  /// The whole visit takes this long.
  static constexpr std::chrono::seconds visit{200};
  void begin();

 private:
  using answer_handler = std::function<void(const dht::peer_answer&)>;
  struct asking {
    dht::question what;
    answer_handler on_answer;
    int tries = 0;
  };

  dht::link_time time() const;
  void ask(dht::question what, answer_handler on_answer);
  void send_again(std::uint32_t number);
  void on_datagram(const endpoint& from, const frame& payload);
  void carry_out(dht::link_effects effects, bool twice = false);
  void later(std::chrono::milliseconds when, void (stranger::*what)());
  bytes leaf(const identity::identity& who, const mbid& about, std::uint64_t seq, std::uint32_t lease_s,
             bool forged);
  void put(bytes value, const bytes& token, const dht_key& key, std::function<void()> on_stored);
  std::function<void()> complain(const char* what) {
    return [this, what] { ++seen_[what]; };
  }
  void break_in();
  void put_good_one();
  void put_older_one();
  void look_for_newer_one();
  void put_many();
  void replay();
  void end_of_replay();
  void look_for_expired_one();
  /// The seq of our own leaf as the node hands it out.
  std::optional<std::uint64_t> own_seq(const dht::peer_answer& answer) const;

  world& world_;
  std::size_t beside_;
  std::size_t victim_;
  std::uint64_t session_ = 0;  // of the victim
  crypto::seeded_random random_;
  complaints& seen_;
  contact whom_;
  mbid about_;
  dht_key key_;
  std::shared_ptr<const identity::identity> me_;
  std::shared_ptr<const dht::link_context> context_;
  std::optional<dht::peer_link> link_;
  std::shared_ptr<net::datagram_port> port_;
  std::map<std::uint32_t, asking> asked_;
  std::uint32_t next_ = 1;
  bytes token_;
  bool newer_stored_ = false;
  std::size_t stored_of_many_ = 0;
  bool replaying_ = false;
  std::size_t answers_to_replay_ = 0;
};

}  // namespace vsf::sim
