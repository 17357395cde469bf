#include "storage/memory_files.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "storage/component_name.hpp"

namespace vsf::storage {

namespace {

constexpr std::uint64_t page_bytes = 64 * 1024;
constexpr unsigned max_number = 1000;
constexpr std::string_view incomplete_folder = "/incomplete/";

/// The content of one file in pages; a page that was never written is zeros.
struct paged_file {
  std::uint64_t size = 0;
  std::uint64_t reserved_bytes = 0;  // what it counts for on the disk
  bool durable = false;              // its name survives a crash
  std::map<std::uint64_t, bytes> pages;
  std::map<std::uint64_t, bytes> before;  // pages written since the last sync, as they were; empty: absent

  std::uint64_t page_size(std::uint64_t page) const { return std::min(page_bytes, size - page * page_bytes); }

  std::size_t read(std::uint64_t offset, std::span<std::uint8_t> out) const {
    if (offset >= size) return 0;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size - offset));
    for (std::size_t done = 0; done < n;) {
      const auto page = (offset + done) / page_bytes;
      const auto within = (offset + done) % page_bytes;
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(n - done, page_bytes - within));
      const auto it = pages.find(page);
      if (it == pages.end())
        std::memset(out.data() + done, 0, part);
      else
        std::memcpy(out.data() + done, it->second.data() + within, part);
      done += part;
    }
    return n;
  }

  std::uint64_t absent_bytes(std::uint64_t offset, std::size_t n) const {
    std::uint64_t total = 0;
    if (n == 0) return total;
    for (auto page = offset / page_bytes; page <= (offset + n - 1) / page_bytes; ++page)
      if (pages.find(page) == pages.end()) total += page_size(page);
    return total;
  }

  void write(std::uint64_t offset, byte_view data) {
    for (std::size_t done = 0; done < data.size();) {
      const auto page = (offset + done) / page_bytes;
      const auto within = (offset + done) % page_bytes;
      const auto part =
          static_cast<std::size_t>(std::min<std::uint64_t>(data.size() - done, page_bytes - within));
      auto& content = pages[page];
      before.try_emplace(page, content);
      if (content.empty()) content.resize(static_cast<std::size_t>(page_size(page)));
      std::memcpy(content.data() + within, data.data() + done, part);
      done += part;
    }
  }

  void sync() {
    before.clear();
    durable = true;
  }

  void crash() {
    for (auto& [page, content] : before) {
      if (content.empty())
        pages.erase(page);
      else
        pages[page] = std::move(content);
    }
    before.clear();
  }
};

struct shared_file {
  std::uint64_t size = 0;
  memory_files::generator make;
};

}  // namespace

struct memory_files::disk {
  mutable std::mutex mutex;
  std::string download_folder;
  std::map<std::string, std::shared_ptr<const shared_file>> shared;
  std::map<std::string, std::shared_ptr<paged_file>> partials;
  std::map<std::string, std::shared_ptr<paged_file>> finished;  // by full path
  std::map<std::string, std::shared_ptr<paged_file>> quarantine;
  std::uint64_t limit_bytes = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t used_bytes = 0;
  std::optional<std::uint64_t> said_free_bytes, said_free_in_download_bytes;
  bool preallocation = true;
  std::uint64_t epoch = 0;  // grows with each crash; handles of an earlier one are dead

  bool take(paged_file& file, std::uint64_t n) {
    if (n > limit_bytes - std::min(limit_bytes, used_bytes)) return false;
    used_bytes += n;
    file.reserved_bytes += n;
    return true;
  }
  void give_back(paged_file& file) {
    used_bytes -= file.reserved_bytes;
    file.reserved_bytes = 0;
  }
  void recount(paged_file& file) {
    give_back(file);
    for (const auto& [page, content] : file.pages) file.reserved_bytes += content.size();
    used_bytes += file.reserved_bytes;
  }
  result<void> alive(std::uint64_t since) const {
    if (since != epoch) return fail("The file was open when the node lost its power: open it again.");
    return {};
  }
  error full(const std::string& name) const {
    return {"No space left for the partial file \"" + name +
            "\": free some and retry; what is there is kept."};
  }
};

class memory_files::shared_reader final : public file_reader {
 public:
  shared_reader(std::shared_ptr<disk> d, std::shared_ptr<const shared_file> file)
      : disk_(std::move(d)), file_(std::move(file)), epoch_(disk_->epoch) {}
  std::uint64_t size() const override { return file_->size; }
  result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    {
      const std::lock_guard lock(disk_->mutex);
      if (auto ok = disk_->alive(epoch_); !ok) return tl::unexpected(ok.error());
    }
    if (offset >= file_->size) return 0;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), file_->size - offset));
    if (n > 0) file_->make(offset, out.first(n));
    return n;
  }

 private:
  std::shared_ptr<disk> disk_;
  std::shared_ptr<const shared_file> file_;
  std::uint64_t epoch_;
};

