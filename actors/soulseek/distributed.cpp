#include "actors/soulseek/distributed.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {

distributed_tree::distributed_tree(tree_options options)
    : options_(options), min_speed_(options.parent_min_speed), ratio_(options.parent_speed_ratio) {}

// ---- our place

std::string distributed_tree::parent() const { return parent_ != 0 ? parent_row_.user : std::string(); }
std::uint32_t distributed_tree::level() const {
  return parent_ != 0 ? static_cast<std::uint32_t>(*parent_row_.level) + 1 : 0;
}
std::string distributed_tree::root() const { return parent_ != 0 ? *parent_row_.root : self_; }

/// As the official client reckons: a child for every ratio/10 KiB/s.
std::size_t distributed_tree::child_limit() const {
  if (upload_speed_ < std::uint64_t{min_speed_} * 1024) return 0;
  if (ratio_ == 0) return options_.most_children;
  return std::min<std::uint64_t>(options_.most_children,
                                 std::uint64_t{upload_speed_} * 10 / (std::uint64_t{ratio_} * 1024));
}

void distributed_tree::say_place(tree_effects& out) const {
  out.emplace_back(place_changed{parent(), level(), root(), children_.size()});
}

void distributed_tree::tell_accepting(bool always, tree_effects& out) {
  const bool accepting = children_.size() < child_limit();
  if (!online_ || (!always && told_accepting_ == accepting)) return;
  told_accepting_ = accepting;
  out.emplace_back(tell_server{encode(to_server::accept_children{accepting})});
}

/// The server, the children and the status learn where we are.
void distributed_tree::tell_place(bool searching_changed, tree_effects& out) {
  if (online_) {
    if (searching_changed) out.emplace_back(tell_server{encode(to_server::have_no_parent{parent_ == 0})});
    out.emplace_back(tell_server{encode(to_server::branch_root{root()})});
    out.emplace_back(tell_server{encode(to_server::branch_level{level()})});
    tell_accepting(searching_changed, out);
  }
  tell_children(out);
  say_place(out);
}

void distributed_tree::tell_child(link_id link, tree_effects& out) const {
  out.emplace_back(
      send_link{link, share(encode(distributed::branch_level{static_cast<std::int32_t>(level())}))});
  out.emplace_back(send_link{link, share(encode(distributed::branch_root{root()}))});
}

void distributed_tree::tell_children(tree_effects& out) {
  for (const auto& [link, who] : children_) tell_child(link, out);
}

// ---- the server

void distributed_tree::on_online(const std::string& self, nanoseconds, tree_effects& out) {
  self_ = self;
  online_ = true;
  is_root_ = false;
  told_accepting_ = true;
  if (parent_ == 0) return tell_accepting(false, out);
  if (unfit(parent_row_)) return lose_parent("we have another name now", true, out);
  tell_place(true, out);
}

void distributed_tree::on_offline(nanoseconds, tree_effects&) {
  online_ = false;
  is_root_ = false;
  told_accepting_.reset();
}

void distributed_tree::trim_children(tree_effects& out) {
  bool changed = false;
  // The last to come go first: most of the tree stays as it is.
  while (children_.size() > child_limit()) {
    const auto last = std::prev(children_.end());
    out.emplace_back(close_link{last->first, "our upload speed doesn't allow so many children"});
    children_.erase(last);
    changed = true;
  }
  tell_accepting(false, out);
  if (changed) say_place(out);
}

void distributed_tree::set_upload_speed(std::uint32_t bytes_per_s, tree_effects& out) {
  upload_speed_ = bytes_per_s;
  trim_children(out);
}
void distributed_tree::on_parent_min_speed(std::uint32_t kib_per_s, tree_effects& out) {
  min_speed_ = kib_per_s;
  trim_children(out);
}
void distributed_tree::on_parent_speed_ratio(std::uint32_t ratio, tree_effects& out) {
  ratio_ = ratio;
  trim_children(out);
}

void distributed_tree::on_possible_parents(const from_server::possible_parents& parents, nanoseconds now,
                                           tree_effects& out) {
  if (parent_ != 0 || !online_) return;
  for (const auto& x : parents.parents) {
    if (candidates_.size() >= options_.candidates) return;
    const auto where = wire_endpoint(x.ip, x.port);
    const auto same_user = [&](const auto& row) { return row.second.user == x.username; };
    const auto is_child = [&](const auto& row) { return row.second.user == x.username; };
    if (x.username.empty() || x.username == self_ || x.ip == 0 || where.port == 0 ||
        std::ranges::any_of(candidates_, same_user) || std::ranges::any_of(children_, is_child))
      continue;
    ++counters_.candidates;
    const auto id = next_candidate_++;
    candidates_.emplace(id, above{x.username, 0, std::nullopt, std::nullopt, now + options_.candidate_time});
    out.emplace_back(request_parent{id, x.username, where});
  }
}

