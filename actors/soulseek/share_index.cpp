#include "actors/soulseek/share_index.hpp"

#include <algorithm>
#include <utility>

#include "actors/soulseek/share_text.hpp"

namespace vsf::soulseek {
namespace {

constexpr std::size_t max_path_bytes = 4096;
constexpr std::size_t max_name_bytes = 1024;
constexpr std::size_t max_depth = 64;

struct split {
  std::string_view folder, name;
};

split split_path(std::string_view path) {
  const auto at = path.rfind('\\');
  if (at == std::string_view::npos) return {{}, path};
  return {path.substr(0, at), path.substr(at + 1)};
}

/// Calls `visit` for each name between backslashes until it returns false.
template <class Visit>
bool for_each_name(std::string_view path, Visit visit) {
  while (true) {
    const auto end = path.find('\\');
    if (!visit(path.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

bool is_good_folder(std::string_view path) {
  std::size_t depth = 0;
  return for_each_name(path, [&](std::string_view name) {
    return !name.empty() && name.size() <= max_name_bytes && ++depth <= max_depth;
  });
}

std::uint32_t hash_name(std::string_view name, std::uint32_t above) {
  bool plain = true;
  for (const char c : name) plain = plain && static_cast<unsigned char>(c) < 0x80 && (c < 'A' || c > 'Z');
  return plain ? hash_text(name, above) : hash_text(fold(name), above);
}

std::uint32_t hash_path(std::string_view path) {
  std::uint32_t hash = 0;
  for_each_name(path, [&](std::string_view name) {
    hash = hash_name(name, hash);
    return true;
  });
  return hash;
}

}  // namespace

share_index::share_index(share_limits limits) : limits_(limits) {
  folders_.grow();
  folders_[top].name = names_.add("");
}

void share_index::append_folder_path(share_folder_id folder, std::string& out) const {
  if (folder == top) return;
  const auto& entry = folders_[folder];
  if (entry.parent != top) {
    append_folder_path(entry.parent, out);
    out += '\\';
  }
  out += folder_name(folder);
}

void share_index::append_path(share_file_id file, std::string& out) const {
  append_folder_path(files_[file].folder, out);
  out += '\\';
  out += name(file);
}

std::string share_index::path(share_file_id file) const {
  std::string out;
  append_path(file, out);
  return out;
}

share_folder_id share_index::exact_folder(std::string_view path) const {
  if (path.empty()) return top;
  const auto hash = hash_path(path);
  return folder_table_.find(hash, [&](std::uint32_t id) {
    if (folders_[id].hash != hash) return false;
    auto rest = path;
    for (auto at = id; at != top; at = folders_[at].parent) {
      const auto [above, last] = split_path(rest);
      if (last != folder_name(at)) return false;
      if (above.empty()) return folders_[at].parent == top;
      rest = above;
    }
    return false;
  });
}

share_file_id share_index::exact_file(share_folder_id folder, std::string_view name_sought) const {
  const auto hash = hash_name(name_sought, folders_[folder].hash);
  return file_table_.find(hash, [&](std::uint32_t id) {
    return files_[id].hash == hash && files_[id].folder == folder && name(id) == name_sought;
  });
}

std::optional<share_file_id> share_index::find_exact(std::string_view path) const {
  const auto [above, last] = split_path(path);
  if (above.empty() || last.empty()) return std::nullopt;
  const auto folder = exact_folder(above);
  if (folder == no_id) return std::nullopt;
  const auto file = exact_file(folder, last);
  return file == no_id ? std::nullopt : std::optional(file);
}

std::optional<share_file_id> share_index::find(std::string_view path) const {
  if (path.size() > max_path_bytes) return std::nullopt;
  if (const auto exact = find_exact(path)) return exact;
  std::string wanted(path);
  std::ranges::replace(wanted, '/', '\\');
  const auto hash = hash_path(wanted);
  wanted = fold(wanted);
  const auto id = file_table_.find(
      hash, [&](std::uint32_t one) { return files_[one].hash == hash && fold(this->path(one)) == wanted; });
  return id == no_id ? std::nullopt : std::optional(id);
}

std::optional<share_folder_id> share_index::find_exact_folder(std::string_view path) const {
  const auto folder = exact_folder(path);
  return folder == no_id ? std::nullopt : std::optional(folder);
}

std::optional<share_folder_id> share_index::find_folder(std::string_view path) const {
  while (path.ends_with('\\') || path.ends_with('/')) path.remove_suffix(1);
  if (path.empty() || path.size() > max_path_bytes) return std::nullopt;
  if (const auto exact = exact_folder(path); exact != no_id) return exact;
  std::string wanted(path);
  std::ranges::replace(wanted, '/', '\\');
  const auto hash = hash_path(wanted);
  wanted = fold(wanted);
  const auto id = folder_table_.find(hash, [&](std::uint32_t one) {
    if (folders_[one].hash != hash) return false;
    std::string whole;
    append_folder_path(one, whole);
    return fold(whole) == wanted;
  });
  return id == no_id ? std::nullopt : std::optional(id);
}

share_folder_id share_index::add_subfolder(share_folder_id above, std::string_view name) {
  if (folders_.size() - free_folders_.size() > limits_.max_folders) return no_id;
  const auto text = names_.add(name);
  if (text == no_id) return no_id;
  std::uint32_t id = 0;
  if (free_folders_.empty()) {
    id = folders_.grow();
  } else {
    id = free_folders_.back();
    free_folders_.pop_back();
  }
  auto& entry = folders_[id];
  entry = {};
  entry.parent = above;
  entry.name = text;
  entry.hash = hash_name(name, folders_[above].hash);
  folder_table_.insert(id, entry.hash, [&](std::uint32_t one) { return folders_[one].hash; });
  auto& siblings = folders_[above].subfolders;
  siblings.insert(std::ranges::lower_bound(siblings, name, {}, [&](auto one) { return folder_name(one); }),
                  id);
  return id;
}

share_folder_id share_index::make_folder(std::string_view path) {
  if (const auto known = exact_folder(path); known != no_id) return known;
  const auto [above, last] = split_path(path);
  const auto parent = make_folder(above);
  return parent == no_id ? no_id : add_subfolder(parent, last);
}

void share_index::drop_empty(share_folder_id folder) {
  while (folder != top && folders_[folder].files.empty() && folders_[folder].subfolders.empty()) {
    auto& entry = folders_[folder];
    auto& siblings = folders_[entry.parent].subfolders;
    siblings.erase(std::ranges::lower_bound(siblings, folder_name(folder), {},
                                            [&](auto one) { return folder_name(one); }));
    folder_table_.erase(folder, entry.hash, [&](std::uint32_t one) { return folders_[one].hash; });
    names_.drop(entry.name);
    if (last_folder_ == folder) last_folder_ = no_id;
    free_folders_.push_back(folder);
    folder = entry.parent;
  }
}

const std::vector<std::uint32_t>& share_index::folder_words(share_folder_id folder) {
  if (folder == last_folder_) return last_words_;
  last_words_.clear();
  last_folder_ = folder;
  std::string text;
  append_folder_path(folder, text);
  folded_.clear();
  fold_onto(folded_, text);
  for (std::size_t at = 0;;) {
    const auto word = next_word(folded_, at);
    if (word.empty()) break;
    if (const auto id = words_.intern(word); id != no_id) last_words_.push_back(id);
  }
  return last_words_;
}

void share_index::words_of(share_file_id file, std::vector<std::uint32_t>& out) {
  out = folder_words(files_[file].folder);
  folded_.clear();
  fold_onto(folded_, name(file));
  for (std::size_t at = 0;;) {
    const auto word = next_word(folded_, at);
    if (word.empty()) break;
    if (const auto id = words_.intern(word); id != no_id) out.push_back(id);
  }
}

void share_index::fill(file_entry& entry, const share_file& file) {
  const auto size = std::min(file.size_bytes, (std::uint64_t{1} << 48) - 1);
  entry.size_low = static_cast<std::uint32_t>(size);
  entry.size_high = static_cast<std::uint16_t>(size >> 32);
  const auto& a = file.attributes;
  entry.bitrate = static_cast<std::uint16_t>(std::min(a.bitrate_kbps, 0xFFFFU));
  entry.sample_rate = std::min(a.sample_rate_hz, 0xFFFFFFU) & 0xFFFFFFU;
  entry.bit_depth = a.bit_depth;
  entry.duration = std::min(a.duration_s, 0x1FFFFFFFU) & 0x1FFFFFFFU;
  entry.vbr = a.vbr ? 1U : 0U;
  entry.buddies = file.visibility == share_visibility::buddies ? 1U : 0U;
  entry.local = file.local;
}

share_file share_index::at(share_file_id file) const {
  const auto& entry = files_[file];
  share_file out;
  out.size_bytes = (std::uint64_t{entry.size_high} << 32) | entry.size_low;
  out.attributes = {entry.bitrate, entry.duration, entry.sample_rate,
                    static_cast<std::uint8_t>(entry.bit_depth), entry.vbr != 0};
  out.visibility = entry.buddies ? share_visibility::buddies : share_visibility::everyone;
  out.local = entry.local;
  return out;
}

std::uint32_t share_index::count(share_folder_id folder, share_audience audience) const {
  const auto all = static_cast<std::uint32_t>(folders_[folder].files.size());
  const auto buddies = folders_[folder].buddies_count;
  if (audience == share_audience::both) return all;
  return audience == share_audience::buddies ? buddies : all - buddies;
}

/// After the file was added to its folder, or before it is taken from it.
void share_index::count_file(share_folder_id folder, bool buddies, bool plus) {
  auto& files = buddies ? counts_.buddies_files : counts_.files;
  auto& folders = buddies ? counts_.buddies_folders : counts_.folders;
  const bool only = count(folder, buddies ? share_audience::buddies : share_audience::everyone) == 1;
  plus ? ++files : --files;
  if (only) plus ? ++folders : --folders;
}

share_index::outcome share_index::add(share_folder_id folder, std::string_view name_given,
                                      const share_file& file) {
  const auto text = files_.size() - free_files_.size() < limits_.max_files ? names_.add(name_given) : no_id;
  if (text == no_id) {
    ++refused_;
    drop_empty(folder);
    return {};
  }
  share_file_id id = 0;
  if (free_files_.empty()) {
    id = files_.grow();
  } else {
    id = free_files_.back();
    free_files_.pop_back();
  }
  auto& entry = files_[id];
  entry = {};
  fill(entry, file);
  entry.folder = folder;
  entry.name = text;
  entry.used = 1;
  entry.hash = hash_name(name_given, folders_[folder].hash);
  file_table_.insert(id, entry.hash, [&](std::uint32_t one) { return files_[one].hash; });
  auto& here = folders_[folder];
  // A listing comes in this order.
  if (here.files.empty() || name(here.files.back()) < name_given)
    here.files.push_back(id);
  else
    here.files.insert(
        std::ranges::lower_bound(here.files, name_given, {}, [&](auto one) { return name(one); }), id);
  if (entry.buddies) {
    buddies_.add(id);
    ++here.buddies_count;
  }
  count_file(folder, entry.buddies, true);
  words_of(id, some_words_);
  for (const auto word : some_words_) words_.add(word, id);
  ++revision_;
  return {change::added, id};
}

share_index::outcome share_index::put(std::string_view path, const share_file& file) {
  const auto [above, last] = split_path(path);
  if (path.size() > max_path_bytes || last.empty() || last.size() > max_name_bytes ||
      !is_good_folder(above)) {
    ++refused_;
    return {};
  }
  const auto folder = make_folder(above);
  if (folder == no_id) {
    ++refused_;
    return {};
  }
  const auto known = exact_file(folder, last);
  if (known == no_id) return add(folder, last, file);
  auto& entry = files_[known];
  const auto before = at(known);
  if (before.visibility != file.visibility) {
    count_file(folder, entry.buddies, false);
    const bool buddies = file.visibility == share_visibility::buddies;
    buddies ? ++folders_[folder].buddies_count : --folders_[folder].buddies_count;
    buddies ? buddies_.add(known) : buddies_.remove(known);
    count_file(folder, buddies, true);
  }
  fill(entry, file);
  if (at(known) == before) return {change::unchanged, known};
  ++revision_;
  return {change::replaced, known};
}

bool share_index::set_attributes(share_file_id file, const share_attributes& attributes) {
  if (!has(file)) return false;
  auto whole = at(file);
  if (whole.attributes == attributes) return true;
  whole.attributes = attributes;
  fill(files_[file], whole);
  ++revision_;
  return true;
}

bool share_index::remove(share_file_id file) {
  if (!has(file)) return false;
  words_of(file, some_words_);
  for (const auto word : some_words_) words_.remove(word, file);
  auto& entry = files_[file];
  auto& here = folders_[entry.folder];
  count_file(entry.folder, entry.buddies, false);
  if (entry.buddies) {
    buddies_.remove(file);
    --here.buddies_count;
  }
  here.files.erase(std::ranges::lower_bound(here.files, name(file), {}, [&](auto one) { return name(one); }));
  file_table_.erase(file, entry.hash, [&](std::uint32_t one) { return files_[one].hash; });
  names_.drop(entry.name);
  entry.used = 0;
  free_files_.push_back(file);
  drop_empty(entry.folder);
  ++revision_;
  return true;
}

void share_index::copy_names() {
  string_pool kept;
  for (share_folder_id id = 0; id < folders_.size(); ++id)
    if (id == top || folders_[id].parent != no_id) folders_[id].name = kept.add(folder_name(id));
  for (share_file_id id = 0; id < files_.size(); ++id)
    if (files_[id].used) files_[id].name = kept.add(name(id));
  names_ = std::move(kept);
}

void share_index::pack() {
  words_.pack();
  last_folder_ = no_id;
  buddies_.runOptimize();
  if (names_.wasteful()) copy_names();
}

std::size_t share_index::memory_bytes() const {
  auto out = files_.memory_bytes() + folders_.memory_bytes() + names_.memory_bytes() +
             file_table_.memory_bytes() + folder_table_.memory_bytes() + words_.memory_bytes() +
             (free_files_.capacity() + free_folders_.capacity()) * sizeof(std::uint32_t) +
             buddies_.getSizeInBytes(false);
  for (share_folder_id id = 0; id < folders_.size(); ++id)
    out += (folders_[id].files.capacity() + folders_[id].subfolders.capacity()) * sizeof(std::uint32_t);
  return out;
}

}  // namespace vsf::soulseek
