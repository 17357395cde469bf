#include "actors/swarm/shared_files.hpp"

#include <algorithm>
#include <utility>

#include "actors/overlay/overlay_frame.hpp"

namespace vsf::swarm {

namespace {

constexpr std::size_t reading_bytes = 1 << 20;
constexpr std::size_t copies_tried = 8;

}  // namespace

shared_files::shared_files(std::shared_ptr<storage::file_system> files,
                           std::shared_ptr<storage::kv_store> store)
    : files_(std::move(files)), library_(std::move(store)) {}

shared_files::opening shared_files::open(const digest& root) const {
  const auto paths = library_.find_root(root, copies_tried);
  if (!paths) return {nullptr, file_problem::unreadable};
  auto problem = file_problem::not_shared;
  for (const auto& path : *paths) {
    const auto found = library_.get(path);
    if (!found || !*found) continue;
    const auto& entry = **found;
    if (entry->root() == nullptr || from_fb<digest>(*entry->root()) != root ||
        !string_of(entry->problem()).empty() || entry->size() == 0 || entry->size() > max_tree_file_size)
      continue;
    auto reader = files_->open_shared(path);
    if (!reader || (*reader)->size() != entry->size()) {
      problem = file_problem::gone;
      continue;
    }
    return {std::make_shared<shared_file>(
                shared_file{root, path, entry->size(), entry->mtime_ns(), std::move(*reader)}),
            file_problem::none};
  }
  return {nullptr, problem};
}

bool shared_files::still_known(const shared_file& file) const {
  const auto found = library_.get(file.path);
  if (!found || !*found) return false;
  const auto& entry = **found;
  return entry->root() != nullptr && from_fb<digest>(*entry->root()) == file.root &&
         entry->size() == file.size_bytes && entry->mtime_ns() == file.mtime_ns &&
         string_of(entry->problem()).empty() && file.reader->size() == file.size_bytes;
}

shared_files::reading shared_files::read(const shared_file& file, std::uint32_t first_leaf,
                                         std::uint16_t count, bool recheck) const {
  if (recheck && !still_known(file)) return {{}, 0, file_problem::gone};
  std::size_t length = 0;
  for (std::uint16_t i = 0; i < count; ++i) length += leaf_length(file.size_bytes, first_leaf + i);
  reading out{overlay::allocate_bulk(length), length, file_problem::none};
  const auto got = file.reader->read_at(std::uint64_t{first_leaf} * leaf_size, overlay::bulk_room(out.whole));
  if (!got) return {{}, 0, file_problem::unreadable};
  if (*got != length) return {{}, 0, file_problem::gone};
  return out;
}

shared_files::hashing shared_files::hash(const shared_file& file) const {
  if (!still_known(file)) return {nullptr, file_problem::gone};
  tree_builder builder(tree_builder::keep::leaves);
  bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(reading_bytes, file.size_bytes)));
  for (std::uint64_t at = 0; at < file.size_bytes;) {
    const auto got = file.reader->read_at(at, buffer);
    if (!got) return {nullptr, file_problem::unreadable};
    if (*got == 0) return {nullptr, file_problem::gone};
    builder.update(byte_view(buffer).first(*got));
    at += *got;
  }
  auto tree = builder.tree();
  if (!tree || tree->root() != file.root || tree->size() != file.size_bytes)
    return {nullptr, file_problem::gone};
  return {std::make_shared<const hash_tree>(std::move(*tree)), file_problem::none};
}

}  // namespace vsf::swarm
