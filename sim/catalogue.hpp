#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "messages/schemas.hpp"
#include "net/crypto/random.hpp"
#include "storage/memory_files.hpp"

namespace vsf::sim {

struct catalogue_options {
  std::uint64_t seed = 1;
  std::size_t recordings = 400;
  std::size_t tracks_per_release = 10;
  double zipf_exponent = 0.8;
  std::uint64_t min_bytes = 128 * 1024;
  std::uint64_t max_bytes = 512 * 1024;
  bool second_encodings = false;  // every recording has an MP3 of half the size, too
};

/// The music of a simulated world: made-up recordings of Zipf popularity, and files whose bytes are generated
/// wherever they are read, so that hundreds of nodes share gigabytes in no memory. Hash tree and SHA-256 of
/// each file are computed once, by the production code.
class catalogue {
 public:
  using file_index = std::size_t;
  struct recording {
    mbid id;
    mbid release;
    std::uint16_t track = 0;
    std::uint64_t sound_seed = 0;  // what it sounds like
    std::uint32_t duration_ms = 0;
    std::vector<file_index> encodings;  // genuine ones, the best first
  };
  struct file {
    std::size_t recording = 0;  // whose tags it has
    std::size_t sounds_like = 0;
    fb::Codec codec = fb::Codec::flac;
    std::uint64_t size = 0;
    std::uint64_t content_seed = 0;

    bool genuine() const { return recording == sounds_like; }
  };

  explicit catalogue(catalogue_options options);

  const std::vector<recording>& recordings() const { return recordings_; }
  const std::vector<file>& files() const { return files_; }
  /// A file with the tags of one recording and the sound of another.
  file_index add_fake(std::size_t tagged_as, std::size_t sounds_like, crypto::random_source& random);
  /// Draws the index of a recording by popularity.
  std::size_t draw(crypto::random_source& random) const;
  storage::memory_files::generator content(file_index index) const;
  digest sha256(file_index index) const { return hashes(index).sha256; }
  digest root(file_index index) const { return hashes(index).root; }
  /// What the analyzer would say about this file.
  fb::FileEntryT entry(file_index index, const std::string& path, std::uint64_t mtime_ns) const;
  std::string file_name(file_index index) const;
  /// The first bytes of a file, which no two files share.
  using head_bytes = std::array<std::uint8_t, 24>;
  /// The file that begins with these bytes.
  std::optional<file_index> find(const head_bytes& head) const;

 private:
  struct hashed {
    digest sha256;
    digest root;
  };
  const hashed& hashes(file_index index) const;
  file_index add(file made);

  std::vector<recording> recordings_;
  std::vector<file> files_;
  std::vector<std::uint64_t> cumulative_weight_;
  std::map<head_bytes, file_index> by_head_;
  mutable std::map<file_index, hashed> hashed_;
};

}  // namespace vsf::sim