class memory_files::finished_reader final : public file_reader {
 public:
  finished_reader(std::shared_ptr<disk> d, std::shared_ptr<paged_file> file)
      : disk_(std::move(d)), file_(std::move(file)), epoch_(disk_->epoch) {}
  std::uint64_t size() const override { return file_->size; }
  result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    const std::lock_guard lock(disk_->mutex);
    if (auto ok = disk_->alive(epoch_); !ok) return tl::unexpected(ok.error());
    return file_->read(offset, out);
  }

 private:
  std::shared_ptr<disk> disk_;
  std::shared_ptr<paged_file> file_;
  std::uint64_t epoch_;
};

class memory_files::partial_handle final : public partial_file {
 public:
  partial_handle(std::shared_ptr<disk> d, std::shared_ptr<paged_file> file, std::string name)
      : disk_(std::move(d)), file_(std::move(file)), name_(std::move(name)), epoch_(disk_->epoch) {}
  std::uint64_t size() const override { return file_->size; }
  result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
    const std::lock_guard lock(disk_->mutex);
    if (auto ok = disk_->alive(epoch_); !ok) return tl::unexpected(ok.error());
    return file_->read(offset, out);
  }
  result<void> write_at(std::uint64_t offset, byte_view data) override {
    const std::lock_guard lock(disk_->mutex);
    if (auto ok = disk_->alive(epoch_); !ok) return ok;
    if (offset > file_->size || data.size() > file_->size - offset)
      return fail("A write of " + std::to_string(data.size()) + " bytes at " + std::to_string(offset) +
                  " is beyond the end of the partial file \"" + name_ + "\" (" + std::to_string(file_->size) +
                  " bytes).");
    const auto wanted = file_->absent_bytes(offset, data.size());
    // What was pre-allocated is already counted.
    if (file_->reserved_bytes < file_->size && !disk_->take(*file_, wanted))
      return tl::unexpected(disk_->full(name_));
    file_->write(offset, data);
    return {};
  }
  result<void> sync() override {
    const std::lock_guard lock(disk_->mutex);
    if (auto ok = disk_->alive(epoch_); !ok) return ok;
    const auto it = disk_->partials.find(name_);
    if (it == disk_->partials.end() || it->second != file_)
      return fail("The partial file \"" + name_ + "\" was removed: begin this download again.");
    file_->sync();
    return {};
  }

 private:
  std::shared_ptr<disk> disk_;
  std::shared_ptr<paged_file> file_;
  std::string name_;
  std::uint64_t epoch_;
};

memory_files::memory_files(std::string download_folder) : disk_(std::make_shared<disk>()) {
  disk_->download_folder = std::move(download_folder);
}

memory_files::~memory_files() = default;

void memory_files::share(const std::string& path, bytes content) {
  const auto size = content.size();
  const auto kept = std::make_shared<const bytes>(std::move(content));
  share(path, size, [kept](std::uint64_t offset, std::span<std::uint8_t> out) {
    std::memcpy(out.data(), kept->data() + offset, out.size());
  });
}

void memory_files::share(const std::string& path, std::uint64_t size, generator make) {
  const std::lock_guard lock(disk_->mutex);
  disk_->shared[path] = std::make_shared<const shared_file>(shared_file{size, std::move(make)});
}

void memory_files::unshare(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  disk_->shared.erase(path);
}

result<std::shared_ptr<file_reader>> memory_files::open_shared(const std::string& path) {
  {
    const std::lock_guard lock(disk_->mutex);
    if (const auto it = disk_->shared.find(path); it != disk_->shared.end())
      return std::make_shared<shared_reader>(disk_, it->second);
    if (path.starts_with(incomplete_folder))
      if (const auto it = disk_->partials.find(path.substr(incomplete_folder.size()));
          it != disk_->partials.end())
        return std::make_shared<finished_reader>(disk_, it->second);
  }
  if (auto finished = open_finished(path)) return finished;
  return fail("The shared file " + path +
              " can't be opened (No such file or directory): scan the library again.");
}

result<std::shared_ptr<partial_file>> memory_files::open_partial(const std::string& name,
                                                                 std::uint64_t size) {
  if (auto ok = check_component(name); !ok) return tl::unexpected(ok.error());
  const std::lock_guard lock(disk_->mutex);
  const auto it = disk_->partials.find(name);
  if (it != disk_->partials.end()) {
    if (it->second->size != size)
      return fail("The partial file \"" + name + "\" has " + std::to_string(it->second->size) +
                  " bytes instead of " + std::to_string(size) +
                  ": it belongs to another file. Remove it and retry.");
    return std::make_shared<partial_handle>(disk_, it->second, name);
  }
  auto file = std::make_shared<paged_file>();
  file->size = size;
  if (disk_->preallocation && !disk_->take(*file, size)) return tl::unexpected(disk_->full(name));
  disk_->partials.emplace(name, file);
  return std::make_shared<partial_handle>(disk_, file, name);
}

bool memory_files::partial_exists(const std::string& name) {
  const std::lock_guard lock(disk_->mutex);
  return disk_->partials.find(name) != disk_->partials.end();
}

