// The analysis itself, in this process, over real and hostile bytes.

#include "actors/library/analyzer/analyze.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <taglib/apetag.h>
#include <taglib/attachedpictureframe.h>
#include <taglib/flacfile.h>
#include <taglib/id3v2tag.h>
#include <taglib/mp4file.h>
#include <taglib/mpegfile.h>
#include <taglib/textidentificationframe.h>
#include <taglib/uniquefileidentifierframe.h>
#include <taglib/xiphcomment.h>

#include "actors/library/analyzer/sniff.hpp"
#include "actors/swarm/hash_tree.hpp"
#include "net/crypto/random.hpp"
#include "tests/support/audio/make_audio.hpp"

namespace vsf::library {
namespace {

namespace fs = std::filesystem;
using test::audio_kind;

bytes read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class analyzer_test : public testing::Test {
 protected:
  void SetUp() override {
    auto name = (fs::temp_directory_path() / "vsf-analyze-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  test::audio_spec spec(audio_kind kind, std::uint32_t duration_ms = 2500) const {
    test::audio_spec out;
    out.kind = kind;
    out.path = folder_ + "/x" + std::string(extension_of(kind));
    out.duration_ms = duration_ms;
    out.tags = {.artist = "Björk",
                .album = "Alb\"um",
                .title = "Título 曲",
                .track = 7,
                .disc = 2,
                .recording = test::seeded_mbid("recording", 1),
                .release = test::seeded_mbid("release", 1)};
    return out;
  }
  static bytes make(const test::audio_spec& what) {
    const auto made = test::make_audio(what);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
    return read_all(what.path);
  }
  static fb::FileEntryT look(const bytes& data, bool fingerprint = false) {
    return analyze(memory_source(data), fingerprint);
  }

  std::string folder_;
};

struct expectation {
  audio_kind kind;
  fb::Codec codec;
  std::string container, codec_name;
  int bit_depth;
};

TEST_F(analyzer_test, reads_tags_and_properties_of_every_format) {
  const std::vector<expectation> expected{
      {audio_kind::flac, fb::Codec::flac, "flac", "flac", 16},
      {audio_kind::mp3, fb::Codec::mp3, "mpeg", "mp3", 0},
      {audio_kind::vorbis, fb::Codec::vorbis, "ogg", "vorbis", 0},
      {audio_kind::opus, fb::Codec::opus, "ogg", "opus", 0},
      {audio_kind::aac, fb::Codec::aac, "mp4", "aac", 0},
      {audio_kind::alac, fb::Codec::alac, "mp4", "alac", 16},
      {audio_kind::wav, fb::Codec::wav, "wav", "pcm", 16},
      {audio_kind::aiff, fb::Codec::aiff, "aiff", "pcm", 16},
      {audio_kind::wavpack, fb::Codec::wavpack, "wavpack", "wavpack", 16}};
  for (const auto& e : expected) {
    SCOPED_TRACE(name_of(e.kind));
    const auto what = spec(e.kind);
    const auto data = make(what);
    const auto entry = look(data);
    EXPECT_EQ(entry.problem, "");
    EXPECT_EQ(entry.codec, e.codec);
    EXPECT_EQ(entry.container, e.container);
    EXPECT_EQ(entry.codec_name, e.codec_name);
    EXPECT_EQ(entry.bit_depth, e.bit_depth);
    EXPECT_EQ(entry.sample_rate_hz, e.kind == audio_kind::opus ? 48000u : 44100u);
    EXPECT_EQ(entry.channels, 2);
    EXPECT_NEAR(entry.duration_ms, 2500, 60);
    EXPECT_NEAR(entry.bitrate_kbps, static_cast<double>(data.size()) * 8 / 2500, entry.bitrate_kbps * 0.15);
    EXPECT_EQ(entry.artist, "Björk");
    EXPECT_EQ(entry.album, "Alb\"um");
    EXPECT_EQ(entry.title, "Título 曲");
    EXPECT_EQ(entry.track, 7);
    EXPECT_EQ(entry.disc, 2);
    ASSERT_TRUE(entry.recording && entry.release);
    EXPECT_EQ(from_fb<mbid>(*entry.recording), what.tags.recording);
    EXPECT_EQ(from_fb<mbid>(*entry.release), what.tags.release);
    ASSERT_TRUE(entry.sha256 && entry.root);
    EXPECT_EQ(entry.size, data.size());
    EXPECT_EQ(from_fb<digest>(*entry.sha256), crypto::sha256(data));
    EXPECT_EQ(from_fb<digest>(*entry.root), swarm::tree_root(data));
  }
}

TEST_F(analyzer_test, reads_high_resolution_and_mono) {
  auto what = spec(audio_kind::flac);
  what.bit_depth = 24;
  what.sample_rate_hz = 96000;
  what.channels = 1;
  const auto entry = look(make(what));
  EXPECT_EQ(entry.problem, "");
  EXPECT_EQ(entry.bit_depth, 24);
  EXPECT_EQ(entry.sample_rate_hz, 96000u);
  EXPECT_EQ(entry.channels, 1);
}

TEST_F(analyzer_test, reads_the_frames_that_picard_writes_into_mp3) {
  auto what = spec(audio_kind::mp3);
  what.tags = {};
  make(what);
  const auto recording = test::seeded_mbid("r", 2), release = test::seeded_mbid("l", 2);
  {
    TagLib::MPEG::File file(what.path.c_str());
    auto* tag = file.ID3v2Tag(true);
    const auto id = to_string(recording);
    tag->addFrame(new TagLib::ID3v2::UniqueFileIdentifierFrame("http://example.org", "other"));
    tag->addFrame(new TagLib::ID3v2::UniqueFileIdentifierFrame(
        "http://musicbrainz.org", TagLib::ByteVector(id.data(), static_cast<unsigned>(id.size()))));
    auto* text = new TagLib::ID3v2::UserTextIdentificationFrame(TagLib::String::UTF16);
    text->setDescription("MusicBrainz Album Id");
    text->setText(to_string(release));
    tag->addFrame(text);
    auto* track = new TagLib::ID3v2::TextIdentificationFrame("TRCK", TagLib::String::Latin1);
    track->setText("03/12");
    tag->addFrame(track);
    ASSERT_TRUE(file.save());
  }
  const auto entry = look(read_all(what.path));
  ASSERT_TRUE(entry.recording && entry.release);
  EXPECT_EQ(from_fb<mbid>(*entry.recording), recording);
  EXPECT_EQ(from_fb<mbid>(*entry.release), release);
  EXPECT_EQ(entry.track, 3);
}

TEST_F(analyzer_test, reads_vorbis_comments_mp4_atoms_and_ape_items) {
  const auto recording = test::seeded_mbid("r", 3), release = test::seeded_mbid("l", 3);
  for (auto kind : {audio_kind::flac, audio_kind::aac, audio_kind::mp3}) {
    SCOPED_TRACE(name_of(kind));
    auto what = spec(kind);
    what.tags = {};
    make(what);
    if (kind == audio_kind::flac) {
      TagLib::FLAC::File file(what.path.c_str());
      file.xiphComment(true)->addField("musicbrainz_trackid", "not an id", false);
      file.xiphComment(true)->addField("musicbrainz_trackid", to_string(recording), false);
      file.xiphComment(true)->addField("MusicBrainz_AlbumId", to_string(release));
      ASSERT_TRUE(file.save());
    } else if (kind == audio_kind::aac) {
      TagLib::MP4::File file(what.path.c_str());
      file.tag()->setItem("----:com.apple.iTunes:MusicBrainz Track Id",
                          TagLib::StringList(to_string(recording)));
      file.tag()->setItem("----:com.apple.iTunes:MusicBrainz Album Id",
                          TagLib::StringList(to_string(release)));
      ASSERT_TRUE(file.save());
    } else {
      TagLib::MPEG::File file(what.path.c_str());
      file.ID3v2Tag(true)->setTitle("an ID3v2 tag without ids");
      file.APETag(true)->addValue("MUSICBRAINZ_TRACKID", to_string(recording));
      file.APETag(true)->addValue("MUSICBRAINZ_ALBUMID", to_string(release));
      ASSERT_TRUE(file.save());
    }
    const auto entry = look(read_all(what.path));
    EXPECT_EQ(entry.problem, "");
    ASSERT_TRUE(entry.recording && entry.release);
    EXPECT_EQ(from_fb<mbid>(*entry.recording), recording);
    EXPECT_EQ(from_fb<mbid>(*entry.release), release);
  }
}

TEST_F(analyzer_test, without_ids_it_is_no_problem_but_has_none) {
  auto what = spec(audio_kind::flac);
  what.tags.recording = what.tags.release = {};
  const auto entry = look(make(what));
  EXPECT_EQ(entry.problem, "");
  EXPECT_FALSE(entry.recording);
  EXPECT_FALSE(entry.release);
  EXPECT_TRUE(entry.root);
}

TEST_F(analyzer_test, goes_by_content_and_not_by_name) {
  auto what = spec(audio_kind::flac);
  what.path = folder_ + "/x.flac";
  make(what);
  fs::rename(what.path, folder_ + "/x.mp3");
  const int file = ::open((folder_ + "/x.mp3").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  EXPECT_EQ(analyze(descriptor_source(file), false).codec, fb::Codec::flac);
  ::close(file);
}

TEST_F(analyzer_test, bounds_and_cleans_texts) {
  auto what = spec(audio_kind::flac);
  what.tags.artist = std::string(5000, 'a') + "é";
  what.tags.title = "bell\a and\nnewline";
  const auto entry = look(make(what));
  EXPECT_EQ(entry.artist, std::string(1024, 'a'));
  EXPECT_EQ(entry.title, "bell  and newline");
}

TEST_F(analyzer_test, tells_what_is_cut) {
  for (auto kind : {audio_kind::flac, audio_kind::mp3, audio_kind::vorbis, audio_kind::opus, audio_kind::aac,
                    audio_kind::alac, audio_kind::wav, audio_kind::aiff}) {
    SCOPED_TRACE(name_of(kind));
    auto data = make(spec(kind));
    ASSERT_EQ(look(data).problem, "");
    data.resize(data.size() / 2);
    const auto entry = look(data);
    EXPECT_NE(entry.problem, "");
    EXPECT_TRUE(entry.problem.starts_with("truncated")) << entry.problem;
    EXPECT_FALSE(entry.root);
  }
}

TEST_F(analyzer_test, a_file_of_another_kind_is_named_so) {
  EXPECT_EQ(look({}).problem, "it is empty");
  EXPECT_EQ(look(bytes(1, 0xFF)).problem, "not an audio file we know");
  EXPECT_EQ(look(bytes(100'000, 0)).problem, "not an audio file we know");
  crypto::seeded_random random(5);
  bytes noise(1'000'000);
  random.fill(noise);
  EXPECT_EQ(look(noise).problem, "not an audio file we know");
  const std::string_view html = "<!doctype html><html><body>404</body></html>";
  EXPECT_EQ(look(bytes(html.begin(), html.end())).problem, "not an audio file we know");
}

TEST_F(analyzer_test, a_picture_with_a_tag_is_no_audio) {
  const auto path = folder_ + "/cover.mp3";
  std::ofstream(path).close();
  {
    TagLib::MPEG::File file(path.c_str(), false);
    auto* picture = new TagLib::ID3v2::AttachedPictureFrame;
    picture->setMimeType("image/jpeg");
    picture->setPicture(TagLib::ByteVector(200'000, 'p'));
    file.ID3v2Tag(true)->addFrame(picture);
    file.ID3v2Tag(true)->setTitle("only a cover");
    ASSERT_TRUE(file.save());
  }
  EXPECT_EQ(look(read_all(path)).problem, "it has tags but no audio that we know behind them");
}

TEST_F(analyzer_test, valid_magic_before_garbage_never_crashes) {
  const std::vector<std::string> magics{"fLaC",
                                        "OggS",
                                        std::string("\0\0\0\x18"
                                                    "ftypM4A ",
                                                    12),
                                        "RIFF\xFF\xFF\xFF\xFFWAVE",
                                        "FORM\xFF\xFF\xFF\xFF"
                                        "AIFF",
                                        "MAC ",
                                        "wvpk",
                                        "MPCK",
                                        "MP+\x07",
                                        std::string("ID3\x04\0\0\x7F\x7F\x7F\x7F", 10),
                                        "\xFF\xFB\x90\x64"};
  for (const auto& magic : magics)
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
      crypto::seeded_random random(seed);
      bytes data(100 + random.below(40'000));
      random.fill(data);
      std::copy(magic.begin(), magic.end(), data.begin());
      const auto entry = look(data, seed == 0);
      EXPECT_NE(entry.problem, "") << magic << " seed " << seed;
    }
}

TEST_F(analyzer_test, damaged_copies_of_real_files_never_crash) {
  for (auto kind : {audio_kind::flac, audio_kind::mp3, audio_kind::vorbis, audio_kind::aac, audio_kind::wav,
                    audio_kind::aiff, audio_kind::wavpack, audio_kind::opus}) {
    const auto good = make(spec(kind, 500));
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      SCOPED_TRACE(std::string(name_of(kind)) + " seed " + std::to_string(seed));
      crypto::seeded_random random(seed);
      auto data = good;
      const auto reach = seed % 2 == 0 ? std::min<std::uint64_t>(600, data.size()) : data.size();
      for (int n = 0; n < 12; ++n) data[random.below(reach)] = static_cast<std::uint8_t>(random.below(256));
      if (seed % 3 == 0) data.resize(random.below(data.size()));
      const auto entry = look(data, seed % 8 == 0);
      if (entry.problem.empty()) {
        EXPECT_EQ(from_fb<digest>(*entry.sha256), crypto::sha256(data));
      }
    }
  }
}

TEST_F(analyzer_test, ten_gigabytes_behind_a_small_header_cost_nothing) {
  for (auto kind :
       {audio_kind::flac, audio_kind::mp3, audio_kind::wav, audio_kind::vorbis, audio_kind::aac}) {
    SCOPED_TRACE(name_of(kind));
    const auto what = spec(kind, 500);
    make(what);
    fs::resize_file(what.path, std::uint64_t{10} << 30);
    const int file = ::open(what.path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    const auto entry = analyze(descriptor_source(file), false);
    ::close(file);
    EXPECT_NE(entry.problem, "");
    EXPECT_FALSE(entry.root);
  }
}

TEST_F(analyzer_test, fingerprints_tell_sounds_apart_and_survive_encoding) {
  const auto flac = look(make(spec(audio_kind::flac, 12'000)), true).fingerprint;
  EXPECT_GT(flac.size(), 40u);
  EXPECT_EQ(look(make(spec(audio_kind::wav, 12'000)), true).fingerprint, flac);
  EXPECT_EQ(look(make(spec(audio_kind::alac, 12'000)), true).fingerprint, flac);
  auto other = spec(audio_kind::flac, 12'000);
  other.seed = 99;
  EXPECT_NE(look(make(other), true).fingerprint, flac);
  EXPECT_FALSE(look(make(spec(audio_kind::mp3, 12'000)), true).fingerprint.empty());
  EXPECT_FALSE(look(make(spec(audio_kind::opus, 12'000)), true).fingerprint.empty());
  EXPECT_EQ(look(make(spec(audio_kind::flac)), false).fingerprint, "");
}

TEST(mpeg_frame, parses_headers_and_refuses_what_is_none) {
  const auto parse = [](std::uint32_t word) {
    const bytes raw{static_cast<std::uint8_t>(word >> 24), static_cast<std::uint8_t>(word >> 16),
                    static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
    return parse_mpeg_frame(raw);
  };
  const auto usual = parse(0xFFFB9064);  // MPEG-1 layer 3, 128 kbit/s, 44100 Hz
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->length_bytes, 417u);
  EXPECT_EQ(usual->sample_rate_hz, 44100u);
  EXPECT_EQ(usual->layer, 3u);
  const auto low = parse(0xFFF380C4);  // MPEG-2 layer 3, 64 kbit/s, 22050 Hz, mono
  ASSERT_TRUE(low);
  EXPECT_EQ(low->length_bytes, 208u);
  EXPECT_TRUE(low->mono);
  for (std::uint32_t bad :
       {0xFFF15080u /* ADTS */, 0xFFFBF064u, 0xFFFB0064u, 0xFFFB9C64u, 0xFFEB9064u, 0x00000000u})
    EXPECT_FALSE(parse(bad)) << std::hex << bad;
}

}  // namespace
}  // namespace vsf::library
