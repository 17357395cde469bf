// What the storage tests let another process do: storage_child MODE FOLDER [ARGUMENT]. Answers are lines on
// standard output; errors are lines that begin with "error ".

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "storage/file_system.hpp"
#include "storage/key_codec.hpp"
#include "storage/kv_store.hpp"

namespace {

using vsf::storage::durability;
using vsf::storage::family;

int refused(const vsf::error& e) {
  std::cout << "error " << e.message << std::endl;
  return 1;
}

void become_nobody() {
  if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) std::abort();
}

void limit_file_size(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::abort();
}

/// Writes numbered records, each with the count so far in the same batch, and says the number once it is
/// synced.
int hammer(const std::string& folder, std::uint64_t from) {
  auto store = vsf::storage::open_rocksdb(folder);
  if (!store) return refused(store.error());
  for (auto i = from;; ++i) {
    vsf::storage::write_batch batch;
    const auto key = vsf::storage::key_builder().number(i).take();
    batch.put(family::transfers, key, vsf::bytes(100 + i % 900, static_cast<std::uint8_t>(i)));
    batch.put(family::meta, vsf::storage::view_of_text("hammered"), key);
    if (auto written = (*store)->write(batch, durability::synced); !written) return refused(written.error());
    std::cout << i << std::endl;
  }
}

int open_store(const std::string& folder, bool hold) {
  auto store = vsf::storage::open_rocksdb(folder);
  if (!store) return refused(store.error());
  std::cout << "open" << std::endl;
  if (hold) std::cin.get();
  return 0;
}

/// Mounts a small filesystem of its own at `folder`, seen by this process alone.
bool mount_small(const std::string& folder) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("small", folder.c_str(), "tmpfs", 0, "size=16m,mode=0700") == 0;
}

vsf::result<void> put_page(vsf::storage::kv_store& store, std::uint64_t i) {
  vsf::storage::write_batch batch;
  batch.put(family::events, vsf::storage::key_builder().number(i).take(), vsf::bytes(4096, 7));
  return store.write(batch, durability::synced);
}

/// Counts the pages of a store that is opened anew.
int count_pages(const std::string& folder) {
  auto store = vsf::storage::open_rocksdb(folder);
  if (!store) return refused(store.error());
  std::uint64_t kept = 0;
  auto done =
      (*store)->scan(family::events, {}, {}, [&](vsf::byte_view, vsf::byte_view) { return ++kept > 0; });
  if (!done) return refused(done.error());
  std::cout << "kept " << kept << std::endl;
  return 0;
}

