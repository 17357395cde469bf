#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "actors/soulseek/downloads.hpp"
#include "actors/soulseek/uploads.hpp"

// One downloader against a few uploaders over links that fail, lose what is on its way, and break at any
// time; all of them stop and start again. In the end every file is there with exactly the bytes of one of its
// owners, or its state says why not.
namespace vsf::soulseek {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using state = fb::SoulseekTransferState;

std::uint8_t byte_at(const std::string& user, std::uint64_t offset) {
  return static_cast<std::uint8_t>(user.back() * 31 + static_cast<int>(offset % 251) * 7);
}

/// The size behind the last dash: "x\song-1234".
std::uint64_t size_of(const std::string& path) { return std::stoull(path.substr(path.rfind('-') + 1)); }

/// As the codec reads what isn't UTF-8: the names here have one such character alone.
said::message decoded(said::message what) {
  const auto decode = [](std::string& path) {
    if (const auto at = path.find("\xE9"); at != std::string::npos) path.replace(at, 1, "\xC3\xA9");
  };
  if (auto* asks = std::get_if<said::queue_upload>(&what)) decode(asks->path);
  if (auto* where = std::get_if<said::place_request>(&what)) decode(where->path);
  return what;
}

struct uploader {
  std::unique_ptr<uploads> logic;
  bool linked = false;
  std::uint64_t life = 0;  // which run of it
};

struct file_link {
  std::string user;
  std::uint64_t upload = 0, life = 0;
  std::deque<std::uint8_t> pipe;
  std::string partial;
  std::uint64_t at = 0;  // where the next byte goes
  bool token_said = false, uploader_open = true, downloader_open = true, eof = false;
};

struct world {
  crypto::seeded_random random;
  nanoseconds now = 1s;
  bool chaos = true;
  downloads::options down_how;
  uploads::options up_how;
  std::unique_ptr<downloads> down;
  std::map<std::string, uploader> ups;
  std::map<std::uint64_t, fb::SoulseekDownloadT> stored;
  std::map<std::string, std::vector<std::uint8_t>> disk;
  std::map<std::uint64_t, std::string> finished;  // whose bytes they were
  std::map<std::uint64_t, file_link> links;
  std::map<std::string, std::deque<std::function<void()>>> ways;  // in order on each way
  std::uint64_t next_link = 1, down_life = 1;

  explicit world(std::uint64_t seed) : random(seed) {
    down_how.max_running = 1 + random.below(3);
    down_how.max_running_per_user = 1 + random.below(2);
    down_how.max_asked_per_user = 1 + random.below(4);
    down_how.checkpoint_bytes = 700;
    up_how.slots = 1 + random.below(2);
    up_how.chunk_bytes = 256;
    up_how.max_files_per_user = 1 + random.below(4);
    up_how.in_order_of_requests = chance(50);
    if (chance(50)) up_how.rate_bytes_per_s = 500;
    down = std::make_unique<downloads>(down_how);
    for (std::size_t i = 0; i < 3; ++i) {
      auto& u = ups["up" + std::to_string(i)];
      u.logic = std::make_unique<uploads>(up_how, random);
    }
  }
  bool chance(unsigned percent) { return random.below(100) < percent; }
  bool mishap(unsigned percent) { return chaos && chance(percent); }

