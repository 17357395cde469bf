#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

struct tree_options {
  std::size_t candidates = 10;                            // for a parent, at once
  nanoseconds candidate_time = std::chrono::seconds(60);  // to send level, root and a search
  std::int32_t most_levels = 64;                          // of ours; a deeper parent is refused
  std::size_t most_children = 10;                         // whatever the upload speed
  nanoseconds child_race = std::chrono::seconds(30);      // a second link of a child is refused so long
  std::uint32_t parent_min_speed = 1;                     // KiB/s, until the server says (83)
  std::uint32_t parent_speed_ratio = 50;                  // until the server says (84)
  std::uint32_t searches_per_s = 100;                     // taken, of everybody together
  std::uint32_t searches_burst = 500;
  std::size_t recent_searches = 4096;  // remembered, to know them again
  nanoseconds recent_time = std::chrono::seconds(60);
  std::size_t query_bytes = 1024;
};

// What the tree wants done, beside tell_server, send_link and close_link.
/// A D link to this candidate (peer_dialer::request): tell on_candidate_link or on_candidate_failed.
struct request_parent {
  std::uint64_t candidate = 0;
  std::string user;
  endpoint where;
};
/// It isn't wanted any more (peer_dialer::cancel).
struct cancel_parent {
  std::uint64_t candidate = 0;
};
/// Somebody searches; each search once. Not yet sent by this to anybody who would answer it.
struct search_heard {
  std::string user;
  std::uint32_t token = 0;
  std::string query;
};
/// Our place in the tree, for the status. No parent: `parent` is empty.
struct place_changed {
  std::string parent;
  std::uint32_t level = 0;
  std::string root;
  std::size_t children = 0;
};
using tree_effect = std::variant<tell_server, send_link, close_link, request_parent, cancel_parent,
                                 search_heard, place_changed>;
using tree_effects = std::vector<tree_effect>;

struct tree_counters {
  std::uint64_t candidates = 0, candidates_failed = 0;
  std::uint64_t parents = 0, parents_lost = 0;
  std::uint64_t refused_loop = 0, refused_level = 0;  // parents and candidates
  std::uint64_t children = 0, children_refused = 0;
  std::uint64_t searches = 0;            // handed on
  std::uint64_t searches_forwarded = 0;  // times children
  std::uint64_t dropped_duplicate = 0, dropped_rate = 0, dropped_long = 0;
  std::uint64_t dropped_stranger = 0;  // searches of a child, or of a candidate not adopted
  std::uint64_t malformed = 0;
};

/// Our place in the distributed network, through which searches travel: the server makes a user the root of a
/// branch, everybody else gets searches of a parent and hands them to children. Pure.
class distributed_tree {
 public:
  explicit distributed_tree(tree_options options);

  /// Logged in, and the session said 71(true), 127(self), 126(0) and 100. A parent from before is kept and
  /// told.
  void on_online(const std::string& self, nanoseconds now, tree_effects& out);
  void on_offline(nanoseconds now, tree_effects& out);
  /// Our average upload speed as the server knows it (36): children are allowed by it.
  void set_upload_speed(std::uint32_t bytes_per_s, tree_effects& out);

  // From the server.
  void on_possible_parents(const from_server::possible_parents& parents, nanoseconds now, tree_effects& out);
  void on_embedded(const from_server::embedded_message& message, nanoseconds now, tree_effects& out);
  void on_parent_min_speed(std::uint32_t kib_per_s, tree_effects& out);
  void on_parent_speed_ratio(std::uint32_t ratio, tree_effects& out);
  void on_reset(nanoseconds now, tree_effects& out);

  // From D links.
  void on_candidate_link(std::uint64_t candidate, link_id link, nanoseconds now, tree_effects& out);
  void on_candidate_failed(std::uint64_t candidate, tree_effects& out);
  /// Somebody opened a D link to us: wants to be our child.
  void on_inbound(link_id link, const std::string& user, nanoseconds now, tree_effects& out);
  /// A message without its length, of a link of either kind.
  void on_message(link_id link, byte_view message, nanoseconds now, tree_effects& out);
  void on_link_over(link_id link, nanoseconds now, tree_effects& out);

  void on_alarm(nanoseconds now, tree_effects& out);
  std::optional<nanoseconds> next_deadline() const;

  bool has_parent() const { return parent_ != 0; }
  /// The server sends us searches to hand on.
  bool branch_root() const { return is_root_; }
  std::string parent() const;
  std::uint32_t level() const;
  std::string root() const;
  std::size_t children() const { return children_.size(); }
  std::size_t child_limit() const;
  std::size_t candidates() const { return candidates_.size(); }
  const tree_counters& counters() const { return counters_; }

 private:
  /// Of a candidate, later of the parent.
  struct above {
    std::string user;
    link_id link = 0;
    std::optional<std::int32_t> level;
    std::optional<std::string> root;
    nanoseconds deadline{0};
  };
  using search_key = std::pair<std::string, std::uint32_t>;

  std::optional<std::string> unfit(const above& x);
  void on_candidate_message(std::uint64_t candidate, const distributed::message& message, nanoseconds now,
                            tree_effects& out);
  void on_parent_message(const distributed::message& message, nanoseconds now, tree_effects& out);
  void adopt(std::uint64_t candidate, tree_effects& out);
  void lose_parent(const std::string& why, bool close, tree_effects& out);
  void drop_candidate(std::uint64_t candidate, const std::string& why, tree_effects& out);
  void take_search(const distributed::search& search, nanoseconds now, tree_effects& out);
  void forget_old(nanoseconds now);
  bool allowed(nanoseconds now);
  void tell_place(bool searching_changed, tree_effects& out);
  void tell_children(tree_effects& out);
  void tell_child(link_id link, tree_effects& out) const;
  void tell_accepting(bool always, tree_effects& out);
  void trim_children(tree_effects& out);
  void say_place(tree_effects& out) const;

  tree_options options_;
  std::string self_;
  bool online_ = false;
  bool is_root_ = false;
  std::uint64_t next_candidate_ = 1;
  std::map<std::uint64_t, above> candidates_;
  link_id parent_ = 0;
  above parent_row_;
  struct child {
    std::string user;
    nanoseconds since{0};
  };
  std::map<link_id, child> children_;
  std::uint32_t upload_speed_ = 0, min_speed_, ratio_;
  std::optional<bool> told_accepting_;
  std::set<search_key> recent_;
  std::deque<std::pair<nanoseconds, search_key>> recent_order_;
  nanoseconds searches_paid_ = std::chrono::hours(-1);  // up to this time
  tree_counters counters_;
};

}  // namespace vsf::soulseek
