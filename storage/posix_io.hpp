#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "messages/types.hpp"

/// Calls of the kernel that are begun again when a signal interrupts them. Codes are 0 or an errno.
namespace vsf::storage {

/// "WHAT (REASON): what to do", by the kind of errno.
error explain(int code, const std::string& what);
/// Writes all of it at `offset`.
int write_all(int fd, std::uint64_t offset, byte_view data);
/// Up to the end of the file: how many bytes.
result<std::size_t> read_all(int fd, std::uint64_t offset, std::span<std::uint8_t> out,
                             const std::string& what);
int sync_fd(int fd);
int sync_folder(int fd);
/// Moves without replacing (EEXIST: taken).
int move_exclusive(int from_folder, const char* from, int to_folder, const char* to);
int copy_content(int from, int to);

}  // namespace vsf::storage
