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
};

/// The music of a simulated world: made-up recordings of Zipf popularity whose bytes are generated wherever
/// they are read, so that hundreds of nodes share gigabytes in no memory. Hash tree and SHA-256 of each are
/// computed once, by the production code.
class catalogue {
 public:
  struct recording {
    mbid id;
    mbid release;
    std::uint16_t track = 0;
    std::uint64_t size = 0;
    std::uint64_t content_seed = 0;
    std::uint32_t duration_ms = 0;
  };

  explicit catalogue(catalogue_options options);

  const std::vector<recording>& recordings() const { return recordings_; }
  /// Draws an index by popularity.
  std::size_t draw(crypto::random_source& random) const;
  storage::memory_files::generator content(std::size_t index) const;
  digest sha256(std::size_t index) const { return hashes(index).sha256; }
  /// What the analyzer would say about a file with this recording.
  fb::FileEntryT entry(std::size_t index, const std::string& path, std::uint64_t mtime_ns) const;
  static std::string file_name(std::size_t index);
  /// The first bytes of a file, which no two recordings share.
  using head_bytes = std::array<std::uint8_t, 24>;
  /// The recording whose file begins with these bytes.
  std::optional<std::size_t> find(const head_bytes& head) const;

 private:
  struct hashed {
    digest sha256;
    digest root;
  };
  const hashed& hashes(std::size_t index) const;

  std::vector<recording> recordings_;
  std::vector<std::uint64_t> cumulative_weight_;
  std::map<head_bytes, std::size_t> by_head_;
  mutable std::map<std::size_t, hashed> hashed_;
};

}  // namespace vsf::sim
