#include "sim/auditor.hpp"

#include <algorithm>
#include <functional>

#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/bitmap.hpp"
#include "net/crypto/crypto.hpp"
#include "sim/asker.hpp"
#include "sim/forger.hpp"
#include "storage/transfer_store.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

constexpr double liar_share = 0.06;
constexpr std::size_t strangers = 4;
// More than any answer to a request has; whoever reads more reads to prove.
constexpr std::size_t longest_answer = 48 * 1024;
/// Tables, leases and sources are as good as before only some time after the last fault.
constexpr double settling_s = 150;
/// As good as before is a node only some time after it came up.
constexpr std::uint64_t joining_us = 60'000'000;
/// So many publishers of the genuine recording outvote a fake, whose own publisher speaks for it.
constexpr std::ptrdiff_t enough_witnesses = 3;
constexpr int stranger_tries = 50;
constexpr std::uint64_t leaf = swarm::leaf_size;
constexpr auto last_look = 5s;
constexpr auto choice_check = 5s;  // less than a choice takes that leads nowhere

bool is_stop(fault::kind what) { return what == fault::kind::power_cut || what == fault::kind::process_kill; }

}  // namespace

std::optional<double> healed_at_s(const scenario& plan) {
  double out = plan.population.join_spread_s + plan.timeline.warmup_s;
  for (const auto& f : plan.faults) {
    const bool passes = is_stop(f.what) || f.what == fault::kind::clock_jump ||
                        f.what == fault::kind::nat_rebind || f.what == fault::kind::kill_actor;
    if (!passes && f.for_s == 0) return std::nullopt;
    out = std::max(out, f.at_s + (passes ? f.back_after_s : f.for_s));
  }
  return out;
}

auditor::auditor(world& the_world, std::uint64_t seed)
    : world_(the_world), random_(seed), started_us_(the_world.nodes().size()) {
  const auto& recordings = world_.music().recordings();
  for (std::size_t i = 0; i < recordings.size(); ++i) index_of_[recordings[i].id] = i;
  probe_ = spawn_asker(world_.system());
  world_.heard.started = [this, before = std::move(world_.heard.started)](std::size_t index) {
    if (before) before(index);
    started_us_[index].push_back(static_cast<std::uint64_t>(world_.now() / 1us));
  };
  world_.heard.stopping = [this, before = std::move(world_.heard.stopping)](std::size_t index,
                                                                            fault::kind how) {
    if (before) before(index, how);
    before_stop(index, how);
  };
}

auditor::~auditor() {
  caf::anon_send_exit(probe_, caf::exit_reason::kill);
  for (const auto& one : forgers_) caf::anon_send_exit(one, caf::exit_reason::kill);
}

void auditor::schedule() {
  const auto& plan = world_.plan();
  for (const auto& f : plan.faults) {
    if (!is_stop(f.what)) continue;
    // So shortly before that nothing but the start itself can have been stored; and so long that the stop
    // comes in the middle.
    world_.at(seconds(f.at_s) - 1ms, [this] { begin_downloads(1); });
    world_.at(seconds(f.at_s) - 4s, [this] { begin_downloads(3); });
  }
  for (auto at = choice_check; at < seconds(plan.end_s()); at += choice_check)
    world_.at(at, [this] { note_choices(); });
  const auto begin = plan.population.join_spread_s + plan.timeline.warmup_s;
  const auto liars = static_cast<std::size_t>(liar_share * static_cast<double>(plan.nodes) + 0.5);
  world_.at(seconds(begin), [this, liars] {
    for (std::size_t i = 0; i < liars; ++i)
      if (const auto node = pick_live()) turn_into_liar(*node);
  });
  const auto quiet = seconds(healed_at_s(plan).value_or(begin) + 20);
  const auto last = seconds(plan.end_s()) - stranger::visit - last_look;
  for (std::size_t i = 0; i < strangers && quiet < last; ++i)
    world_.at(quiet + (last - quiet) * static_cast<int>(i) / static_cast<int>(strangers),
              [this] { send_stranger(); });
  world_.at(seconds(plan.end_s()) - last_look, [this] { ask_everybody(); });
}

