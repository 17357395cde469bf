#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/soulseek/uploads.hpp"

namespace vsf::soulseek {

/// A queue of uploads whose owner looks paths up at once: "f/NUMBER" has so many bytes, "deny/..." is not
/// shared.
struct uploads_world {
  std::chrono::nanoseconds now = std::chrono::seconds(1000);
  crypto::seeded_random random{1};
  uploads logic;
  std::vector<uploads::effect> all;
  std::optional<endpoint> address = parse_endpoint("192.0.2.1:1");

  explicit uploads_world(uploads::options how = {}) : logic(how, random) {}

  void take(uploads::effects effects) {
    for (auto& e : effects) {
      all.push_back(e);
      if (const auto* x = std::get_if<uploads::look_up>(&e)) {
        uploads::lookup_answer answer;
        if (x->path.starts_with("f/")) {
          answer.why = refusal::none;
          answer.local = x->path;
          answer.size_bytes = std::stoull(x->path.substr(2));
        }
        take(logic.looked_up(now, x->ticket, answer));
      }
    }
  }
  void hear(const std::string& user, said::message what) { take(logic.message(now, user, address, what)); }
  void ask(const std::string& user, const std::string& path) { hear(user, said::queue_upload{path}); }
  void pass(std::chrono::nanoseconds time) {
    const auto until = now + time;
    while (true) {
      const auto next = logic.next_deadline();
      if (!next || *next > until) break;
      now = std::max(now, *next);
      take(logic.tick(now));
    }
    now = until;
  }
  template <class Effect>
  std::vector<Effect> seen() const {
    std::vector<Effect> out;
    for (const auto& e : all)
      if (const auto* x = std::get_if<Effect>(&e)) out.push_back(*x);
    return out;
  }
  template <class Message>
  std::vector<Message> said_to(const std::string& user) const {
    std::vector<Message> out;
    for (const auto& s : seen<uploads::say>())
      if (const auto* m = std::get_if<Message>(&s.what); m != nullptr && s.user == user) out.push_back(*m);
    return out;
  }
  std::string denial(const std::string& user) const {
    const auto all_of_them = said_to<said::upload_denied>(user);
    return all_of_them.empty() ? "" : all_of_them.back().reason;
  }
  said::offer offer(const std::string& user) const { return said_to<said::offer>(user).back(); }
  void allow(const std::string& user) { hear(user, said::response{offer(user).token, true, {}}); }
  std::uint64_t link() const { return seen<uploads::open_file_link>().back().id; }
  /// Until bytes move; the id.
  std::uint64_t begin(const std::string& user, const std::string& path, std::uint64_t offset = 0) {
    ask(user, path);
    allow(user);
    const auto id = link();
    take(logic.offset(now, id, offset));
    return id;
  }
  /// Takes everything that is granted; how many bytes that were.
  std::uint64_t drain(std::uint64_t id) {
    std::uint64_t out = 0;
    for (bool any = true; any;) {
      any = false;
      for (const auto& s : std::exchange(all, {})) {
        const auto* x = std::get_if<uploads::send_bytes>(&s);
        if (x == nullptr || x->id != id) {
          all.push_back(s);
          continue;
        }
        out += x->length_bytes;
        take(logic.sent(now, id, x->length_bytes));
        any = true;
      }
    }
    return out;
  }
  fb::SoulseekTransferState state_of(std::uint64_t id) const {
    for (const auto& r : logic.list(now, 0, 1000))
      if (r.id == id) return r.state;
    return fb::SoulseekTransferState::requested;
  }
  void complete(std::uint64_t id) {
    drain(id);
    take(logic.file_closed(now, id));
  }
  /// The users that got a slot, in order, when each file is done as soon as it begins.
  std::string order(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      const auto offers = seen<uploads::say>();
      const auto last = std::find_if(offers.rbegin(), offers.rend(), [](const auto& s) {
        return std::holds_alternative<said::offer>(s.what);
      });
      if (last == offers.rend()) break;
      const auto user = last->user;
      out += user + " ";
      all.clear();
      hear(user, said::response{std::get<said::offer>(last->what).token, false, "Complete"});
    }
    return out;
  }
};

}  // namespace vsf::soulseek
