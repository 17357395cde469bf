#include <algorithm>
#include <limits>
#include <memory>

#include <taglib/aifffile.h>
#include <taglib/apefile.h>
#include <taglib/apetag.h>
#include <taglib/flacfile.h>
#include <taglib/id3v1tag.h>
#include <taglib/id3v2framefactory.h>
#include <taglib/id3v2tag.h>
#include <taglib/mp4file.h>
#include <taglib/mpcfile.h>
#include <taglib/mpegfile.h>
#include <taglib/oggflacfile.h>
#include <taglib/opusfile.h>
#include <taglib/tpropertymap.h>
#include <taglib/vorbisfile.h>
#include <taglib/wavfile.h>
#include <taglib/wavpackfile.h>

#include "actors/library/analyzer/analyze.hpp"
#include "actors/library/analyzer/sniff.hpp"
#include "actors/library/analyzer/source_stream.hpp"
#include "net/analyzer_process/wire.hpp"

namespace vsf::library {
namespace {

using TagLib::AudioProperties;

/// More bytes than 8 channels of 32 bits at 192 kHz for as long as it claims to play, and room for pictures.
constexpr std::uint64_t max_bytes_per_ms = 6144;
/// Less than FLAC needs for silence.
constexpr std::uint64_t min_bytes_per_s = 40;
constexpr std::uint64_t room_for_pictures = std::uint64_t{64} << 20;

struct opened {
  std::unique_ptr<TagLib::File> file;
  fb::Codec codec = fb::Codec::unknown;
  std::string codec_name;
  int bit_depth = 0;
};

/// TagLib::File of type T with its codec; `depth` asks the properties for bits a sample.
template <class T, class Depth>
opened open_as(std::unique_ptr<T> file, fb::Codec codec, const char* name, Depth depth) {
  opened out;
  out.codec = codec;
  out.codec_name = name;
  if (file->isValid() && file->audioProperties() != nullptr) out.bit_depth = depth(*file->audioProperties());
  out.file = std::move(file);
  return out;
}
constexpr auto no_depth = [](const auto&) { return 0; };
constexpr auto with_depth = [](const auto& properties) { return properties.bitsPerSample(); };

opened open_mp4(source_stream& stream) {
  auto out = open_as(std::make_unique<TagLib::MP4::File>(&stream), fb::Codec::unknown, "", with_depth);
  const auto* properties = dynamic_cast<const TagLib::MP4::Properties*>(out.file->audioProperties());
  const auto codec = properties == nullptr ? TagLib::MP4::Properties::Unknown : properties->codec();
  if (codec == TagLib::MP4::Properties::AAC) {
    out.codec = fb::Codec::aac;
    out.codec_name = "aac";
    out.bit_depth = 0;  // of the decoder's output, it says nothing
  } else if (codec == TagLib::MP4::Properties::ALAC) {
    out.codec = fb::Codec::alac;
    out.codec_name = "alac";
  }
  return out;
}

opened open_mpeg(source_stream& stream) {
  auto out = open_as(std::make_unique<TagLib::MPEG::File>(&stream, TagLib::ID3v2::FrameFactory::instance()),
                     fb::Codec::mp3, "mp3", no_depth);
  const auto* properties = dynamic_cast<const TagLib::MPEG::Properties*>(out.file->audioProperties());
  if (properties != nullptr && properties->layer() != 3) {
    out.codec = fb::Codec::unknown;
    out.codec_name = "mp" + std::to_string(properties->layer());
  }
  return out;
}

opened open_file(source_stream& stream, format what) {
  using fb::Codec;
  namespace tl_ = TagLib;
  auto* frames = tl_::ID3v2::FrameFactory::instance();
  switch (what) {
    case format::flac:
      return open_as(std::make_unique<tl_::FLAC::File>(&stream, frames), Codec::flac, "flac", with_depth);
    case format::ogg_vorbis:
      return open_as(std::make_unique<tl_::Ogg::Vorbis::File>(&stream), Codec::vorbis, "vorbis", no_depth);
    case format::ogg_opus:
      return open_as(std::make_unique<tl_::Ogg::Opus::File>(&stream), Codec::opus, "opus", no_depth);
    case format::ogg_flac:
      return open_as(std::make_unique<tl_::Ogg::FLAC::File>(&stream), Codec::flac, "flac", with_depth);
    case format::mpeg:
      return open_mpeg(stream);
    case format::mp4:
      return open_mp4(stream);
    case format::wav:
      return open_as(std::make_unique<tl_::RIFF::WAV::File>(&stream), Codec::wav, "pcm", with_depth);
    case format::aiff:
      return open_as(std::make_unique<tl_::RIFF::AIFF::File>(&stream), Codec::aiff, "pcm", with_depth);
    case format::ape:
      return open_as(std::make_unique<tl_::APE::File>(&stream), Codec::ape, "ape", with_depth);
    case format::wavpack:
      return open_as(std::make_unique<tl_::WavPack::File>(&stream), Codec::wavpack, "wavpack", with_depth);
    case format::musepack:
      return open_as(std::make_unique<tl_::MPC::File>(&stream), Codec::musepack, "musepack", no_depth);
    case format::unknown:
      break;
  }
  return {};
}

/// The first value of a tag, at most so long that cleaning it is cheap.
std::string text_of(const TagLib::PropertyMap& tags, const char* name) {
  const auto found = tags.find(name);
  if (found == tags.end() || found->second.isEmpty()) return {};
  return found->second.front().substr(0, net::max_text_bytes).to8Bit(true);
}

std::unique_ptr<fb::Bytes16> mbid_of(const TagLib::PropertyMap& tags, const char* name) {
  const auto found = tags.find(name);
  if (found == tags.end()) return nullptr;
  std::size_t tried = 0;
  for (const auto& value : found->second) {
    if (++tried > 16) break;
    const auto id = parse_mbid(value.substr(0, 64).stripWhiteSpace().to8Bit(true));
    if (id && !id->is_zero()) return box(*id);
  }
  return nullptr;
}

/// "3", "03" or "3/12"; 0 for anything else.
std::uint16_t number_of(const TagLib::PropertyMap& tags, const char* name) {
  const auto text = text_of(tags, name);
  std::uint32_t out = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return c == '/' ? static_cast<std::uint16_t>(out) : std::uint16_t{0};
    out = out * 10 + static_cast<std::uint32_t>(c - '0');
    if (out > 65535) return 0;
  }
  return static_cast<std::uint16_t>(out);
}

/// TagLib's names are the same for all formats: Vorbis comments, ID3v2 (UFID and TXXX), MP4 ("----") and APE.
void fill_tags(const TagLib::PropertyMap& tags, fb::FileEntryT& entry) {
  if (!entry.recording) entry.recording = mbid_of(tags, "MUSICBRAINZ_TRACKID");
  if (!entry.release) entry.release = mbid_of(tags, "MUSICBRAINZ_ALBUMID");
  const auto fill = [&](std::string& field, const char* name) {
    if (field.empty()) field = net::clean_text(text_of(tags, name));
  };
  fill(entry.artist, "ARTIST");
  fill(entry.album, "ALBUM");
  fill(entry.title, "TITLE");
  if (entry.track == 0) entry.track = number_of(tags, "TRACKNUMBER");
  if (entry.disc == 0) entry.disc = number_of(tags, "DISCNUMBER");
}

/// A file may have several kinds of tags; what the first one lacks comes from the others.
void fill_all_tags(TagLib::File& file, fb::FileEntryT& entry) {
  fill_tags(file.properties(), entry);
  if (auto* mpeg = dynamic_cast<TagLib::MPEG::File*>(&file)) {
    if (mpeg->hasAPETag()) fill_tags(mpeg->APETag()->properties(), entry);
    if (mpeg->hasID3v1Tag()) fill_tags(static_cast<TagLib::Tag*>(mpeg->ID3v1Tag())->properties(), entry);
  } else if (auto* flac = dynamic_cast<TagLib::FLAC::File*>(&file)) {
    if (flac->hasID3v2Tag()) fill_tags(static_cast<TagLib::Tag*>(flac->ID3v2Tag())->properties(), entry);
  }
}

template <class T>
T bounded(int value) {
  return static_cast<T>(std::clamp<std::int64_t>(value, 0, std::numeric_limits<T>::max()));
}

/// What the headers claim, but no more than the file has bytes for: some writers put the rate of the decoded
/// sound there.
std::uint16_t bitrate_of(int claimed_kbps, std::uint64_t size, std::uint32_t duration_ms) {
  if (duration_ms == 0) return 0;
  const auto average = std::min<std::uint64_t>(65535, (size * 8 + duration_ms - 1) / duration_ms);
  const auto claimed = bounded<std::uint16_t>(claimed_kbps);
  return claimed == 0 ? static_cast<std::uint16_t>(average)
                      : std::min(claimed, static_cast<std::uint16_t>(average));
}

std::string problem_of(const byte_source& source, const sniffed& kind, const fb::FileEntryT& entry) {
  if (is_truncated(source, kind)) return "truncated: its end is missing";
  if (entry.codec == fb::Codec::unknown && entry.codec_name.empty())
    return "its container holds no codec we know";
  if (entry.duration_ms == 0 || entry.sample_rate_hz == 0 || entry.channels == 0)
    return "it holds no audio, or does not say how long it is";
  if (source.size() > room_for_pictures + entry.duration_ms * max_bytes_per_ms)
    return "it is far larger than audio of " + std::to_string(entry.duration_ms / 1000) + " s can be";
  if (source.size() * 1000 < entry.duration_ms * min_bytes_per_s)
    return "it is far smaller than audio of " + std::to_string(entry.duration_ms / 1000) + " s can be";
  return {};
}

}  // namespace