std::optional<std::size_t> auditor::pick_live() {
  if (world_.live_nodes() < 2) return std::nullopt;
  for (;;) {
    const auto i = random_.below(world_.nodes().size());
    if (world_.nodes()[i]->up) return i;
  }
}

// ---- Downloads that a stop interrupts

void auditor::begin_downloads(std::size_t every) {
  for (std::size_t i = 0; i < world_.nodes().size(); ++i)
    if (random_.below(every) == 0 && world_.nodes()[i]->up) begin_download(i);
}

void auditor::begin_download(std::size_t index) {
  const auto& node = *world_.nodes()[index];
  const auto pick = world_.music().draw(random_);
  if (!node.links.swarm || node.serves(pick)) return;
  fb::FetchStartT start;
  start.id = 1;
  start.mbid = box(world_.music().recordings()[pick].id);
  caf::anon_send(probe_, asker_task{[this, index, request = record<fb::FetchStart>::pack(start),
                                     swarm = node.links.swarm](caf::event_based_actor* self) {
                   self->request(swarm, 5s, request)
                       .then(
                           [this, index](const record<fb::TransferStatus>& status) {
                             acknowledged_.insert({index, string_of(status->transfer())});
                           },
                           [](const caf::error&) {});  // refused or stopped: nothing was promised
                 }});
}

void auditor::before_stop(std::size_t index, fault::kind how) {
  const storage::transfer_store transfers(world_.nodes()[index]->store);
  const auto read = transfers.for_each([&](const std::string& id,
                                           const record<fb::TransferRecord>& transfer) {
    const auto* status = transfer->status();
    if (status != nullptr && status->variant() != nullptr && status->state() != fb::TransferState::done)
      note_stop(interrupted_.emplace(download{index, id}, before_of(*status)).first->second, *transfer, how);
    return true;
  });
  if (!read) problems_.insert(read.error().message);
}

/// Whose sources have all gone may take another encoding, give the first file up for it, and come back to it.
void auditor::note_choices() {
  for (auto& [which, before] : interrupted_) {
    const auto found = storage::transfer_store(world_.nodes()[which.node]->store).get(which.id);
    if (!found || !*found) continue;
    const auto* status = (**found)->status();
    before.gave_up |= status == nullptr || before_of(*status).root != before.root;
  }
}

/// What was not synced yet is lost with the power, and has to be fetched again.
void auditor::note_stop(at_stop& interrupted, const fb::TransferRecord& transfer, fault::kind how) {
  if (how != fault::kind::power_cut) return;
  const auto synced =
      bitmap::from_bytes(view_of(transfer.synced()), swarm::leaf_count(transfer.status()->bytes_total()));
  const auto safe = static_cast<double>(synced.set_count() * leaf);
  interrupted.lost += std::max(0.0, static_cast<double>(transfer.status()->bytes_verified()) - safe);
}

// ---- Villains

void auditor::turn_into_liar(std::size_t index) {
  auto& node = *world_.nodes()[index];
  // Every second one has hashes that fit.
  const bool forges = liars_.insert(index).second && liars_.size() % 2 == 0 && node.links.overlay;
  forged_trees trees;
  for (const auto& offer : node.shared) {
    const auto& music = world_.music();
    const auto size = music.files()[offer.file].size;
    const auto lie = [honest = music.content(offer.file)](std::uint64_t offset, std::span<std::uint8_t> out) {
      honest(offset, out);
      // The first byte of each leaf but the first: a file's head says what it is.
      for (auto at = std::max(leaf, (offset + leaf - 1) / leaf * leaf); at < offset + out.size(); at += leaf)
        out[at - offset] ^= 1;
    };
    // Whoever reads it to prove it gets the truth, whoever reads it to send it a lie.
    node.files->share(
        "/music/" + music.file_name(offer.file), size,
        [lie, honest = music.content(offer.file)](std::uint64_t offset, std::span<std::uint8_t> out) {
          out.size() <= longest_answer ? lie(offset, out) : honest(offset, out);
        });
    if (!forges) continue;
    bytes forged(size);
    lie(0, forged);
    swarm::tree_builder builder(swarm::tree_builder::keep::leaves);
    builder.update(forged);
    trees[music.root(offer.file)] = std::make_shared<const swarm::hash_tree>(builder.tree().value());
  }
  if (!forges) return;
  auto links = node.links;
  const auto between = world_.system().spawn(forger, links.uploads, std::move(trees));
  forgers_.push_back(caf::actor_cast<caf::actor>(between));
  links.uploads = between;
  caf::anon_send(links.overlay, links);
}