void distributed_tree::on_embedded(const from_server::embedded_message& message, nanoseconds now,
                                   tree_effects& out) {
  const auto inner = decode_embedded(message.inner_code, message.body);
  const auto* search = inner ? std::get_if<distributed::search>(&*inner) : nullptr;
  if (search == nullptr) {
    ++counters_.malformed;
    return;
  }
  // With a parent it is a leftover of our time as a root.
  if (parent_ == 0 && !is_root_) {
    is_root_ = true;
    say_place(out);
  }
  take_search(*search, now, out);
}

void distributed_tree::on_reset(nanoseconds, tree_effects& out) {
  for (const auto& [link, who] : children_) out.emplace_back(close_link{link, "the server resets the tree"});
  children_.clear();
  while (!candidates_.empty()) drop_candidate(candidates_.begin()->first, "the server resets the tree", out);
  is_root_ = false;
  if (parent_ != 0) return lose_parent("the server resets the tree", true, out);
  tell_place(true, out);
}

// ---- a parent

std::optional<std::string> distributed_tree::unfit(const above& x) {
  if (x.level && (*x.level < 0 || *x.level >= options_.most_levels)) {
    ++counters_.refused_level;
    return "its level is " + std::to_string(*x.level);
  }
  const auto below_us = [&](const std::string& user) {
    return user == self_ ||
           std::ranges::any_of(children_, [&](const auto& c) { return c.second.user == user; });
  };
  if (below_us(x.user) || (x.root && below_us(*x.root))) {
    ++counters_.refused_loop;
    return "its branch begins with us";
  }
  return std::nullopt;
}

void distributed_tree::on_candidate_link(std::uint64_t candidate, link_id link, nanoseconds,
                                         tree_effects& out) {
  const auto it = candidates_.find(candidate);
  if (it == candidates_.end() || it->second.link != 0) {
    out.emplace_back(close_link{link, "no parent is wanted any more"});
    return;
  }
  it->second.link = link;
}

void distributed_tree::on_candidate_failed(std::uint64_t candidate, tree_effects&) {
  if (candidates_.erase(candidate) != 0) ++counters_.candidates_failed;
}

void distributed_tree::drop_candidate(std::uint64_t candidate, const std::string& why, tree_effects& out) {
  const auto it = candidates_.find(candidate);
  if (it->second.link != 0)
    out.emplace_back(close_link{it->second.link, why});
  else
    out.emplace_back(cancel_parent{candidate});
  candidates_.erase(it);
}

void distributed_tree::on_candidate_message(std::uint64_t candidate, const distributed::message& message,
                                            nanoseconds now, tree_effects& out) {
  auto& row = candidates_.at(candidate);
  if (const auto* level = std::get_if<distributed::branch_level>(&message)) row.level = level->level;
  if (const auto* root = std::get_if<distributed::branch_root>(&message)) row.root = root->username;
  if (const auto why = unfit(row)) {
    ++counters_.candidates_failed;
    return drop_candidate(candidate, *why, out);
  }
  const auto* search = std::get_if<distributed::search>(&message);
  if (search == nullptr) return;
  // Some roots don't say that they are.
  if (row.level == 0 && !row.root) row.root = row.user;
  if (!row.level || !row.root) {
    ++counters_.dropped_stranger;
    return;
  }
  adopt(candidate, out);
  take_search(*search, now, out);
}

void distributed_tree::adopt(std::uint64_t candidate, tree_effects& out) {
  ++counters_.parents;
  parent_row_ = std::move(candidates_.at(candidate));
  parent_ = parent_row_.link;
  candidates_.erase(candidate);
  while (!candidates_.empty()) drop_candidate(candidates_.begin()->first, "another parent was faster", out);
  is_root_ = false;
  tell_place(true, out);
}

void distributed_tree::lose_parent(const std::string& why, bool close, tree_effects& out) {
  ++counters_.parents_lost;
  if (close) out.emplace_back(close_link{parent_, why});
  parent_ = 0;
  parent_row_ = {};
  tell_place(true, out);
}

void distributed_tree::on_parent_message(const distributed::message& message, nanoseconds now,
                                         tree_effects& out) {
  if (const auto* search = std::get_if<distributed::search>(&message)) return take_search(*search, now, out);
  auto fresh = parent_row_;
  if (const auto* level = std::get_if<distributed::branch_level>(&message)) fresh.level = level->level;
  if (const auto* root = std::get_if<distributed::branch_root>(&message)) fresh.root = root->username;
  if (fresh.level == parent_row_.level && fresh.root == parent_row_.root) return;
  if (const auto why = unfit(fresh)) return lose_parent(*why, true, out);
  parent_row_ = std::move(fresh);
  tell_place(false, out);
}