  // ---- What the downloader does
  void take(downloads::effects effects) {
    for (auto& e : effects) std::visit([this](auto& x) { act(x); }, e);
    RC_ASSERT(down->running() <= down_how.max_running);
    for (const auto& [name, u] : ups) {
      RC_ASSERT(down->running_of(name) <= down_how.max_running_per_user);
      RC_ASSERT(down->asked_of(name) <= down_how.max_asked_per_user + down_how.max_running + 8);
    }
  }
  void act(downloads::say& e) {
    const auto name = e.user;
    if (!ups.at(name).linked && mishap(30)) return;
    ways["to " + name].push_back([this, name, what = decoded(e.what)] {
      auto& u = ups.at(name);
      take(name, u.logic->message(now, "down", {}, what));
    });
  }
  void act(downloads::need_link& e) {
    const auto name = e.user;
    if (mishap(5)) return;  // nobody answers
    ways["dial " + name].push_back([this, name] {
      if (mishap(30)) return take(down->link_failed(now, name));
      ups.at(name).linked = true;
      take(down->link_up(now, name));
    });
  }
  void act(downloads::watch&) {}
  void act(downloads::take_file& e) {
    auto& l = links.at(e.connection);
    RC_ASSERT(e.offset_bytes <= e.size_bytes);
    l.partial = e.partial;
    l.at = e.offset_bytes;
    if (e.offset_bytes > 0 && mishap(5)) disk.erase(e.partial);
    if (e.offset_bytes > 0 && disk.count(e.partial) == 0) {
      return lose(e.id, e.partial);
    }
    auto& file = disk[e.partial];
    file.resize(e.size_bytes, 0xEE);
    const auto id = e.connection;
    ways["offset " + std::to_string(id)].push_back([this, id, offset = e.offset_bytes] {
      const auto it = links.find(id);
      if (it == links.end() || !it->second.uploader_open) return;
      auto& u = ups.at(it->second.user);
      if (u.life == it->second.life) take(it->second.user, u.logic->offset(now, it->second.upload, offset));
    });
  }
  void act(downloads::close_file& e) {
    const auto it = links.find(e.connection);
    if (it == links.end()) return;
    it->second.downloader_open = false;
    const auto id = e.connection;
    ways["offset " + std::to_string(id)].push_back([this, id] { hang_up(id); });
  }
  void lose(std::uint64_t transfer, const std::string& partial) {
    ways["disk"].push_back([this, transfer, partial, life = down_life] {
      if (life == down_life) take(down->partial_lost(now, transfer, partial));
    });
  }
  void act(downloads::finish_file& e) {
    if (e.size_bytes > 0 && disk.count(e.partial) == 0) return lose(e.id, e.partial);
    auto& file = disk[e.partial];
    RC_ASSERT(file.size() == e.size_bytes);
    std::string whose;
    for (const auto& [name, u] : ups) {
      bool same = true;
      for (std::uint64_t i = 0; same && i < file.size(); ++i) same = file[i] == byte_at(name, i);
      if (same) whose = name;
    }
    RC_ASSERT(!whose.empty());
    ways["disk"].push_back([this, id = e.id, partial = e.partial, whose, life = down_life] {
      if (life != down_life) return;
      if (mishap(5)) return take(down->disk_failed(now, id, "No space left"));
      disk.erase(partial);
      finished[id] = whose;
      take(down->file_finished(now, id, "/music/x"));
    });
  }
  void act(downloads::set_aside& e) { disk.erase(e.partial); }
  void act(downloads::discard& e) { disk.erase(e.partial); }
  void act(downloads::store& e) { stored[e.row->id()] = e.row.unpack(); }
  void act(downloads::erase& e) { stored.erase(e.id); }
  void act(downloads::tell&) {}
  void act(downloads::note&) {}

