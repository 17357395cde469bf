#include <caf/typed_event_based_actor.hpp>

#include "sim/asker.hpp"
#include "sim/workload.hpp"

namespace vsf::sim {

namespace {

using namespace std::chrono_literals;

constexpr auto search_patience = 30s;
constexpr auto download_patience = 300s;
constexpr auto poll_interval = 500ms;
constexpr std::uint32_t page = 200;

}  // namespace

/// A person who searches for a file by its name and takes it of the first user who has it.
void workload::begin_soulseek_download() {
  if (world_.live_nodes() == 0) return;
  const auto index = pick_live_node();
  const auto recording = pick_recording(index);
  const auto id = next_id_++;
  auto& r = running_[id];
  r.op.what = operation::kind::soulseek_download;
  r.op.node = index;
  r.op.target = world_.music().recordings()[recording].id;
  r.op.started_us = static_cast<std::uint64_t>(world_.now() / 1us);
  r.file = world_.music().recordings()[recording].encodings.front();
  fb::SoulseekSearchAskT search;
  search.text = world_.music().file_name(r.file);
  ask_soulseek(id, std::move(search));
}

template <class Want>
void workload::ask_soulseek(std::uint64_t id, Want want) {
  const auto& node = *world_.nodes()[running_.at(id).op.node];
  if (!node.links.soulseek) return finish(id, operation::outcome::failed, "this node's client isn't up");
  fb::SoulseekAskT ask;
  ask.want.Set(std::move(want));
  caf::anon_send(probe_, asker_task{[this, id, request = record<fb::SoulseekAsk>::pack(ask),
                                     soulseek = node.links.soulseek](caf::event_based_actor* self) {
                   self->request(soulseek, 5s, request)
                       .then([this, id](const record<fb::SoulseekReply>& reply) { on_reply(id, *reply); },
                             [this, id](const caf::error& problem) {
                               finish(id, operation::outcome::failed,
                                      "this node's client gave no answer: " + to_string(problem));
                             });
                 }});
}

void workload::on_reply(std::uint64_t id, const fb::SoulseekReply& reply) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  auto& r = found->second;
  if (const auto* problem = reply.got_as_SoulseekProblem())
    return finish(id, operation::outcome::failed, string_of(problem->text()));
  if (const auto* begun = reply.got_as_SoulseekSearchBegun()) r.search = begun->search();
  if (const auto* results = reply.got_as_SoulseekResultsAnswer()) return on_results(id, *results);
  if (const auto* begun = reply.got_as_SoulseekTransfer()) r.soulseek_transfer = begun->id();
  if (const auto* transfers = reply.got_as_SoulseekTransfersAnswer()) return on_transfers(id, *transfers);
  world_.at(world_.now() + poll_interval, [this, id] { poll_soulseek(id); });
}

void workload::poll_soulseek(std::uint64_t id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  const auto& r = found->second;
  const auto age = world_.now() - std::chrono::microseconds(r.op.started_us);
  if (r.soulseek_transfer != 0) {
    if (age > download_patience) return finish(id, operation::outcome::timed_out);
    fb::SoulseekTransfersAskT ask;
    ask.limit = page;
    return ask_soulseek(id, std::move(ask));
  }
  if (age > search_patience) return finish(id, operation::outcome::empty, "nobody answered the search");
  fb::SoulseekResultsAskT ask;
  ask.search = r.search;
  ask.limit = page;
  ask_soulseek(id, std::move(ask));
}

void workload::on_results(std::uint64_t id, const fb::SoulseekResultsAnswer& results) {
  const auto name = '\\' + world_.music().file_name(running_.at(id).file);
  for (flatbuffers::uoffset_t i = 0; results.results() != nullptr && i < results.results()->size(); ++i) {
    const auto& user = *results.results()->Get(i);
    for (flatbuffers::uoffset_t k = 0; user.files() != nullptr && k < user.files()->size(); ++k) {
      const auto& file = *user.files()->Get(k);
      if (!string_of(file.path()).ends_with(name)) continue;
      fb::SoulseekDownloadAskT ask;
      ask.user = string_of(user.user());
      ask.path = string_of(file.path());
      ask.size = file.size();
      return ask_soulseek(id, std::move(ask));
    }
  }
  world_.at(world_.now() + poll_interval, [this, id] { poll_soulseek(id); });
}

void workload::on_transfers(std::uint64_t id, const fb::SoulseekTransfersAnswer& answer) {
  auto& r = running_.at(id);
  for (flatbuffers::uoffset_t i = 0; answer.transfers() != nullptr && i < answer.transfers()->size(); ++i) {
    const auto& transfer = *answer.transfers()->Get(i);
    if (transfer.id() != r.soulseek_transfer) continue;
    r.op.bytes = transfer.bytes_done();
    if (transfer.state() == fb::SoulseekTransferState::completed) {
      check_file(r.op, string_of(transfer.file()));
      return finish(id, r.op.end == operation::outcome::pending ? operation::outcome::ok : r.op.end);
    }
    if (transfer.state() == fb::SoulseekTransferState::failed)
      return finish(id, operation::outcome::failed, string_of(transfer.reason()));
    world_.at(world_.now() + poll_interval, [this, id] { poll_soulseek(id); });
    return;
  }
  finish(id, operation::outcome::failed, "the transfer vanished from the list");
}

}  // namespace vsf::sim
