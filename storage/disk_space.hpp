#pragma once

#include <string>

#include "messages/types.hpp"

namespace vsf::storage {

struct folder_space {
  std::string folder;
  std::uint64_t free_bytes = 0;
};
/// What the disks of downloads have left for this program.
struct download_space {
  folder_space incomplete;
  folder_space download;
  bool one_disk = true;  // a finished file is moved from one to the other without taking anything
};

/// Whether `min_free_bytes` stay free when `new_bytes` more are put into the incomplete folder. The error
/// names the folder, what is free and what is wanted.
result<void> check_room_to_write(const download_space& space, std::uint64_t new_bytes,
                                 std::uint64_t min_free_bytes);
/// The same for the finished file: where the download folder is on another disk, it is copied there.
result<void> check_room_to_finish(const download_space& space, std::uint64_t size_bytes,
                                  std::uint64_t min_free_bytes);

/// Gives the file open as `fd` all of its space, holes filled and bytes kept, or at least its length where
/// the filesystem can't; 0 or an errno.
int reserve_space(int fd, std::uint64_t size_bytes);
/// Whether it has holes, or seems to: on a compressing filesystem whatever was written does.
bool is_sparse(int fd);
/// Of the filesystem an open file or folder is on, for users without privileges; 0 or an errno.
int measure_free(int fd, std::uint64_t& free_bytes);

}  // namespace vsf::storage