  // ---- What an uploader does
  void take(const std::string& name, uploads::effects effects) {
    for (auto& e : effects) std::visit([&](auto& x) { act(name, x); }, e);
    const auto& logic = *ups.at(name).logic;
    RC_ASSERT(logic.active() <= up_how.slots);
    RC_ASSERT(logic.active_of("down") <= up_how.slots_per_user);
    RC_ASSERT(logic.queue_length() <= up_how.max_files_per_user);
  }
  void act(const std::string& name, uploads::say& e) {
    const auto life = ups.at(name).life;
    if (mishap(10)) {
      ways["from " + name].push_back([this, name, life] {
        if (ups.at(name).life == life) take(name, ups.at(name).logic->link_failed(now, "down"));
      });
      return;
    }
    ways["from " + name].push_back([this, name, what = e.what] { take(down->message(now, name, what)); });
  }
  void act(const std::string& name, uploads::look_up& e) {
    uploads::lookup_answer answer;
    if (e.path.find("lost") == std::string::npos) answer = {refusal::none, e.path, size_of(e.path)};
    const auto life = ups.at(name).life;
    ways["index " + name].push_back([this, name, life, ticket = e.ticket, answer] {
      if (ups.at(name).life == life) take(name, ups.at(name).logic->looked_up(now, ticket, answer));
    });
  }
  void act(const std::string& name, uploads::open_file_link& e) {
    const auto life = ups.at(name).life;
    const auto upload = e.id;
    const auto token = e.token;
    ways["open " + name].push_back([this, name, life, upload, token] {
      auto& u = ups.at(name);
      if (u.life != life) return;
      if (mishap(20)) return take(name, u.logic->file_link_failed(now, upload));
      const auto id = next_link++;
      links[id] = {name, upload, life, {}, {}, 0};
      ways["token " + std::to_string(id)].push_back([this, id, name, token] {
        if (links.count(id) != 0) take(down->file_connection(now, id, name, mishap(5) ? token + 1 : token));
      });
    });
  }
  file_link* link_of(const std::string& name, std::uint64_t upload) {
    for (auto& [id, l] : links)
      if (l.user == name && l.upload == upload && l.life == ups.at(name).life && l.uploader_open) return &l;
    return nullptr;
  }
  void act(const std::string& name, uploads::send_bytes& e) {
    const auto life = ups.at(name).life;
    if (auto* l = link_of(name, e.id)) {
      for (std::uint64_t i = 0; i < e.length_bytes; ++i) l->pipe.push_back(byte_at(name, e.offset_bytes + i));
      if (e.offset_bytes + e.length_bytes == size_of(e.local) && mishap(20))
        l->pipe.insert(l->pipe.end(), 300, 0xAA);  // more than there is
    }
    ways["disk " + name].push_back([this, name, life, id = e.id, n = e.length_bytes] {
      auto& u = ups.at(name);
      if (u.life != life) return;
      take(name, mishap(2) ? u.logic->read_failed(now, id) : u.logic->sent(now, id, n));
    });
  }
  void act(const std::string& name, uploads::close_file_link& e) {
    if (auto* l = link_of(name, e.id)) {
      l->uploader_open = false;
      l->eof = true;
    }
  }
  void act(const std::string&, uploads::report_speed&) {}
  void act(const std::string&, uploads::tell&) {}
  void act(const std::string&, uploads::note&) {}

