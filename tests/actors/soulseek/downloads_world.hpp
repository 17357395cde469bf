#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "actors/soulseek/downloads.hpp"

namespace vsf::soulseek {

/// A queue of downloads whose owner only takes notes.
struct downloads_world {
  std::chrono::nanoseconds now = std::chrono::seconds(1000);
  crypto::seeded_random random{1};
  downloads logic;
  std::vector<downloads::effect> all;  // since forget()
  std::map<std::uint64_t, fb::SoulseekDownloadT> stored;

  explicit downloads_world(downloads::options how = {}) : logic(how) {}

  void take(downloads::effects effects) {
    for (auto& e : effects) {
      if (const auto* row = std::get_if<downloads::store>(&e)) stored[row->row->id()] = row->row.unpack();
      if (const auto* gone = std::get_if<downloads::erase>(&e)) stored.erase(gone->id);
      all.push_back(std::move(e));
    }
  }
  bool take(result<downloads::effects> effects) {
    if (!effects) return false;
    take(std::move(*effects));
    return true;
  }
  std::uint64_t add(const std::string& user, const std::string& path, std::uint64_t size,
                    std::vector<downloads::source> others = {}) {
    downloads::wanted what;
    what.from = {user, path, size};
    what.others = std::move(others);
    auto out = logic.add(now, 1, what, random);
    if (!out) return 0;
    take(std::move(out->then));
    return out->id;
  }
  void hear(const std::string& user, said::message what) { take(logic.message(now, user, what)); }
  void up(const std::string& user) { take(logic.link_up(now, user)); }
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
  void forget() { all.clear(); }
  fb::SoulseekTransferState state(std::uint64_t id) const { return logic.find(now, id)->state; }
  fb::SoulseekTransferT row(std::uint64_t id) const { return *logic.find(now, id); }

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
    for (const auto& s : seen<downloads::say>())
      if (const auto* m = std::get_if<Message>(&s.what); m != nullptr && s.user == user) out.push_back(*m);
    return out;
  }
  /// The uploader begins, and is let.
  bool begin(const std::string& user, const std::string& path, std::uint32_t token, std::uint64_t size,
             std::uint64_t connection) {
    hear(user, said::offer{token, path, size});
    const auto answers = said_to<said::response>(user);
    if (answers.empty() || !answers.back().allowed || answers.back().token != token) return false;
    take(logic.file_connection(now, connection, user, token));
    return true;
  }
  void bytes(std::uint64_t connection, std::uint64_t count) {
    const auto taken = logic.admit(now, connection, count);
    take(logic.written(now, connection, taken));
  }
};

}  // namespace vsf::soulseek