/// Writes until the disk is full, frees some and writes on. Where no filesystem can be mounted, files may not
/// grow beyond a limit instead, which RocksDB takes for a fault of the disk: then the store is opened anew.
int fill(const std::string& folder) {
  const bool mounted = mount_small(folder);
  const auto ballast = folder + "/ballast";
  if (mounted) std::ofstream(ballast) << std::string(8 * 1024 * 1024, 'x');
  auto store = vsf::storage::open_rocksdb(folder + "/store");
  if (!store) return refused(store.error());
  if (!mounted) limit_file_size(256 * 1024);
  std::uint64_t i = 0;
  for (; i < 10'000; ++i)
    if (auto written = put_page(**store, i); !written) {
      std::cout << "full " << i << ' ' << written.error().message << std::endl;
      if (put_page(**store, i)) std::cout << "error a full disk took a write" << std::endl;
      break;
    }
  if (mounted) {
    std::filesystem::remove(ballast);
  } else {
    limit_file_size(RLIM_INFINITY);
    store->reset();
    store = vsf::storage::open_rocksdb(folder + "/store");
    if (!store) return refused(store.error());
  }
  // RocksDB looks for free space every few seconds; until it found some, it goes on refusing.
  auto written = put_page(**store, i);
  for (int tries = 0; !written && tries < 200; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    written = put_page(**store, i);
  }
  if (!written) return refused(written.error());
  store->reset();
  return count_pages(folder + "/store");
}

/// A partial file under a limit of `limit` bytes a file.
int partial(const std::string& folder, std::uint64_t limit) {
  auto files = vsf::storage::open_disk_files(folder + "/downloads", folder + "/incomplete");
  if (!files) return refused(files.error());
  limit_file_size(limit);
  auto file = (*files)->open_partial("song", 1024 * 1024);
  if (!file) return refused(file.error());
  std::cout << "open" << std::endl;
  return 0;
}

/// A partial file for which there is space, a copy of it for which there is none, then some: downloads/ is on
/// a small filesystem of its own, or, where none can be mounted, files have a limit and downloads/ is in
/// /dev/shm.
int full_disk(const std::string& folder) {
  const auto small = folder + "/small";
  std::filesystem::create_directory(small);
  const bool mounted = mount_small(small);
  std::cout << (mounted ? "mounted" : "limited") << std::endl;
  std::string other = "/dev/shm/vsf-test-XXXXXX";
  if (!mounted && ::mkdtemp(other.data()) == nullptr) return 2;
  const auto downloads = (mounted ? small : other) + "/downloads";
  constexpr std::uint64_t size = 2 * 1024 * 1024;
  auto files = vsf::storage::open_disk_files(downloads, folder + "/incomplete");
  if (!files) return refused(files.error());
  auto file = (*files)->open_partial("song", size);
  if (!file) return refused(file.error());
  const vsf::bytes content(size, 42);
  if (auto written = (*file)->write_at(0, content); !written) return refused(written.error());

  // Everything but 1 MiB is taken.
  const auto ballast = small + "/ballast";
  if (mounted)
    std::ofstream(ballast) << std::string(15 * 1024 * 1024, 'x');
  else
    limit_file_size(1024 * 1024);
  {
    auto beside =
        vsf::storage::open_disk_files(folder + "/downloads", mounted ? small : folder + "/incomplete");
    if (!beside) return refused(beside.error());
    const auto none = (*beside)->open_partial("other", size);
    std::cout << (none ? "no error" : none.error().message) << std::endl;
    if ((*beside)->partial_exists("other")) return 3;
  }
  const auto none = (*files)->finish("song", "song.mp3");
  std::cout << (none ? "no error" : none.error().message) << std::endl;
  if (!(*files)->partial_exists("song")) return 4;
  if (!std::filesystem::is_empty(downloads)) return 5;

  if (mounted)
    std::filesystem::remove(ballast);
  else
    limit_file_size(RLIM_INFINITY);
  const auto path = (*files)->finish("song", "song.mp3");
  if (!path) return refused(path.error());
  if (std::filesystem::file_size(*path) != size) return 6;
  if (!mounted) std::filesystem::remove_all(other);
  std::cout << "finished" << std::endl;
  return 0;
}

/// The incomplete folder on a small filesystem of its own that gets full and empty again; the download folder
/// where the caller's is.
int low_disk(const std::string& folder) {
  const auto small = folder + "/small";
  std::filesystem::create_directory(small);
  if (!mount_small(small)) {
    std::cout << "skipped no filesystem can be mounted here (not root, or not allowed)" << std::endl;
    return 0;
  }
  constexpr std::uint64_t mib = 1 << 20;
  auto files = vsf::storage::open_disk_files(folder + "/downloads", small + "/incomplete");
  if (!files) return refused(files.error());
  const auto say_room = [&](std::uint64_t wanted) {
    const auto space = (*files)->free_space();
    if (!space) return refused(space.error());
    const auto room = vsf::storage::check_room_to_write(*space, wanted, 4 * mib);
    std::cout << (space->one_disk ? "one " : "two ") << space->incomplete.free_bytes / mib << ' '
              << (room ? "enough" : room.error().message) << std::endl;
    return 0;
  };
  if (const int code = say_room(12 * mib); code != 0) return code;
  auto file = (*files)->open_partial("song", 6 * mib);  // takes its space at once
  if (!file) return refused(file.error());
  if (const int code = say_room(0); code != 0) return code;
  std::ofstream(small + "/ballast") << std::string(7 * mib, 'x');
  if (const int code = say_room(0); code != 0) return code;
  // Its own space is its own, however full the disk is.
  if (auto written = (*file)->write_at(0, vsf::bytes(6 * mib, 1)); !written) return refused(written.error());
  std::filesystem::remove(small + "/ballast");
  return say_room(0);
}

int open_files(const std::string& folder) {
  auto files = vsf::storage::open_disk_files(folder + "/downloads", folder + "/incomplete");
  if (!files) return refused(files.error());
  auto file = (*files)->open_partial("song", 1024);
  if (!file) return refused(file.error());
  std::cout << "open" << std::endl;
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  const std::string mode = arguments[1];
  const std::string folder = arguments[2];
  const std::uint64_t number = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 0;
  if (mode == "hammer") return hammer(folder, number);
  if (mode == "hold") return open_store(folder, true);
  if (mode == "open") return open_store(folder, false);
  if (mode == "nobody") {
    become_nobody();
    return open_store(folder, false);
  }
  if (mode == "fill") return fill(folder);
  if (mode == "partial") return partial(folder, number);
  if (mode == "full-disk") return full_disk(folder);
  if (mode == "low-disk") return low_disk(folder);
  if (mode == "files-nobody") {
    become_nobody();
    return open_files(folder);
  }
  return 2;
}
