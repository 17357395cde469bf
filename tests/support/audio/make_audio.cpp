#include "tests/support/audio/make_audio.hpp"

#include <array>
#include <filesystem>
#include <fstream>

#include <taglib/fileref.h>
#include <taglib/tpropertymap.h>
#include <nlohmann/json.hpp>

#include "actors/swarm/hash_tree.hpp"
#include "net/crypto/random.hpp"
#include "tests/support/audio/encode.hpp"

namespace vsf::test {
namespace {

constexpr std::uint32_t tracks_per_album = 8;
constexpr std::uint32_t albums_per_artist = 4;

struct kind_names {
  audio_kind kind;
  std::string_view name, extension;
};
constexpr std::array<kind_names, 9> kinds{{{audio_kind::flac, "flac", ".flac"},
                                           {audio_kind::mp3, "mp3", ".mp3"},
                                           {audio_kind::vorbis, "vorbis", ".ogg"},
                                           {audio_kind::opus, "opus", ".opus"},
                                           {audio_kind::aac, "aac", ".m4a"},
                                           {audio_kind::alac, "alac", ".m4a"},
                                           {audio_kind::wav, "wav", ".wav"},
                                           {audio_kind::aiff, "aiff", ".aiff"},
                                           {audio_kind::wavpack, "wavpack", ".wv"}}};

result<void> write_tags(const audio_spec& spec) {
  TagLib::FileRef file(spec.path.c_str(), false);
  if (file.isNull()) return fail("TagLib can't open " + spec.path);
  TagLib::PropertyMap properties;
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) properties.replace(name, TagLib::String(value, TagLib::String::UTF8));
  };
  put("ARTIST", spec.tags.artist);
  put("ALBUM", spec.tags.album);
  put("TITLE", spec.tags.title);
  if (spec.tags.track != 0) put("TRACKNUMBER", std::to_string(spec.tags.track));
  if (spec.tags.disc != 0) put("DISCNUMBER", std::to_string(spec.tags.disc));
  if (!spec.tags.recording.is_zero()) put("MUSICBRAINZ_TRACKID", to_string(spec.tags.recording));
  if (!spec.tags.release.is_zero()) put("MUSICBRAINZ_ALBUMID", to_string(spec.tags.release));
  file.file()->setProperties(properties);
  if (!file.save()) return fail("TagLib can't write the tags of " + spec.path);
  return {};
}

result<void> hash_file(const std::string& path, collection_item& item) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("Can't read " + path + " again");
  crypto::sha256_hasher whole;
  whole.begin();
  swarm::tree_builder tree;
  std::array<char, 64 * 1024> chunk{};
  while (in.read(chunk.data(), chunk.size()), in.gcount() > 0) {
    const byte_view part{reinterpret_cast<const std::uint8_t*>(chunk.data()),
                         static_cast<std::size_t>(in.gcount())};
    whole.update(part);
    tree.update(part);
  }
  item.size = tree.size();
  item.sha256 = whole.finish();
  item.root = tree.root();
  return {};
}

std::string two_digits(std::uint32_t n) { return n < 10 ? "0" + std::to_string(n) : std::to_string(n); }

/// What the `index`th file of a collection is.
audio_spec spec_of(const collection_spec& all, std::uint32_t index) {
  const auto recording = index / all.variants;
  const auto album = recording / tracks_per_album;
  const auto artist = album / albums_per_artist;
  audio_spec out;
  const auto kind = all.variants > 1 ? index % all.variants : recording;
  out.kind = all.kinds[kind % all.kinds.size()];
  // Variants are the same sound: everything but the kind depends on the recording alone.
  out.seed = all.seed * 1'000'003 + recording;
  crypto::seeded_random of_recording(out.seed);
  out.duration_ms = all.min_ms + static_cast<std::uint32_t>(of_recording.below(all.max_ms - all.min_ms + 1));
  out.tags.artist = "Artist " + std::to_string(artist + 1);
  out.tags.album = "Album " + std::to_string(album + 1);
  out.tags.title = "Title " + std::to_string(recording + 1);
  out.tags.track = recording % tracks_per_album + 1;
  out.tags.disc = 1;
  out.tags.recording = seeded_mbid("recording", out.seed);
  out.tags.release = seeded_mbid("release", all.seed * 1'000'003 + album);
  if (all.sound_seed) out.seed = *all.sound_seed * 1'000'003 + recording;
  out.path = out.tags.artist + "/" + out.tags.album + "/" + two_digits(out.tags.track) + " - " +
             out.tags.title + std::string(extension_of(out.kind));
  return out;
}

}  // namespace

std::string_view name_of(audio_kind kind) { return kinds[static_cast<std::size_t>(kind)].name; }
std::string_view extension_of(audio_kind kind) { return kinds[static_cast<std::size_t>(kind)].extension; }
std::optional<audio_kind> audio_kind_named(std::string_view name) {
  for (const auto& x : kinds)
    if (x.name == name) return x.kind;
  return std::nullopt;
}

result<void> make_audio(const audio_spec& spec) {
  if (auto made = encode(spec); !made) return made;
  return write_tags(spec);
}

mbid seeded_mbid(std::string_view what, std::uint64_t number) {
  const auto text = std::string(what) + ":" + std::to_string(number);
  const auto hash = crypto::sha256(crypto::as_bytes(text));
  mbid out;
  std::memcpy(out.data(), hash.data(), out.size());
  out[6] = static_cast<std::uint8_t>((out[6] & 0x0F) | 0x40);
  out[8] = static_cast<std::uint8_t>((out[8] & 0x3F) | 0x80);
  return out;
}

result<std::vector<collection_item>> make_collection(const collection_spec& spec) {
  if (spec.kinds.empty() || spec.variants == 0 || spec.variants > spec.kinds.size() ||
      spec.max_ms < spec.min_ms)
    return fail("A collection needs kinds, at most as many variants as kinds, and a range of durations");
  std::vector<collection_item> out;
  for (std::uint32_t i = 0; i < spec.files; ++i) {
    collection_item item;
    item.spec = spec_of(spec, i);
    auto absolute = item.spec;
    absolute.path = spec.folder + "/" + item.spec.path;
    std::error_code failed;
    std::filesystem::create_directories(std::filesystem::path(absolute.path).parent_path(), failed);
    if (failed) return fail("Can't make a folder for " + absolute.path + ": " + failed.message());
    if (auto made = make_audio(absolute); !made) return tl::unexpected(made.error());
    if (auto hashed = hash_file(absolute.path, item); !hashed) return tl::unexpected(hashed.error());
    out.push_back(std::move(item));
  }
  return out;
}

std::string manifest_of(const std::vector<collection_item>& items) {
  auto out = nlohmann::json::array();
  for (const auto& item : items) {
    const auto& tags = item.spec.tags;
    out.push_back({{"path", item.spec.path},
                   {"format", name_of(item.spec.kind)},
                   {"recording", to_string(tags.recording)},
                   {"release", to_string(tags.release)},
                   {"artist", tags.artist},
                   {"album", tags.album},
                   {"title", tags.title},
                   {"track", tags.track},
                   {"disc", tags.disc},
                   {"duration_ms", item.spec.duration_ms},
                   {"size", item.size},
                   {"sha256", to_hex(item.sha256)},
                   {"root", to_hex(item.root)}});
  }
  return out.dump(1) + "\n";
}

}  // namespace vsf::test