void auditor::send_stranger() {
  std::optional<std::size_t> victim, beside;
  for (int i = 0; i < stranger_tries &&
                  (!victim || !beside || !world_.can_connect(*beside, *victim) || victim == beside);
       ++i) {
    victim = pick_live();
    beside = pick_live();
  }
  if (!victim || !beside || !world_.can_connect(*beside, *victim) || victim == beside) return;
  strangers_.push_back(std::make_shared<stranger>(world_, *beside, *victim, random_.u64(), complaints_));
  strangers_.back()->begin();
}

// ---- What comes out

void auditor::ask_everybody() {
  for (const auto& node : world_.nodes()) {
    if (!node->up || !node->links.telemetry) continue;
    caf::anon_send(probe_,
                   asker_task{[this, telemetry = node->links.telemetry](caf::event_based_actor* self) {
                     self->request(telemetry, 4s, status_request{})
                         .then([this](const record<fb::NodeStatus>& status) { on_status(status); },
                               [this](const caf::error&) { problems_.insert("a node gave no status"); });
                   }});
  }
}

void auditor::on_status(const record<fb::NodeStatus>& status) {
  ++counted_["nodes"];
  if (status->reports() == nullptr) return;
  for (const auto* part : *status->reports()) {
    counted_["mailbox_max"] = std::max(counted_["mailbox_max"], static_cast<double>(part->mailbox()));
    if (part->counters() == nullptr) continue;
    for (const auto* c : *part->counters())
      counted_[string_of(part->path()) + "." + string_of(c->name())] += static_cast<double>(c->value());
  }
}

auditor::finding auditor::look_at_file(const sim_node& node, const fb::TransferStatus& status) const {
  const auto file = node.files->open_finished(string_of(status.path()));
  if (!file || status.mbid() == nullptr) return finding::wrong;
  bytes content((*file)->size());
  const auto got = (*file)->read_at(0, content);
  if (!got || *got != content.size()) return finding::wrong;
  const auto hash = crypto::sha256(content);
  const auto& music = world_.music();
  const auto wanted = index_of_.at(from_fb<mbid>(*status.mbid()));
  for (std::size_t known = 0; known < music.files().size(); ++known)
    if (music.files()[known].recording == wanted && music.sha256(known) == hash)
      return music.files()[known].genuine() ? finding::whole : finding::fake;
  return finding::wrong;
}

auditor::at_stop auditor::before_of(const fb::TransferStatus& status) {
  at_stop out;
  if (status.variant() != nullptr) out.root = from_fb<digest>(status.variant()->root());
  out.useful = static_cast<double>(status.bytes_received()) - static_cast<double>(status.bytes_wasted());
  out.verified = static_cast<double>(status.bytes_verified());
  out.rejections = status.rejections() == nullptr ? 0 : status.rejections()->size();
  return out;
}