result<std::string> memory_files::finish(const std::string& partial_name, const std::string& wanted_name,
                                         const std::vector<std::string>& folders) {
  if (folders.size() > max_finished_folders)
    return fail("a file is finished at most " + std::to_string(max_finished_folders) + " folders deep");
  for (const auto& name : folders)
    if (auto ok = check_component(name); !ok) return tl::unexpected(ok.error());
  for (const auto* name : {&partial_name, &wanted_name})
    if (auto ok = check_component(*name); !ok) return tl::unexpected(ok.error());
  const std::lock_guard lock(disk_->mutex);
  const auto it = disk_->partials.find(partial_name);
  if (it == disk_->partials.end())
    return fail("The partial file \"" + partial_name + "\" is gone: begin this download again.");
  for (unsigned n = 1; n <= max_number; ++n) {
    auto path = disk_->download_folder + '/';
    for (const auto& name : folders) path += name + '/';
    path += numbered(wanted_name, n);
    if (disk_->finished.find(path) != disk_->finished.end()) continue;
    it->second->sync();
    disk_->finished.emplace(path, it->second);
    disk_->partials.erase(it);
    return path;
  }
  return fail("\"" + wanted_name + "\" and " + std::to_string(max_number) +
              " numbered names of it are taken in " + disk_->download_folder + ": tidy up there and retry.");
}

result<void> memory_files::discard_partial(const std::string& name) {
  if (auto ok = check_component(name); !ok) return ok;
  const std::lock_guard lock(disk_->mutex);
  const auto it = disk_->partials.find(name);
  if (it == disk_->partials.end()) return {};
  disk_->give_back(*it->second);
  disk_->partials.erase(it);
  return {};
}

result<download_space> memory_files::free_space() {
  const std::lock_guard lock(disk_->mutex);
  const auto left = disk_->limit_bytes - std::min(disk_->limit_bytes, disk_->used_bytes);
  download_space out;
  out.incomplete = {std::string(incomplete_folder.substr(0, incomplete_folder.size() - 1)),
                    disk_->said_free_bytes.value_or(left)};
  out.download = {disk_->download_folder,
                  disk_->said_free_in_download_bytes.value_or(out.incomplete.free_bytes)};
  out.one_disk = !disk_->said_free_in_download_bytes;
  return out;
}

std::string memory_files::partial_path(const std::string& name) const {
  return std::string(incomplete_folder) + name;
}

result<quarantined> memory_files::quarantine(const std::string& name, std::uint64_t unix_ms,
                                             const quarantine_limits& limits) {
  const auto kept = quarantine_name(name, unix_ms);
  for (const auto* component : {&name, &kept})
    if (auto ok = check_component(*component); !ok) return tl::unexpected(ok.error());
  const std::lock_guard lock(disk_->mutex);
  const auto it = disk_->partials.find(name);
  if (it == disk_->partials.end()) return quarantined{};
  quarantined out{std::string(incomplete_folder) + quarantine_folder + '/' + kept, 0};
  disk_->quarantine.emplace(kept, it->second);
  disk_->partials.erase(it);
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& [key, file] : disk_->quarantine) sizes[key] = file->size;
  for (const auto& old : quarantine_surplus(sizes, limits)) {
    disk_->give_back(*disk_->quarantine.at(old));
    disk_->quarantine.erase(old);
    ++out.removed;
  }
  return out;
}

result<std::shared_ptr<file_reader>> memory_files::open_finished(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const auto it = disk_->finished.find(path);
  if (it == disk_->finished.end())
    return fail("The finished file " + path +
                " can't be opened (No such file or directory): it was moved or removed.");
  return std::make_shared<finished_reader>(disk_, it->second);
}

void memory_files::crash() {
  const std::lock_guard lock(disk_->mutex);
  ++disk_->epoch;
  for (auto it = disk_->partials.begin(); it != disk_->partials.end();) {
    if (it->second->durable) {
      it->second->crash();
      if (it->second->reserved_bytes < it->second->size) disk_->recount(*it->second);
      ++it;
    } else {
      disk_->give_back(*it->second);
      it = disk_->partials.erase(it);
    }
  }
}

void memory_files::set_disk_limit(std::uint64_t limit_bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->limit_bytes = limit_bytes;
}

void memory_files::set_preallocation(bool on) {
  const std::lock_guard lock(disk_->mutex);
  disk_->preallocation = on;
}

void memory_files::set_free_bytes(std::optional<std::uint64_t> incomplete,
                                  std::optional<std::uint64_t> download) {
  const std::lock_guard lock(disk_->mutex);
  disk_->said_free_bytes = incomplete;
  disk_->said_free_in_download_bytes = download;
}

std::uint64_t memory_files::used_bytes() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->used_bytes;
}

std::vector<std::string> memory_files::in_quarantine() const {
  const std::lock_guard lock(disk_->mutex);
  std::vector<std::string> out;
  for (const auto& [name, file] : disk_->quarantine) out.push_back(name);
  return out;
}

std::vector<std::string> memory_files::finished() const {
  const std::lock_guard lock(disk_->mutex);
  std::vector<std::string> out;
  for (const auto& [path, file] : disk_->finished) out.push_back(path);
  return out;
}

}  // namespace vsf::storage
