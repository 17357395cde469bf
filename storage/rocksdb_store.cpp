#include <fcntl.h>
#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "storage/kv_store.hpp"
#include "storage/schema_version.hpp"
#include "storage/unique_fd.hpp"

namespace vsf::storage {

namespace {

constexpr std::size_t mib = 1024 * 1024;
constexpr std::size_t write_buffer_bytes = 4 * mib;
constexpr std::size_t all_write_buffers_bytes = 12 * mib;
constexpr std::size_t block_cache_bytes = 16 * mib;
constexpr int max_open_files = 128;
constexpr const char* lock_held = "the folder is locked";

rocksdb::Slice slice_of(byte_view x) { return {reinterpret_cast<const char*>(x.data()), x.size()}; }
byte_view view_of(const rocksdb::Slice& x) {
  return {reinterpret_cast<const std::uint8_t*>(x.data()), x.size()};
}

/// RocksDB's own log says nothing that its status codes don't, and would create a file in a folder that is
/// refused.
class silent_logger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

error explain(const rocksdb::Status& status, const std::string& folder) {
  const auto detail = status.ToString();
  const auto says = [&](const char* text) { return detail.find(text) != std::string::npos; };
  if (status.IsNoSpace() || says("No space left"))
    return {"No space left on the disk of the store in " + folder + " (" + detail +
            "): free some and retry."};
  if (says("Permission denied") || says("Read-only file system"))
    return {
        "The store in " + folder + " can't be written (" + detail +
        "): give the user that runs this program write access, or choose another data folder (--data-dir)."};
  if (says("/LOCK") || says(lock_held))
    return {"The store in " + folder +
            " is in use by another process: stop that one, or choose another data folder (--data-dir)."};
  if (status.IsCorruption() || says("No such file"))
    return {"The store in " + folder + " is damaged (" + detail +
            "): restore the folder from a backup, or move it away to begin with an empty one."};
  return {"The store in " + folder + " failed (" + detail +
          "): check the disk and its free space, then start again."};
}

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.max_open_files = max_open_files;
  options.db_write_buffer_size = all_write_buffers_bytes;
  options.max_total_wal_size = 4 * write_buffer_bytes;
  options.max_background_jobs = 2;
  options.max_manifest_file_size = 4 * mib;
  options.manifest_preallocation_size = 64 * 1024;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log = std::make_shared<silent_logger>();
  return options;
}

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;  // so that the cache bounds them too
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = write_buffer_bytes;
  options.arena_block_size = 64 * 1024;  // eleven families: an eighth of a buffer each would be too much
  options.max_write_buffer_number = 2;
  options.target_file_size_base = 8 * mib;
  options.max_bytes_for_level_base = 32 * mib;
  const auto known = rocksdb::GetSupportedCompressions();
  const bool lz4 = std::find(known.begin(), known.end(), rocksdb::kLZ4Compression) != known.end();
  options.compression = lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  return options;
}

/// A lock on the folder itself, taken before anything in it is looked at and without writing to it.
class folder_lock {
 public:
  result<void> take(const std::string& folder) {
    fd_ = unique_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd_) return tl::unexpected(explain(rocksdb::Status::IOError(std::strerror(errno)), folder));
    // Network filesystems that can't lock a folder leave it to RocksDB's LOCK file.
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      return tl::unexpected(explain(rocksdb::Status::IOError(lock_held), folder));
    return {};
  }

 private:
  unique_fd fd_;
};

class rocksdb_store final : public kv_store {
 public:
  rocksdb_store(std::string folder, folder_lock lock)
      : folder_(std::move(folder)), lock_(std::move(lock)), cache_(rocksdb::NewLRUCache(block_cache_bytes)) {}

  ~rocksdb_store() override {
    if (!db_) return;
    if (!failed_.load())
      static_cast<void>(db_->FlushWAL(true));  // an orderly end makes buffered writes durable
    for (auto* handle : handles_) static_cast<void>(db_->DestroyColumnFamilyHandle(handle));
    static_cast<void>(db_->Close());
  }

