#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vsf::crypto {

/// Where all randomness of a node comes from: the kernel's in a daemon, a seeded stream in the simulator.
class random_source {
 public:
  virtual ~random_source() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
  std::uint64_t u64();
  /// Uniform in [0, bound), bound > 0; the same on every compiler.
  std::uint64_t below(std::uint64_t bound);
};

/// libsodium's generator. Safe from any thread.
class system_random final : public random_source {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// A reproducible stream (ChaCha20 keyed by the seed); how it is cut into fills does not change it. Not for
/// threads to share, not for keys that matter.
class seeded_random final : public random_source {
 public:
  explicit seeded_random(std::uint64_t seed);
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::array<std::uint8_t, 32> key_{};
  std::array<std::uint8_t, 256> ready_{};
  std::size_t used_ = ready_.size();
  std::uint64_t block_ = 0;
};

}  // namespace vsf::crypto
