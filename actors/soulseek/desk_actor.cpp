#include "actors/soulseek/desk_actor.hpp"

#include <algorithm>

#include "actors/soulseek/transfer_naming.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::soulseek {
namespace {

using self_pointer = desk_actor::stateful_pointer<desk_state>;

constexpr std::size_t max_open_shared = 64;
constexpr storage::quarantine_limits aside_limits{};

/// A file of the library, kept open while it is being served.
result<std::shared_ptr<storage::file_reader>> shared_file(desk_state& st, const std::string& path) {
  const auto at =
      std::find_if(st.shared.begin(), st.shared.end(), [&](const auto& f) { return f.first == path; });
  if (at != st.shared.end()) {
    st.shared.splice(st.shared.begin(), st.shared, at);
    return at->second;
  }
  auto opened = st.env->files->open_shared(path);
  if (!opened) return opened;
  st.shared.emplace_front(path, *opened);
  if (st.shared.size() > max_open_shared) st.shared.pop_back();
  return opened;
}

void carry_out(self_pointer self, const read_piece& job) {
  auto& st = self->state;
  const auto read = [&]() -> result<frame> {
    const auto file = shared_file(st, job.local);
    if (!file) return tl::unexpected(file.error());
    auto out = frame::allocate(job.length_bytes);
    const auto got = (*file)->read_at(job.offset_bytes, out.mutable_view());
    if (!got) return tl::unexpected(got.error());
    if (*got != job.length_bytes) return tl::unexpected(error{job.local + " is shorter than it was"});
    return out;
  };
  tell_owner(st.owner, piece_read{job.upload, read()});
}

void carry_out(self_pointer self, const open_partial& job) {
  auto& st = self->state;
  partial_opened answer{job.link, job.what, {}};
  // Made anew it would have room for bytes that nobody sends again.
  if (job.what.offset_bytes > 0 && !st.env->files->partial_exists(job.what.partial)) {
    answer.lost = true;
  } else {
    auto file = st.env->files->open_partial(job.what.partial, job.what.size_bytes);
    if (file)
      st.partials[job.what.partial] = *file;
    else
      answer.done = tl::unexpected(file.error());
  }
  tell_owner(st.owner, std::move(answer));
}

void carry_out(self_pointer self, const write_piece& job) {
  auto& st = self->state;
  piece_written answer{job.link, job.length_bytes, {}};
  const auto file = st.partials.find(job.partial);
  if (file == st.partials.end())
    answer.done = tl::unexpected(error{job.partial + " is not open"});
  else
    answer.done = file->second->write_at(job.offset_bytes, job.data.view().first(job.length_bytes));
  tell_owner(st.owner, std::move(answer));
}

void carry_out(self_pointer self, const finish_partial& job) {
  auto& st = self->state;
  st.partials.erase(job.what.partial);
  if (!st.env->files->partial_exists(job.what.partial)) {
    if (job.what.size_bytes > 0)
      return tell_owner(st.owner, partial_finished{job.what.id, std::string(), job.what.partial});
    if (const auto made = st.env->files->open_partial(job.what.partial, 0); !made)
      return tell_owner(st.owner, partial_finished{job.what.id, tl::unexpected(made.error())});
  }
  tell_owner(st.owner, partial_finished{job.what.id, st.env->files->finish(job.what.partial, job.what.name,
                                                                           job.what.folder)});
}

void say(self_pointer self, const result<void>& done) {
  if (!done) tell_owner(self->state.owner, desk_problem{done.error().message});
}

void carry_out(self_pointer self, const put_aside& job) {
  auto& st = self->state;
  st.partials.erase(job.partial);
  if (job.discard) return say(self, st.env->files->discard_partial(job.partial));
  const auto moved = st.env->files->quarantine(job.partial, job.unix_ms, aside_limits);
  if (!moved) tell_owner(st.owner, desk_problem{moved.error().message});
}

void carry_out(self_pointer self, const keep_row& job) {
  auto& st = self->state;
  if (job.what.sync)
    if (const auto file = st.partials.find(job.what.partial); file != st.partials.end())
      say(self, file->second->sync());
  say(self, self->state.rows->put(
                job.what.row, job.what.sync ? storage::durability::synced : storage::durability::buffered));
}

void carry_out(self_pointer self, const forget_row& job) {
  say(self, self->state.rows->erase(job.id, storage::durability::buffered));
}

void carry_out(self_pointer self, const keep_social& job) {
  auto& st = self->state;
  const auto done = st.rows->put_rows(
      job.rows, job.receipt != 0 ? storage::durability::synced : storage::durability::buffered);
  say(self, done);
  if (job.receipt != 0) tell_owner(st.owner, social_kept{job.receipt, done.has_value()});
}

void carry_out(self_pointer self, const forget_social& job) {
  say(self, self->state.rows->erase_rows(job.rows, storage::durability::buffered));
}

void carry_out(self_pointer self, const read_library&) {
  constexpr std::size_t portion = 256;
  auto& st = self->state;
  files_described part;
  say(self, storage::library_store(st.env->store).for_each([&](const record<fb::FileEntry>& entry) {
    part.files.push_back(entry);
    if (part.files.size() == portion) tell_owner(st.owner, std::exchange(part, {}));
    return true;
  }));
  if (!part.files.empty()) tell_owner(st.owner, std::move(part));
}

void read_rows(self_pointer self) {
  auto& st = self->state;
  rows_read out;
  say(self, st.rows->for_each([&](const record<fb::SoulseekDownload>& row) {
    const auto partial = partial_name(row->id(), row->generation());
    std::optional<std::uint64_t> size;
    if (st.env->files->partial_exists(partial)) size = row->size();
    out.rows.emplace_back(row, size);
    return true;
  }));
  say(self, st.rows->for_each_row([&](const record<fb::SoulseekRow>& row) {
    out.social.push_back(row);
    return true;
  }));
  tell_owner(st.owner, std::move(out));
}

}  // namespace

desk_actor::behavior_type desk(self_pointer self, environment_ptr env, owner_address owner) {
  supervisor::prepare(self);
  self->state.env = std::move(env);
  self->state.owner = std::move(owner);
  self->state.rows = std::make_unique<storage::soulseek_store>(self->state.env->store);
  read_rows(self);
  return {[self](const desk_job& job) {
    std::visit([self](const auto& what) { carry_out(self, what); }, job.what);
  }};
}

}  // namespace vsf::soulseek
