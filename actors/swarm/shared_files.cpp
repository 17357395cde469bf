#include "actors/swarm/shared_files.hpp"

#include <algorithm>
#include <utility>

#include "actors/overlay/overlay_frame.hpp"

namespace vsf::swarm {

namespace {

constexpr std::size_t reading_bytes = 1 << 20;
constexpr std::size_t copies_tried = 8;

std::shared_ptr<storage::file_reader> reader_of(const shared_file& file) {
  return file.part ? file.part->reader() : file.reader;
}

}  // namespace

shared_files::shared_files(std::shared_ptr<storage::file_system> files,
                           std::shared_ptr<storage::kv_store> store)
    : files_(std::move(files)), library_(store), trees_(store), transfers_(std::move(store)) {}

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
    const auto changed = (*reader)->modified_ns();
    return {std::make_shared<shared_file>(
                shared_file{root, path, entry->size(), entry->mtime_ns(), std::move(*reader), changed}),
            file_problem::none};
  }
  return {nullptr, problem};
}

shared_file_ptr shared_files::of_part(storage::shared_part_ptr part) {
  shared_file out;
  out.root = part->root();
  out.size_bytes = part->size_bytes();
  out.part = std::move(part);
  return std::make_shared<const shared_file>(std::move(out));
}

std::optional<piece_proof> shared_files::proof_of(const storage::shared_part& part,
                                                  std::uint32_t piece) const {
  const auto stored = transfers_.get_piece(part.transfer(), piece);
  if (!stored || !*stored) return std::nullopt;
  auto leaves = digests_of((*stored)->hashes);
  auto uncles = digests_of((*stored)->uncles);
  if (!leaves || !uncles || !verify_proof(part.root(), part.size_bytes(), piece, *leaves, *uncles))
    return std::nullopt;
  return piece_proof{std::move(*leaves), std::move(*uncles)};
}

bool shared_files::still_known(const shared_file& file) const {
  if (file.part) return file.part->reader() != nullptr;
  const auto found = library_.get(file.path);
  if (!found || !*found) return false;
  const auto& entry = **found;
  return entry->root() != nullptr && from_fb<digest>(*entry->root()) == file.root &&
         entry->size() == file.size_bytes && entry->mtime_ns() == file.mtime_ns &&
         string_of(entry->problem()).empty() && file.reader->modified_ns() == file.opened_mtime_ns;
}

shared_files::reading shared_files::read(const shared_file& file, std::uint32_t first_leaf,
                                         std::uint16_t count, bool recheck) const {
  if (recheck && !still_known(file)) return {{}, 0, file_problem::gone};
  std::size_t length = 0;
  for (std::uint16_t i = 0; i < count; ++i) length += leaf_length(file.size_bytes, first_leaf + i);
  reading out{overlay::allocate_bulk(length), length, file_problem::none};
  const auto reader = reader_of(file);
  if (!reader) return {{}, 0, file_problem::gone};
  const auto got = reader->read_at(std::uint64_t{first_leaf} * leaf_size, overlay::bulk_room(out.whole));
  if (!got) return {{}, 0, file_problem::unreadable};
  if (*got != length) return {{}, 0, file_problem::gone};
  return out;
}

std::shared_ptr<const hash_tree> shared_files::kept_tree(const shared_file& file) {
  // A tree proves nothing of a file that is no longer what the library read.
  if (file.opened_mtime_ns && *file.opened_mtime_ns != file.mtime_ns) return nullptr;
  auto leaves = trees_.get(file.root);
  if (!leaves) ++store_errors_;
  if (!leaves || !*leaves) return nullptr;
  auto tree = hash_tree::from_leaves(file.size_bytes, std::move(**leaves));
  if (tree && tree->root() == file.root) return std::make_shared<const hash_tree>(std::move(*tree));
  if (!trees_.reject(file.root)) ++store_errors_;
  return nullptr;
}

shared_files::hashing shared_files::hash(const shared_file& file) {
  if (!still_known(file)) return {nullptr, file_problem::gone};
  hashing out;
  if (auto kept = kept_tree(file)) {
    out.tree = std::move(kept);
    out.from_disk = true;
  } else {
    out = read_all(file);
    // Of a file of one piece the tree is no shorter to read than the file.
    if (out.tree && out.tree->leaves().size() > piece_leaves && !trees_.put(file.root, out.tree->leaves()))
      ++store_errors_;
  }
  out.evicted = trees_.evicted() - std::exchange(told_evicted_, trees_.evicted());
  out.corrupt = trees_.corrupt() - std::exchange(told_corrupt_, trees_.corrupt());
  out.not_kept = std::exchange(store_errors_, 0);
  return out;
}

shared_files::hashing shared_files::read_all(const shared_file& file) const {
  const auto reader = reader_of(file);
  if (!reader) return {nullptr, file_problem::gone};
  tree_builder builder(tree_builder::keep::leaves);
  bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(reading_bytes, file.size_bytes)));
  for (std::uint64_t at = 0; at < file.size_bytes;) {
    const auto got = reader->read_at(at, buffer);
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