  // ---- The transport
  /// The uploader learns that the downloader closed.
  void hang_up(std::uint64_t id) {
    const auto it = links.find(id);
    if (it == links.end()) return;
    const auto l = it->second;
    links.erase(it);
    if (l.uploader_open && ups.at(l.user).life == l.life)
      take(l.user, ups.at(l.user).logic->file_closed(now, l.upload));
  }
  void break_link(std::uint64_t id) {
    auto& l = links.at(id);
    l.pipe.clear();
    if (std::exchange(l.uploader_open, false) && ups.at(l.user).life == l.life)
      take(l.user, ups.at(l.user).logic->file_closed(now, l.upload));
    if (const auto it = links.find(id); it != links.end()) it->second.eof = true;
  }
  /// Some bytes come to the downloader, or the end of them.
  void flow(std::uint64_t id) {
    auto& l = links.at(id);
    if (!l.downloader_open) return;
    if (l.pipe.empty()) {
      if (!l.eof) return;
      links.erase(id);
      take(down->file_closed(now, id));
      return;
    }
    const auto count = std::min<std::size_t>(l.pipe.size(), 1 + random.below(600));
    if (disk.count(l.partial) == 0) return;  // it is about to be heard of
    const auto taken = down->admit(now, id, count);
    auto& file = disk.at(l.partial);
    RC_ASSERT(l.at + taken <= file.size());
    for (std::size_t i = 0; i < taken; ++i) file[l.at++] = l.pipe[i];
    l.pipe.erase(l.pipe.begin(), l.pipe.begin() + static_cast<std::ptrdiff_t>(count));
    if (taken == 0) return;
    ways["disk"].push_back([this, id, taken, life = down_life] {
      if (life == down_life) take(down->written(now, id, taken));
    });
  }
  void restart_downloader() {
    ++down_life;
    for (const auto& [id, row] : stored)  // what wasn't synced is gone
      for (auto& [name, file] : disk)
        if (name.find(to_hex(id_bytes(id))) != std::string::npos)
          for (auto i = row.done; i < file.size(); ++i) file[i] = 0xDD;
    for (auto it = links.begin(); it != links.end();) {
      const auto id = it->first;
      ++it;
      hang_up(id);
    }
    ways.erase("disk");
    down = std::make_unique<downloads>(down_how);
    for (const auto& [id, row] : stored) {
      if (finished.count(id) != 0 && row.state != state::completed) finished.erase(id);
      std::optional<std::uint64_t> size;
      for (const auto& [name, file] : disk)
        if (name.find(to_hex(id_bytes(id))) != std::string::npos) size = file.size();
      down->restore(row, size);
    }
    for (auto& [name, u] : ups) u.linked = false;
    take(down->start(now));
  }
  static std::array<std::uint8_t, 8> id_bytes(std::uint64_t id) {
    std::array<std::uint8_t, 8> out{};
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(id >> (56 - 8 * i));
    return out;
  }
  void restart_uploader(const std::string& name) {
    auto& u = ups.at(name);
    ++u.life;
    u.logic = std::make_unique<uploads>(up_how, random);
    for (auto& [id, l] : links)
      if (l.user == name) l.uploader_open = false, l.eof = true, l.pipe.clear();
    drop(name);
  }
  void drop(const std::string& name) {
    ways.erase("to " + name);
    ways.erase("from " + name);
    ups.at(name).linked = false;
    take(down->link_down(now, name));
  }
  std::string some_user() { return "up" + std::to_string(random.below(3)); }

