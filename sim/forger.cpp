#include "sim/forger.hpp"

#include <utility>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/overlay/overlay_message.hpp"

namespace vsf::sim {

namespace {

bytes join(const std::vector<digest>& hashes) {
  bytes out;
  for (const auto& h : hashes) out.insert(out.end(), h.begin(), h.end());
  return out;
}

/// Whether it was answered here.
bool forge(uploads_actor::stateful_pointer<forger_state> self, const session_request& request,
           const forged_trees& trees) {
  if (!request.message) return false;
  auto& opened = self->state.opened;
  if (const auto* open = request.message->body_as_OpenRoot(); open != nullptr && open->root() != nullptr)
    opened[{request.who, open->channel()}] = from_fb<digest>(*open->root());
  const auto* wanted = request.message->body_as_GetProof();
  if (wanted == nullptr) return false;
  const auto root = opened.find({request.who, wanted->channel()});
  const auto tree = root == opened.end() ? trees.end() : trees.find(root->second);
  if (tree == trees.end()) return false;
  const auto hashes = tree->second->prove(wanted->piece());
  fb::ProofT proof;
  proof.channel = wanted->channel();
  proof.piece = wanted->piece();
  proof.leaves = join(hashes.leaves);
  proof.uncles = join(hashes.uncles);
  self->send(request.peer, session_send{overlay::overlay_message(std::move(proof))});
  return true;
}

}  // namespace

uploads_actor::behavior_type forger(uploads_actor::stateful_pointer<forger_state> self, uploads_actor honest,
                                    forged_trees trees) {
  return {
      [=](const session_request& request) {
        if (!forge(self, request, trees)) self->send(honest, request);
      },
      [=](const part_grew& news) { self->send(honest, news); },
      [](const record<fb::TransferLimits>&) {},
      [](const component_links&) {},
      [](const report_request&) {},
      [](const alarm&) {},
      [](const restart_child&) {},
  };
}

}  // namespace vsf::sim
