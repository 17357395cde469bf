#include "storage/library_store.hpp"

#include <map>

namespace vsf::storage {

namespace {

constexpr std::size_t max_path_bytes = 4096;
constexpr std::size_t max_changes = 4096;
constexpr std::size_t rebuild_step = 1000;

enum class index_kind : std::uint8_t { recording = 1, release = 2, root = 3 };

template <class Fixed>
bytes index_prefix(index_kind kind, const Fixed& x) {
  return key_builder().byte(static_cast<std::uint8_t>(kind)).fixed(x).take();
}

/// What an entry adds to the indexes and the figures.
struct footprint {
  std::vector<bytes> prefixes;
  library_stats stats;
};

footprint footprint_of(const fb::FileEntry& entry) {
  footprint out;
  out.stats.files = 1;
  const bool shareable = entry.root() != nullptr && string_of(entry.problem()).empty();
  if (shareable) {
    out.stats.shareable = 1;
    out.stats.bytes = entry.size();
  }
  if (entry.recording() != nullptr)
    out.prefixes.push_back(index_prefix(index_kind::recording, from_fb<mbid>(*entry.recording())));
  if (entry.release() != nullptr)
    out.prefixes.push_back(index_prefix(index_kind::release, from_fb<mbid>(*entry.release())));
  if (entry.root() != nullptr)
    out.prefixes.push_back(index_prefix(index_kind::root, from_fb<digest>(*entry.root())));
  return out;
}

byte_view stats_key() { return view_of_text("library_stats"); }

bytes encode(const library_stats& x) {
  return key_builder().number(x.files).number(x.shareable).number(x.bytes).take();
}

library_stats decode_stats(byte_view raw) {
  key_reader reader(raw);
  library_stats out;
  out.files = reader.number<std::uint64_t>().value_or(0);
  out.shareable = reader.number<std::uint64_t>().value_or(0);
  out.bytes = reader.number<std::uint64_t>().value_or(0);
  return out;
}

/// Figures never wrap below zero, even if an unreadable entry was counted otherwise than it is taken away.
void subtract(std::uint64_t& from, std::uint64_t what) { from -= std::min(from, what); }

void index_entry(write_batch& batch, const bytes& prefix, std::string_view path, bool present) {
  const auto key = key_builder().raw(prefix).text(path).take();
  if (present)
    batch.put(family::library_index, key, {});
  else
    batch.erase(family::library_index, key);
}

}  // namespace

struct library_store::change {
  std::string path;
  record<fb::FileEntry> entry;  // empty: remove
};

library_store::library_store(std::shared_ptr<kv_store> store)
    : store_(store), entries_(store, family::library) {}

result<void> library_store::put(const fb::FileEntryT& entry, durability how) {
  if (entry.path.empty() || entry.path.size() > max_path_bytes)
    return fail("A file with a path of " + std::to_string(entry.path.size()) +
                " bytes can't be kept in the library (1 to 4096): give its folders shorter names.");
  return commit({{entry.path, record<fb::FileEntry>::pack(entry)}}, how);
}

result<void> library_store::put(const std::vector<fb::FileEntryT>& entries, durability how) {
  std::vector<change> changes;
  changes.reserve(entries.size());
  for (const auto& entry : entries) {
    if (entry.path.empty() || entry.path.size() > max_path_bytes)
      return fail("A file with a path of " + std::to_string(entry.path.size()) +
                  " bytes can't be kept in the library (1 to 4096): give its folders shorter names.");
    changes.push_back({entry.path, record<fb::FileEntry>::pack(entry)});
  }
  return commit(changes, how);
}

result<void> library_store::remove(const std::vector<std::string>& paths, durability how) {
  std::vector<change> changes;
  changes.reserve(paths.size());
  for (const auto& path : paths) changes.push_back({path, {}});
  return commit(changes, how);
}

result<void> library_store::commit(const std::vector<change>& changes, durability how) {
  if (changes.size() > max_changes)
    return fail("More than " + std::to_string(max_changes) +
                " library entries in one write: write them in parts.");
  std::map<std::string_view, const change*> last;
  for (const auto& c : changes) last[c.path] = &c;
  auto total = stats();
  if (!total) return tl::unexpected(total.error());
  write_batch batch;
  for (const auto& [path, c] : last) {
    const auto key = view_of_text(path);
    auto raw = store_->get(family::library, key);
    if (!raw) return tl::unexpected(raw.error());
    footprint before;
    if (*raw) {
      before.stats.files = 1;  // there, even if it can't be read
      if (const auto parsed = record<fb::FileEntry>::parse_copy(**raw)) before = footprint_of(**parsed);
    }
    const auto after = c->entry ? footprint_of(*c->entry) : footprint{};
    for (const auto& prefix : before.prefixes) index_entry(batch, prefix, path, false);
    for (const auto& prefix : after.prefixes) index_entry(batch, prefix, path, true);
    if (c->entry)
      entries_.put(batch, key, c->entry);
    else if (*raw)
      entries_.erase(batch, key);
    total->files += after.stats.files;
    total->shareable += after.stats.shareable;
    total->bytes += after.stats.bytes;
    subtract(total->files, before.stats.files);
    subtract(total->shareable, before.stats.shareable);
    subtract(total->bytes, before.stats.bytes);
  }
  if (batch.empty()) return {};
  batch.put(family::meta, stats_key(), encode(*total));
  return store_->write(batch, how);
}

result<std::optional<record<fb::FileEntry>>> library_store::get(std::string_view path) const {
  return entries_.get(view_of_text(path));
}

result<std::vector<std::string>> library_store::find(byte_view prefix, std::size_t limit) const {
  std::vector<std::string> out;
  if (limit == 0) return out;
  const auto done =
      store_->scan(family::library_index, prefix, end_of_prefix(prefix), [&](byte_view key, byte_view) {
        out.emplace_back(key.begin() + static_cast<std::ptrdiff_t>(prefix.size()), key.end());
        return out.size() < limit;
      });
  if (!done) return tl::unexpected(done.error());
  return out;
}

result<std::vector<std::string>> library_store::find_recording(const mbid& recording,
                                                               std::size_t limit) const {
  return find(index_prefix(index_kind::recording, recording), limit);
}

result<std::vector<std::string>> library_store::find_release(const mbid& release, std::size_t limit) const {
  return find(index_prefix(index_kind::release, release), limit);
}

result<std::vector<std::string>> library_store::find_root(const digest& root, std::size_t limit) const {
  return find(index_prefix(index_kind::root, root), limit);
}

result<void> library_store::for_each(const std::function<bool(const record<fb::FileEntry>&)>& visit,
                                     std::string_view from) const {
  return entries_.for_each(view_of_text(from), {},
                           [&](byte_view, const auto& entry) { return visit(entry); });
}

result<std::uint64_t> library_store::count() const {
  const auto figures = stats();
  if (!figures) return tl::unexpected(figures.error());
  return figures->files;
}

result<library_stats> library_store::stats() const {
  auto raw = store_->get(family::meta, stats_key());
  if (!raw) return tl::unexpected(raw.error());
  return *raw ? decode_stats(**raw) : library_stats{};
}

result<std::uint64_t> library_store::rebuild() {
  // First everything derived goes, so that an interruption leaves too little rather than something wrong.
  write_batch batch;
  result<void> written;
  const auto flush = [&](bool force) {
    if (!written || batch.empty() || (!force && batch.operations().size() < rebuild_step))
      return written.has_value();
    written = store_->write(batch, durability::buffered);
    batch = {};
    return written.has_value();
  };
  auto scanned = store_->scan(family::library_index, {}, {}, [&](byte_view key, byte_view) {
    batch.erase(family::library_index, key);
    return flush(false);
  });
  library_stats total;
  std::uint64_t dropped = 0;
  if (scanned && written)
    scanned = store_->scan(family::library, {}, {}, [&](byte_view key, byte_view value) {
      const auto entry = record<fb::FileEntry>::parse_copy(value);
      if (!entry) {
        ++dropped;
        batch.erase(family::library, key);
        return flush(false);
      }
      const auto print = footprint_of(**entry);
      const std::string path(key.begin(), key.end());
      for (const auto& prefix : print.prefixes) index_entry(batch, prefix, path, true);
      total.files += 1;
      total.shareable += print.stats.shareable;
      total.bytes += print.stats.bytes;
      return flush(false);
    });
  if (!scanned) return tl::unexpected(scanned.error());
  batch.put(family::meta, stats_key(), encode(total));
  flush(true);
  if (!written) return tl::unexpected(written.error());
  return dropped;
}

}  // namespace vsf::storage
