#include "net/soulseek/deflate.hpp"
#include "net/soulseek/shares.hpp"
#include "net/soulseek/wire.hpp"

namespace vsf::soulseek {
namespace {

/// More attributes of one file than this are nonsense; there are six known.
constexpr std::uint32_t max_attributes = 256;

}  // namespace

struct shares_reader::state {
  enum class stage : std::uint8_t { count, folder, file, between, private_count, done };

  limits bounds;
  visitor visit;
  detail::inflater inflated;
  bytes pending{};  // inflated and not yet understood
  std::size_t start = 0;
  stage at = stage::count;
  bool is_private = false;
  bool in_folder = false;
  std::uint32_t folders_left = 0;
  std::uint32_t files_left = 0;
  std::uint64_t folders = 0;
  std::uint64_t files = 0;
  folder current{};
  std::size_t current_size = 0;
  std::uint32_t between = 0;
  std::optional<fault> bad{};

  bool fail(fault f) {
    bad = f;
    return false;
  }
  byte_view rest() const { return byte_view(pending).subspan(start); }
  std::optional<std::uint32_t> u32_at(std::size_t offset) const {
    if (rest().size() < offset + 4) return std::nullopt;
    return detail::reader{.rest = rest().subspan(offset)}.u32();
  }

  /// Each understands one thing; false: it isn't all there, or there's a fault.
  bool count();
  bool folder_head();
  bool one_file();
  bool one_between();
  bool step();
  std::optional<std::size_t> file_size();
  void give(bool last);
  void end_of_list() { at = is_private ? stage::done : stage::between; }
  bool take(byte_view chunk);
};

bool shares_reader::state::count() {
  const auto n = u32_at(0);
  if (!n) return false;
  start += 4;
  folders_left = *n;
  folders += *n;
  if (folders > bounds.folders) return fail(fault::too_many_items);
  at = stage::folder;
  if (folders_left == 0) end_of_list();
  return true;
}

bool shares_reader::state::folder_head() {
  const auto length = u32_at(0);
  if (!length) return false;
  if (*length > bounds.name) return fail(fault::oversize);
  const auto n = u32_at(4 + *length);
  if (!n) return false;
  files += *n;
  if (files > bounds.files) return fail(fault::too_many_items);
  current.name = text_of(rest().subspan(4, *length));
  start += 8 + *length;
  --folders_left;
  files_left = *n;
  at = stage::file;
  if (files_left == 0) give(true);
  return true;
}

/// Bytes of the file entry that begins here, without copying anything; nothing: it isn't all there yet.
std::optional<std::size_t> shares_reader::state::file_size() {
  const auto name = u32_at(1);
  if (!name) return std::nullopt;
  if (*name > bounds.name) return fail(fault::oversize), std::nullopt;
  const std::size_t behind_name = 1 + 4 + *name + 8;
  const auto extension = u32_at(behind_name);
  if (!extension) return std::nullopt;
  if (*extension > bounds.name) return fail(fault::oversize), std::nullopt;
  const auto attributes = u32_at(behind_name + 4 + *extension);
  if (!attributes) return std::nullopt;
  if (*attributes > max_attributes) return fail(fault::too_many_items), std::nullopt;
  const auto size = behind_name + 4 + *extension + 4 + 8UL * *attributes;
  if (size > rest().size()) return std::nullopt;
  return size;
}

bool shares_reader::state::one_file() {
  const auto size = file_size();
  if (!size) return false;
  detail::reader r{.rest = rest().first(*size)};
  get(r, current.files.emplace_back());
  start += *size;
  current_size += *size;
  if (--files_left == 0)
    give(true);
  else if (current.files.size() >= bounds.part_files || current_size >= bounds.part_size)
    give(false);
  return true;
}

void shares_reader::state::give(bool last) {
  folder part{last ? std::move(current.name) : current.name, std::move(current.files)};
  current.files = {};
  current_size = 0;
  if (last) {
    at = stage::folder;
    if (folders_left == 0) end_of_list();
  }
  visit(std::move(part), is_private);
}

bool shares_reader::state::one_between() {
  const auto n = u32_at(0);
  if (!n) return false;
  start += 4;
  between = *n;
  is_private = true;
  at = stage::private_count;
  return true;
}

bool shares_reader::state::step() {
  switch (at) {
    case stage::count:
    case stage::private_count:
      return count();
    case stage::folder:
      return folder_head();
    case stage::file:
      return one_file();
    case stage::between:
      return one_between();
    case stage::done:
      break;
  }
  return false;
}

bool shares_reader::state::take(byte_view chunk) {
  if (at == stage::done) return true;  // bytes after the last field are ignored
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(start));
  start = 0;
  pending.insert(pending.end(), chunk.begin(), chunk.end());
  while (step()) {
  }
  if (at == stage::done) start = pending.size();
  return !bad;
}

shares_reader::shares_reader(const limits& bounds, visitor visit)
    : state_(new state{bounds, std::move(visit), detail::inflater(bounds.inflate)}) {}
shares_reader::shares_reader(visitor visit) : shares_reader(limits{}, std::move(visit)) {}
shares_reader::~shares_reader() = default;
shares_reader::shares_reader(shares_reader&&) noexcept = default;
shares_reader& shares_reader::operator=(shares_reader&&) noexcept = default;

tl::expected<void, fault> shares_reader::feed(byte_view deflated) {
  auto& s = *state_;
  if (!s.bad) {
    const auto done = s.inflated.put(deflated, [&](byte_view chunk) { return s.take(chunk); });
    if (!done) s.bad = done.error();
  }
  if (s.bad) return tl::unexpected(*s.bad);
  return {};
}

tl::expected<void, fault> shares_reader::finish() {
  auto& s = *state_;
  if (!s.bad && !s.inflated.ended()) s.bad = fault::bad_zlib;
  const bool whole =
      s.at == state::stage::done ||
      ((s.at == state::stage::between || s.at == state::stage::private_count) && s.rest().empty());
  if (!s.bad && !whole) s.bad = fault::truncated;
  if (s.bad) return tl::unexpected(*s.bad);
  return {};
}

std::uint32_t shares_reader::unknown() const { return state_->between; }
bool shares_reader::has_private() const { return state_->at == state::stage::done; }

}  // namespace vsf::soulseek