void auditor::look_at_disks(std::map<std::string, double>& out) const {
  double wrong = 0, fake = 0, lost = 0, again = 0, base = 0;
  for (const auto& node : world_.nodes()) {
    const storage::transfer_store transfers(node->store);
    const auto read =
        transfers.for_each([&](const std::string& id, const record<fb::TransferRecord>& transfer) {
          const auto* status = transfer->status();
          if (status == nullptr || status->state() != fb::TransferState::done) return true;
          const auto found = look_at_file(*node, *status);
          wrong += found == finding::wrong ? 1 : 0;
          fake += found == finding::fake ? 1 : 0;
          const auto stopped = interrupted_.find({node->index, id});
          if (stopped == interrupted_.end()) return true;
          const auto& before = stopped->second;
          const auto now = before_of(*status);
          // Another file than the one that was stopped: its bytes are new ones.
          if (before.gave_up || now.root != before.root || now.rejections != before.rejections) return true;
          const auto total = static_cast<double>(status->bytes_total());
          again += std::max(0.0, (now.useful - before.useful) - (total - before.verified + before.lost));
          base += total;
          return true;
        });
    if (!read) ++wrong;
  }
  for (const auto& d : acknowledged_) {
    const auto found = storage::transfer_store(world_.nodes()[d.node]->store).get(d.id);
    if (!found || !*found) ++lost;
  }
  out["acknowledged_downloads"] = static_cast<double>(acknowledged_.size());
  out["lost_downloads"] = lost;
  out["wrong_files"] = wrong;
  out["fake_files"] = fake;
  out["resumed_kib"] = base / 1024;
  out["refetched_share"] = base > 0 ? again / base : 0;
}

void auditor::settled(const std::vector<operation>& operations, std::map<std::string, double>& out) const {
  const auto healed = healed_at_s(world_.plan());
  double resolves = 0, resolved = 0, downloads = 0, downloaded = 0, failed = 0, faked = 0;
  std::set<std::pair<std::size_t, mbid>> has_fake;
  for (const auto& op : operations) {
    // Whoever took a fake while nobody could know has it: a second download of it only finds the first.
    if (op.end == operation::outcome::fake && !has_fake.emplace(op.node, op.target).second) continue;
    if (!healed || static_cast<double>(op.started_us) / 1e6 < *healed + settling_s) continue;
    if (op.end == operation::outcome::node_died || !was_up_long_enough(op)) continue;
    const bool ok = op.end == operation::outcome::ok;
    const auto honest = std::count_if(op.holders_alive.begin(), op.holders_alive.end(),
                                      [&](std::size_t h) { return !liars_.contains(h); });
    if (!ok && honest == 0) continue;
    if (op.end == operation::outcome::fake) {
      if (honest < enough_witnesses) continue;  // nobody could know
      ++faked;
    }
    if (op.what == operation::kind::soulseek_download) continue;
    if (op.what == operation::kind::resolve) {
      ++resolves;
      resolved += ok ? 1 : 0;
    } else {
      ++downloads;
      downloaded += ok ? 1 : 0;
      failed += op.end == operation::outcome::failed ? 1 : 0;
    }
  }
  out["settled_resolves"] = resolves;
  out["settled_resolve_success"] = resolves > 0 ? resolved / resolves : 1;
  out["settled_downloads"] = downloads;
  out["settled_download_success"] = downloads > 0 ? downloaded / downloads : 1;
  out["settled_downloads_failed"] = failed;
  out["avoidable_fakes"] = faked;
}

bool auditor::was_up_long_enough(const operation& op) const {
  const auto& starts = started_us_[op.node];
  const auto later = std::upper_bound(starts.begin(), starts.end(), op.started_us);
  return later != starts.begin() && *std::prev(later) + joining_us <= op.started_us;
}

std::map<std::string, double> auditor::finish(const std::vector<operation>& operations) {
  std::map<std::string, double> out;
  settled(operations, out);
  look_at_disks(out);
  const auto share = [&](const char* part, const char* whole) {
    return counted_[whole] > 0 ? counted_[part] / counted_[whole] : 0;
  };
  out["liars"] = static_cast<double>(liars_.size());
  out["strangers_heard"] = complaints_["visits"];
  out["let_in"] = 0;
  for (const auto& [what, times] : complaints_)
    if (what != "visits") {
      out["let_in." + what] = times;
      out["let_in"] += times;
    }
  out["mailbox_max"] = counted_["mailbox_max"];
  out["wasted_share"] = share("swarm.bytes_wasted", "swarm.bytes_received");
  out["bad_leaves_per_ban"] = share("swarm.bad_leaves", "swarm.sources_banned");
  out["unanswered_share"] = share("dht.question_timeouts", "dht.questions_asked");
  out["unread_reports"] = static_cast<double>(problems_.size());
  return out;
}

}  // namespace vsf::sim