  /// An error leaves the folder as it was.
  result<void> refuse_unfit(std::uint32_t version);
  result<void> open();

  result<std::optional<bytes>> get(family where, byte_view key) const override {
    rocksdb::PinnableSlice value;
    const auto status = db_->Get(rocksdb::ReadOptions(), handle(where), slice_of(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return tl::unexpected(explain(status, folder_));
    const auto view = view_of(value);
    return bytes(view.begin(), view.end());
  }

  result<void> write(const write_batch& batch, durability how) override {
    rocksdb::WriteBatch out;
    for (const auto& operation : batch.operations()) {
      const auto status = operation.value ? out.Put(handle(operation.where), slice_of(operation.key),
                                                    slice_of(*operation.value))
                                          : out.Delete(handle(operation.where), slice_of(operation.key));
      if (!status.ok()) return tl::unexpected(explain(status, folder_));
    }
    // After a failed write RocksDB refuses all others until it is told to try again. On a full disk it looks
    // for space itself every few seconds and says so here; the write then gives the reason.
    if (failed_.load() && db_->Resume().ok()) failed_.store(false);
    rocksdb::WriteOptions options;
    options.sync = how == durability::synced;
    const auto status = db_->Write(options, &out);
    if (status.ok()) {
      failed_.store(false);
      return {};
    }
    failed_.store(true);
    return tl::unexpected(explain(status, folder_));
  }

  result<void> scan(family where, byte_view from, byte_view to,
                    const std::function<bool(byte_view, byte_view)>& visit) const override {
    rocksdb::ReadOptions options;
    const auto end = slice_of(to);
    if (!to.empty()) options.iterate_upper_bound = &end;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options, handle(where)));
    for (it->Seek(slice_of(from)); it->Valid(); it->Next())
      if (!visit(view_of(it->key()), view_of(it->value()))) return {};
    if (!it->status().ok()) return tl::unexpected(explain(it->status(), folder_));
    return {};
  }

  std::uint64_t approximate_bytes() const override {
    std::uint64_t total = 0;
    for (auto* handle : handles_)
      for (const auto& property :
           {rocksdb::DB::Properties::kTotalSstFilesSize, rocksdb::DB::Properties::kCurSizeAllMemTables}) {
        std::uint64_t size = 0;
        if (db_->GetIntProperty(handle, property, &size)) total += size;
      }
    return total;
  }

 private:
  rocksdb::ColumnFamilyHandle* handle(family f) const { return handles_[1 + static_cast<std::size_t>(f)]; }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors(const std::vector<std::string>& names) const;
  result<void> refuse_leftovers() const;

  std::string folder_;
  folder_lock lock_;
  std::shared_ptr<rocksdb::Cache> cache_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // "default" (RocksDB wants it), then by family
  std::atomic<bool> failed_{false};
};

std::vector<rocksdb::ColumnFamilyDescriptor> rocksdb_store::descriptors(
    const std::vector<std::string>& names) const {
  std::vector<rocksdb::ColumnFamilyDescriptor> out;
  for (const auto& name : names) out.emplace_back(name, family_options(cache_));
  return out;
}

/// RocksDB makes a new database where CURRENT is missing and then deletes the files of the old one. Only what
/// an interrupted first start leaves (the first manifest) may be written over.
result<void> rocksdb_store::refuse_leftovers() const {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ec)) {
    const auto name = entry.path().filename().string();
    const auto extension = entry.path().extension().string();
    const bool later_manifest = name.starts_with("MANIFEST-") && name != "MANIFEST-000001";
    if (extension == ".sst" || extension == ".log" || later_manifest)
      return tl::unexpected(
          explain(rocksdb::Status::Corruption("CURRENT is missing beside " + name), folder_));
  }
  if (ec) return tl::unexpected(explain(rocksdb::Status::IOError(ec.message()), folder_));
  return {};
}

