#include "actors/swarm/file_worker_actor.hpp"

#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::swarm {

namespace {

struct runner {
  shared_files& files;

  file_answer operator()(const upload_logic::open_file& c) const {
    return {file_answer::opened{c.ticket, files.open(c.root)}};
  }
  file_answer operator()(const upload_logic::read_leaves& c) const {
    return {file_answer::read{c.ticket, files.read(*c.file, c.first_leaf, c.count, c.recheck)}};
  }
  file_answer operator()(const upload_logic::hash_file& c) const {
    return {file_answer::hashed{c.file->root, files.hash(*c.file)}};
  }
  file_answer operator()(const upload_logic::read_proof& c) const {
    return {file_answer::proved{c.ticket, files.proof_of(*c.part, c.piece)}};
  }
};

}  // namespace

file_worker_actor::behavior_type file_worker(file_worker_actor::stateful_pointer<file_worker_state> self,
                                             environment_ptr env) {
  supervisor::prepare(self);
  self->state.files.emplace(env->files, env->store);
  const auto work = [self](const file_job& job) {
    self->send(job.answer_to, std::visit(runner{*self->state.files}, job.command));
  };
  return {[=](file_job& job) {
            if (!self->state.line.hold(self, *env, job)) work(job);
          },
          [=](const alarm& message) { self->state.line.on_alarm(self, message, work); }};
}

}  // namespace vsf::swarm