fb::FileEntryT read_tags(const byte_source& source) {
  fb::FileEntryT entry;
  const auto kind = sniff(source);
  entry.container = std::string(container_of(kind.what));
  if (kind.what == format::unknown) {
    entry.problem = source.size() == 0 ? "it is empty"
                    : kind.has_id3v2   ? "it has tags but no audio that we know behind them"
                                       : "not an audio file we know";
    entry.fault = fb::FileFault::not_audio;
    return entry;
  }
  source_stream stream(source);
  const auto open = open_file(stream, kind.what);
  const auto* properties = open.file->isValid() ? open.file->audioProperties() : nullptr;
  if (properties == nullptr) {
    const bool truncated = is_truncated(source, kind);
    entry.problem = truncated ? "truncated: its end is missing" : "its headers are damaged";
    entry.fault = truncated ? fb::FileFault::defective : fb::FileFault::not_audio;
    return entry;
  }
  entry.codec = open.codec;
  entry.codec_name = open.codec_name;
  entry.bit_depth = bounded<std::uint8_t>(open.bit_depth);
  entry.sample_rate_hz = bounded<std::uint32_t>(properties->sampleRate());
  entry.channels = bounded<std::uint8_t>(properties->channels());
  entry.duration_ms = bounded<std::uint32_t>(properties->lengthInMilliseconds());
  entry.bitrate_kbps = bitrate_of(properties->bitrate(), source.size(), entry.duration_ms);
  fill_all_tags(*open.file, entry);
  entry.problem = problem_of(source, kind, entry);
  if (!entry.problem.empty()) entry.fault = fb::FileFault::defective;
  return entry;
}

}  // namespace vsf::library