  void add() {
    downloads::wanted what;
    const auto size = random.below(6) == 0 ? 0 : random.below(5000);
    const auto name = std::to_string(random.below(1000)) + (chance(10) ? "lost" : "") +
                      (chance(20) ? "\xC3\xA9" : "") + "-" + std::to_string(size);
    what.from = {some_user(), "x\\" + name, chance(80) ? size : chance(50) ? 0 : size + 1};
    for (std::size_t i = 0; i < random.below(3); ++i)
      what.others.push_back({some_user(), "y" + std::to_string(i) + "\\" + name, what.from.size_bytes});
    auto added = down->add(now, 1, what, random);
    RC_ASSERT(added.has_value());
    take(std::move(added->then));
  }
  void command() {
    const auto all = down->list(now, 0, 1000);
    if (all.empty()) return;
    const auto id = all[random.below(all.size())].id;
    auto done = [&]() -> result<downloads::effects> {
      switch (random.below(6)) {
        case 0:
          return down->pause(now, id);
        case 1:
          return down->resume(now, id);
        case 2:
          return down->retry(now, id);
        case 3:
          return down->move(now, id, random.below(5));
        case 4:
          return chance(20) ? down->cancel(now, id) : down->retry(now, id);
        default:
          return chance(20) ? down->clear(now, id) : down->resume(now, id);
      }
    }();
    if (done) take(std::move(*done));
  }
  void trouble() {
    switch (random.below(8)) {
      case 0:
        return drop(some_user());
      case 1:
        return restart_uploader(some_user());
      case 2:
        return restart_downloader();
      case 3: {
        const auto name = some_user();
        take(down->user_status(now, name, downloads::presence::offline));
        return take(name, ups.at(name).logic->user_gone(now, "down"));
      }
      case 4:
        return take(down->user_status(now, some_user(), downloads::presence::online));
      case 5:
        if (!links.empty()) break_link(links.begin()->first);
        return;
      default:
        return command();
    }
  }
  void pass(nanoseconds most) {
    auto next = down->next_deadline();
    for (const auto& [name, u] : ups)
      if (const auto t = u.logic->next_deadline(); t && (!next || *t < *next)) next = t;
    now = next ? std::min(std::max(now, *next), now + most) : now + most;
    take(down->tick(now));
    for (auto& [name, u] : ups) take(name, u.logic->tick(now));
  }
  bool step() {
    std::vector<std::string> busy;
    for (const auto& [name, way] : ways)
      if (!way.empty()) busy.push_back(name);
    std::vector<std::uint64_t> flowing;
    for (const auto& [id, l] : links)
      if (l.downloader_open && (!l.pipe.empty() || l.eof)) flowing.push_back(id);
    const auto choices = busy.size() + flowing.size();
    if (choices == 0) return false;
    const auto pick = random.below(choices);
    if (pick < busy.size()) {
      auto& way = ways[busy[pick]];
      const auto what = std::move(way.front());
      way.pop_front();
      what();
    } else {
      flow(flowing[pick - busy.size()]);
    }
    return true;
  }
  /// Nothing goes wrong any more; a day at most.
  void settle() {
    chaos = false;
    for (auto& [name, u] : ups) take(down->user_status(now, name, downloads::presence::online));
    for (const auto& r : down->list(now, 0, 1000))
      if (r.state == state::paused) take(*down->resume(now, r.id));
    const auto end = now + 48h;
    while (now < end) {
      while (step()) {
      }
      if (down->unfinished() == 0 && idle()) return;
      pass(1h);
    }
  }
  bool idle() const {
    return std::all_of(ups.begin(), ups.end(), [](const auto& u) { return u.second.logic->active() == 0; });
  }
  void check() {
    std::string open;
    for (const auto& r : down->list(now, 0, 1000)) {
      if (r.state == state::completed) {
        RC_ASSERT(finished.count(r.id) == 1U);
      } else if (r.state == state::failed) {
        RC_ASSERT(!r.reason.empty());
      } else if (r.state != state::cancelled) {
        open += r.user + ":" + r.remote_path + " is " + fb::EnumNameSoulseekTransferState(r.state) + " " +
                r.reason + "; ";
      }
    }
    if (!open.empty()) RC_FAIL(open);
    RC_ASSERT(down->running() == 0U);
    RC_ASSERT(down->connections() == 0U);
    for (const auto& [name, u] : ups) {
      RC_ASSERT(u.logic->active() == 0U);
      RC_ASSERT(u.logic->lookups() == 0U);
    }
  }
};

RC_GTEST_PROP(transfer_pair_property, EveryFileIsThereOrSaysWhyNot, (std::uint64_t seed)) {
  world w(seed);
  w.take(w.down->start(w.now));
  const auto files = 1 + w.random.below(12);
  for (std::size_t i = 0; i < files; ++i) w.add();
  for (int i = 0; i < 800; ++i) {
    if (w.chance(2)) w.trouble();
    if (w.chance(1)) w.add();
    if (!w.step() || w.chance(10)) w.pass(std::chrono::seconds(1 + w.random.below(100)));
  }
  w.settle();
  w.check();
}

TEST(transfer_pair_test, WithoutTroubleAllIsThere) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    world w(seed);
    w.up_how.max_files_per_user = 100;
    for (auto& [name, u] : w.ups) u.logic = std::make_unique<uploads>(w.up_how, w.random);
    w.chaos = false;
    for (int i = 0; i < 20; ++i) {
      downloads::wanted what;
      const auto size = w.random.below(5000);
      what.from = {w.some_user(), "x\\" + std::to_string(i) + "-" + std::to_string(size), size};
      auto added = w.down->add(w.now, 1, what, w.random);
      ASSERT_TRUE(added);
      w.take(std::move(added->then));
    }
    w.settle();
    EXPECT_EQ(w.finished.size(), 20U) << seed;
    EXPECT_EQ(w.down->counters().failed + w.down->counters().remote_failures, 0U) << seed;
    EXPECT_EQ(w.down->counters().bytes_cut_off, 0U) << seed;
  }
}

}  // namespace

}  // namespace vsf::soulseek
