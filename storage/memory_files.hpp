#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "storage/file_system.hpp"

namespace vsf::storage {

/// The files of a simulated node. As the disk's, and crash() forgets what was not synced. Safe from any
/// thread.
class memory_files final : public file_system {
 public:
  /// Fills `out` with the bytes of a file from `offset` on; must give the same bytes whenever it is asked.
  using generator = std::function<void(std::uint64_t offset, std::span<std::uint8_t> out)>;

  explicit memory_files(std::string download_folder = "/downloads");
  ~memory_files() override;

  /// A file of the library, kept or made up as it is read. Replaces one of the same path.
  void share(const std::string& path, bytes content);
  void share(const std::string& path, std::uint64_t size, generator make);
  void unshare(const std::string& path);

  result<std::shared_ptr<file_reader>> open_shared(const std::string& path) override;
  result<std::shared_ptr<partial_file>> open_partial(const std::string& name, std::uint64_t size) override;
  bool partial_exists(const std::string& name) override;
  using file_system::finish;
  result<std::string> finish(const std::string& partial_name, const std::string& wanted_name,
                             const std::vector<std::string>& folders) override;
  std::string partial_path(const std::string& name) const override;
  result<download_space> free_space() override;
  result<void> discard_partial(const std::string& name) override;
  result<quarantined> quarantine(const std::string& name, std::uint64_t unix_ms,
                                 const quarantine_limits& limits) override;
  result<std::shared_ptr<file_reader>> open_finished(const std::string& path) override;

  /// The machine lost its power: partial files are as they were at their last sync, ones never synced are
  /// gone, and every open file gives errors from now on.
  void crash();
  /// Bytes that partial and finished files may take together; beyond it, writes fail as on a full disk.
  void set_disk_limit(std::uint64_t limit_bytes);
  /// Off: a partial file takes space as it is written (64 KiB pages), so that a full disk is met in write_at.
  void set_preallocation(bool on);
  /// What free_space() says from now on, as if somebody else filled the disks; of two disks with a second
  /// number. Without any: what the limit leaves.
  void set_free_bytes(std::optional<std::uint64_t> incomplete, std::optional<std::uint64_t> download = {});
  std::uint64_t used_bytes() const;
  /// Paths of finished downloads in byte order.
  std::vector<std::string> finished() const;
  /// Names in quarantine in byte order, which is that of their age.
  std::vector<std::string> in_quarantine() const;

 private:
  struct disk;
  class shared_reader;
  class partial_handle;
  class finished_reader;
  std::shared_ptr<disk> disk_;
};

}  // namespace vsf::storage
