#include "sim/catalogue.hpp"

#include <algorithm>
#include <cmath>

#include "actors/swarm/hash_tree.hpp"
#include "net/crypto/crypto.hpp"
#include "sim/latency_model.hpp"

namespace vsf::sim {

namespace {

constexpr std::uint64_t sub_fingerprints = 160;

mbid draw_mbid(crypto::random_source& random) {
  mbid out;
  random.fill(out);
  out[6] = static_cast<std::uint8_t>((out[6] & 0x0F) | 0x40);  // a version 4 UUID, as MusicBrainz makes them
  out[8] = static_cast<std::uint8_t>((out[8] & 0x3F) | 0x80);
  return out;
}

}  // namespace

catalogue::catalogue(catalogue_options options) {
  crypto::seeded_random random(options.seed ^ 0xCA7A106u);
  mbid release;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < options.recordings; ++i) {
    const auto track = i % options.tracks_per_release;
    if (track == 0) release = draw_mbid(random);
    recording r;
    r.id = draw_mbid(random);
    r.release = release;
    r.track = static_cast<std::uint16_t>(track + 1);
    const auto size = options.min_bytes + random.below(options.max_bytes - options.min_bytes + 1);
    r.sound_seed = random.u64();
    r.duration_ms = static_cast<std::uint32_t>(60'000 + random.below(300'000));
    r.encodings.push_back(add({i, i, fb::Codec::flac, size, r.sound_seed}));
    if (options.second_encodings)
      r.encodings.push_back(add({i, i, fb::Codec::mp3, size / 2 + 1, latency::mix(r.sound_seed)}));
    recordings_.push_back(r);
    // Weights are integers so that draws compare the same everywhere.
    sum += 1 + static_cast<std::uint64_t>(1e9 / std::pow(static_cast<double>(i + 1), options.zipf_exponent));
    cumulative_weight_.push_back(sum);
  }
}

catalogue::file_index catalogue::add(file made) {
  const auto index = files_.size();
  files_.push_back(made);
  head_bytes head{};
  content(index)(0, head);
  by_head_[head] = index;
  return index;
}

catalogue::file_index catalogue::add_fake(std::size_t tagged_as, std::size_t sounds_like,
                                          crypto::random_source& random) {
  const auto& like = files_[recordings_[sounds_like].encodings.front()];
  return add({tagged_as, sounds_like, like.codec, like.size, random.u64()});
}

std::size_t catalogue::draw(crypto::random_source& random) const {
  const auto ticket = random.below(cumulative_weight_.back());
  const auto it = std::upper_bound(cumulative_weight_.begin(), cumulative_weight_.end(), ticket);
  return static_cast<std::size_t>(it - cumulative_weight_.begin());
}

std::optional<catalogue::file_index> catalogue::find(const head_bytes& head) const {
  const auto it = by_head_.find(head);
  return it == by_head_.end() ? std::nullopt : std::optional(it->second);
}

storage::memory_files::generator catalogue::content(file_index index) const {
  const auto seed = files_[index].content_seed;
  // What a finished download's name is sniffed from.
  const std::string_view magic = files_[index].codec == fb::Codec::flac ? "fLaC" : "ID3\x04";
  return [seed, magic](std::uint64_t offset, std::span<std::uint8_t> out) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto at = offset + i;
      if (i == 0 || at % 8 == 0) word = latency::mix(seed ^ (at / 8));
      out[i] = at < magic.size() ? static_cast<std::uint8_t>(magic[at])
                                 : static_cast<std::uint8_t>(word >> (8 * (at % 8)));
    }
  };
}

const catalogue::hashed& catalogue::hashes(file_index index) const {
  if (const auto it = hashed_.find(index); it != hashed_.end()) return it->second;
  const auto make = content(index);
  bytes data(files_[index].size);
  make(0, data);
  return hashed_.emplace(index, hashed{crypto::sha256(data), swarm::tree_root(data)}).first->second;
}

fb::FileEntryT catalogue::entry(file_index index, const std::string& path, std::uint64_t mtime_ns) const {
  const auto& f = files_[index];
  const auto& r = recordings_[f.recording];
  const auto& sound = recordings_[f.sounds_like];
  const bool flac = f.codec == fb::Codec::flac;
  const auto& h = hashes(index);
  fb::FileEntryT out;
  out.path = path;
  out.size = f.size;
  out.mtime_ns = static_cast<std::int64_t>(mtime_ns);
  out.container = flac ? "flac" : "mp3";
  out.codec = f.codec;
  out.codec_name = flac ? "FLAC" : "MP3";
  out.sample_rate_hz = 44'100;
  out.bit_depth = flac ? 16 : 0;
  out.channels = 2;
  out.bitrate_kbps = flac ? 900 : 320;
  out.duration_ms = sound.duration_ms;
  // What it sounds like is a table's, too: a fingerprint of 20 s that is the recording's own.
  for (std::uint64_t n = 0; n < sub_fingerprints; ++n)
    out.sub_fingerprints.push_back(static_cast<std::uint32_t>(latency::mix(~sound.sound_seed ^ n)));
  out.fingerprinted = true;
  out.recording = box(r.id);
  out.release = box(r.release);
  out.artist = "Artist " + std::to_string(f.recording / 10);
  out.album = "Album " + std::to_string(f.recording / 10);
  out.title = "Title " + std::to_string(f.recording);
  out.disc = 1;
  out.track = r.track;
  out.sha256 = box(h.sha256);
  out.root = box(h.root);
  return out;
}

std::string catalogue::file_name(file_index index) const {
  return "file-" + std::to_string(index) + (files_[index].codec == fb::Codec::flac ? ".flac" : ".mp3");
}

}  // namespace vsf::sim
