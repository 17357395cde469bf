#pragma once

#include <functional>
#include <limits>
#include <memory>

#include "net/soulseek/codec.hpp"

namespace vsf::soulseek {

/// Writes the body of a shared_file_list_response as it comes, in bounded memory (about 300 KiB) whatever the
/// number of files.
///
/// In front of the body goes a length that's known only at its end. Either spool what the sink gets (a file)
/// and send header(size) first, or write twice, the first time counting only: equal input gives equal bytes.
class shares_writer {
 public:
  /// Gets the deflated body, in chunks of at most 64 KiB; not empty.
  using sink = std::function<void(byte_view)>;

  /// The counts come first on the wire: how many folders and private folders will be added. Without a number
  /// there's no private list. `between` stands between the lists; clients write 0.
  shares_writer(std::uint32_t folders, std::optional<std::uint32_t> private_folders, sink out,
                std::uint32_t between = 0);
  ~shares_writer();
  shares_writer(shares_writer&&) noexcept;
  shares_writer& operator=(shares_writer&&) noexcept;

  /// Public folders first, then private ones; another number than was said is a std::logic_error.
  void add_folder(const folder& f);
  /// The same for one that is not in memory: begin_folder(), then add_file() as often as was said.
  void begin_folder(std::string_view name, std::uint32_t files);
  void add_file(const file& f);
  /// The end of the body; its size in bytes. std::logic_error: something is missing.
  std::uint64_t finish();

  /// Length and code, for in front of a body of this size. std::length_error: too large for a frame.
  static bytes header(std::uint64_t body_size);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Reads the body of a shared_file_list_response from the wire piece by piece, in bounded memory (about 10
/// MiB) whatever its size.
class shares_reader {
 public:
  struct limits {
    inflate_limits inflate{256UL << 20};
    std::size_t name = 64UL << 10;  // bytes of a folder's or a file's name
    // How many the whole list may have; beyond, too_many_items.
    std::uint64_t folders = std::numeric_limits<std::uint32_t>::max();
    std::uint64_t files = std::numeric_limits<std::uint32_t>::max();
    std::size_t part_files = 16384;
    std::size_t part_size = 4UL << 20;  // bytes on the wire
  };
  /// A folder; one beyond part_files or part_size comes in parts, each with its name.
  using visitor = std::function<void(folder&& part, bool is_private)>;

  shares_reader(const limits& bounds, visitor visit);
  explicit shares_reader(visitor visit);
  ~shares_reader();
  shares_reader(shares_reader&&) noexcept;
  shares_reader& operator=(shares_reader&&) noexcept;

  /// The next bytes of the deflated body, without length and code. After a fault every call gives that one.
  tl::expected<void, fault> feed(byte_view deflated);
  /// The body is over. truncated: it ended within a list.
  tl::expected<void, fault> finish();

  /// After finish(): the field between the lists, and whether there was a private one.
  std::uint32_t unknown() const;
  bool has_private() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace vsf::soulseek