// ---- links

void distributed_tree::on_inbound(link_id link, const std::string& user, nanoseconds now, tree_effects& out) {
  const auto again = std::ranges::find_if(children_, [&](const auto& c) { return c.second.user == user; });
  const bool candidate =
      std::ranges::any_of(candidates_, [&](const auto& c) { return c.second.user == user; });
  const bool loop = user == self_ || user == parent() || user == root() || candidate;
  if (loop || (again == children_.end() && children_.size() >= child_limit())) {
    ++counters_.children_refused;
    out.emplace_back(close_link{link, loop ? "it stands above us" : "no more children are allowed"});
    return;
  }
  if (again != children_.end() && now - again->second.since < options_.child_race) {
    // Its dial went both ways; it uses the one that was there first.
    out.emplace_back(close_link{link, "it is linked already"});
    return;
  }
  if (again != children_.end()) {
    out.emplace_back(close_link{again->first, "it came again"});
    children_.erase(again);
  }
  ++counters_.children;
  children_.emplace(link, child{user, now});
  tell_child(link, out);
  tell_accepting(false, out);
  say_place(out);
}

void distributed_tree::on_message(link_id link, byte_view raw, nanoseconds now, tree_effects& out) {
  auto message = decode_distributed(raw);
  if (message)
    if (const auto* wrapped = std::get_if<distributed::embedded_message>(&*message))
      message = decode_embedded(wrapped->inner_code, wrapped->body);
  if (!message) {
    ++counters_.malformed;
    return;
  }
  if (link == parent_ && parent_ != 0) return on_parent_message(*message, now, out);
  for (const auto& [id, row] : candidates_)
    if (link != 0 && row.link == link) return on_candidate_message(id, *message, now, out);
  // Searches come from above alone: a child that sends some would make a loop.
  if (std::holds_alternative<distributed::search>(*message)) ++counters_.dropped_stranger;
}

void distributed_tree::on_link_over(link_id link, nanoseconds, tree_effects& out) {
  if (link == 0) return;
  if (link == parent_) return lose_parent("it went", false, out);
  if (children_.erase(link) != 0) {
    tell_accepting(false, out);
    return say_place(out);
  }
  for (const auto& [id, row] : candidates_) {
    if (row.link != link) continue;
    ++counters_.candidates_failed;
    candidates_.erase(id);
    return;
  }
}

// ---- searches

void distributed_tree::take_search(const distributed::search& search, nanoseconds now, tree_effects& out) {
  if (search.query.size() > options_.query_bytes || search.username.empty()) {
    ++counters_.dropped_long;
    return;
  }
  const search_key key{search.username, search.token};
  forget_old(now);
  if (recent_.contains(key)) {
    ++counters_.dropped_duplicate;
    return;
  }
  if (!allowed(now)) {
    ++counters_.dropped_rate;
    return;
  }
  recent_.insert(key);
  recent_order_.emplace_back(now, key);
  ++counters_.searches;
  if (!children_.empty()) {
    const auto message = share(encode(search));
    for (const auto& [link, who] : children_) {
      ++counters_.searches_forwarded;
      out.emplace_back(send_link{link, message});
    }
  }
  out.emplace_back(search_heard{search.username, search.token, search.query});
}

void distributed_tree::forget_old(nanoseconds now) {
  while (!recent_order_.empty() && (recent_order_.size() >= options_.recent_searches ||
                                    now - recent_order_.front().first >= options_.recent_time)) {
    recent_.erase(recent_order_.front().second);
    recent_order_.pop_front();
  }
}

bool distributed_tree::allowed(nanoseconds now) {
  const auto each = nanoseconds(std::chrono::seconds(1)) / options_.searches_per_s;
  searches_paid_ = std::max(searches_paid_, now - each * options_.searches_burst);
  if (searches_paid_ + each > now) return false;
  searches_paid_ += each;
  return true;
}

// ---- time

void distributed_tree::on_alarm(nanoseconds now, tree_effects& out) {
  std::vector<std::uint64_t> late;
  for (const auto& [id, row] : candidates_)
    if (now >= row.deadline) late.push_back(id);
  for (const auto id : late) {
    ++counters_.candidates_failed;
    drop_candidate(id, "it sent no search", out);
  }
}

std::optional<nanoseconds> distributed_tree::next_deadline() const {
  std::optional<nanoseconds> first;
  for (const auto& [id, row] : candidates_)
    if (!first || row.deadline < *first) first = row.deadline;
  return first;
}

}  // namespace vsf::soulseek