result<void> rocksdb_store::refuse_unfit(std::uint32_t version) {
  struct stat current {};
  if (::stat((folder_ + "/CURRENT").c_str(), &current) != 0) {
    if (errno != ENOENT)
      return tl::unexpected(explain(rocksdb::Status::IOError(std::strerror(errno)), folder_));
    return refuse_leftovers();
  }
  auto options = database_options();
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  std::vector<std::string> names;
  auto status = rocksdb::DB::ListColumnFamilies(options, folder_, &names);
  if (!status.ok()) return tl::unexpected(explain(status, folder_));

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  status = rocksdb::DB::OpenForReadOnly(options, folder_, descriptors(names), &handles, &raw);
  const std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return tl::unexpected(explain(status, folder_));
  const auto close = [&] {
    for (auto* handle : handles) static_cast<void>(db->DestroyColumnFamilyHandle(handle));
  };

  std::string value;
  bool any_key = false;
  status = rocksdb::Status::NotFound();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions(), handles[i]));
    it->SeekToFirst();
    any_key = any_key || it->Valid();
    if (names[i] == name_of(family::meta))
      status = db->Get(rocksdb::ReadOptions(), handles[i], slice_of(schema_version_key()), &value);
  }
  close();
  if (status.IsNotFound()) {
    if (!any_key) return {};  // an interrupted first start
    return fail("The folder " + folder_ +
                " holds a RocksDB database of another program: choose another data folder (--data-dir).");
  }
  if (!status.ok()) return tl::unexpected(explain(status, folder_));
  const auto found = decode_schema_version(view_of(value));
  if (!found) return tl::unexpected(explain(rocksdb::Status::Corruption(found.error().message), folder_));
  if (*found > version) return tl::unexpected(newer_schema(folder_, *found, version));
  return {};
}

result<void> rocksdb_store::open() {
  std::vector<std::string> names{rocksdb::kDefaultColumnFamilyName};
  for (std::size_t i = 0; i < family_count; ++i) names.emplace_back(name_of(static_cast<family>(i)));
  rocksdb::DB* raw = nullptr;
  const auto status = rocksdb::DB::Open(database_options(), folder_, descriptors(names), &handles_, &raw);
  if (!status.ok()) return tl::unexpected(explain(status, folder_));
  db_.reset(raw);
  return {};
}

/// Creates the folder for its owner alone; parents as usual.
result<void> make_folder(const std::string& folder) {
  std::error_code ec;
  const std::filesystem::path path(folder);
  if (std::filesystem::is_directory(path, ec)) return {};
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ec);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(
        "The folder " + folder + " for the store can't be created (" + std::strerror(errno) +
        "): create it with write access for the user that runs this program, or choose another data folder "
        "(--data-dir).");
  if (!std::filesystem::is_directory(path, ec))
    return fail(folder +
                " is a file, and the store needs a folder there: move it away, or choose another data folder "
                "(--data-dir).");
  return {};
}

}  // namespace

result<std::unique_ptr<kv_store>> open_rocksdb(const std::string& folder, const std::vector<migration>& steps,
                                               std::uint32_t version) {
  if (folder.empty()) return fail("The store has no folder: choose a data folder (--data-dir).");
  if (auto made = make_folder(folder); !made) return tl::unexpected(made.error());
  folder_lock lock;
  if (auto taken = lock.take(folder); !taken) return tl::unexpected(taken.error());
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return tl::unexpected(explain(rocksdb::Status::IOError(std::strerror(errno)), folder));
  auto store = std::make_unique<rocksdb_store>(folder, std::move(lock));
  if (auto fit = store->refuse_unfit(version); !fit) return tl::unexpected(fit.error());
  if (auto opened = store->open(); !opened) return tl::unexpected(opened.error());
  if (auto done = bring_to_version(*store, steps, version, folder); !done)
    return tl::unexpected(done.error());
  return store;
}

}  // namespace vsf::storage
