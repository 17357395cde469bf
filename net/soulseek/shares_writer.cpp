#include "net/soulseek/deflate.hpp"
#include "net/soulseek/shares.hpp"
#include "net/soulseek/wire.hpp"

namespace vsf::soulseek {
namespace {

/// Entries are gathered up to this before they are deflated.
constexpr std::size_t gather_size = 16UL << 10;

}  // namespace

struct shares_writer::state {
  detail::deflater deflated;
  std::uint32_t folders_left;
  std::optional<std::uint32_t> private_folders;
  std::uint32_t between;
  std::uint32_t files_left = 0;
  bool in_private = false;
  bytes gathered{};

  detail::writer out() { return {gathered}; }
  void flush(std::size_t from) {
    if (gathered.size() < from) return;
    deflated.put(gathered);
    gathered.clear();
  }
  /// From the public list to the private one, once that's over.
  void step() {
    if (folders_left > 0 || in_private) return;
    in_private = true;
    out().number(between);
    if (!private_folders) return;
    folders_left = *private_folders;
    out().number(folders_left);
  }
};

shares_writer::shares_writer(std::uint32_t folders, std::optional<std::uint32_t> private_folders, sink out,
                             std::uint32_t between)
    : state_(new state{detail::deflater(std::move(out)), folders, private_folders, between}) {
  state_->out().number(folders);
  state_->step();
}
shares_writer::~shares_writer() = default;
shares_writer::shares_writer(shares_writer&&) noexcept = default;
shares_writer& shares_writer::operator=(shares_writer&&) noexcept = default;

void shares_writer::begin_folder(std::string_view name, std::uint32_t files) {
  if (state_->files_left > 0)
    throw std::logic_error("a shared folder begins before the last one has its files");
  if (state_->folders_left == 0) throw std::logic_error("more shared folders than were said");
  --state_->folders_left;
  auto w = state_->out();
  w.count(name.size());
  w.raw({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
  w.number(files);
  state_->files_left = files;
  if (files == 0) state_->step();
  state_->flush(gather_size);
}

void shares_writer::add_file(const file& f) {
  if (state_->files_left == 0) throw std::logic_error("more files in a shared folder than were said");
  auto w = state_->out();
  put(w, f);
  if (--state_->files_left == 0) state_->step();
  state_->flush(gather_size);
}

void shares_writer::add_folder(const folder& f) {
  begin_folder(f.name, static_cast<std::uint32_t>(f.files.size()));
  for (const auto& one : f.files) add_file(one);
}

std::uint64_t shares_writer::finish() {
  if (state_->folders_left > 0 || state_->files_left > 0)
    throw std::logic_error("fewer shared folders or files than were said");
  state_->flush(1);
  return state_->deflated.finish();
}

bytes shares_writer::header(std::uint64_t body_size) {
  bytes out;
  detail::writer w{out};
  w.count(body_size + sizeof(std::uint32_t));
  w.number(peer::shared_file_list_response::code);
  return out;
}

}  // namespace vsf::soulseek
