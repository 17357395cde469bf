#include "tests/support/audio/encode.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numbers>

#include "net/crypto/random.hpp"

namespace vsf::test {
namespace {

constexpr int block = 1152;  // for encoders that take any number of samples

struct recipe {
  const char* muxer;
  const char* encoder;
};
recipe recipe_of(audio_kind kind) {
  switch (kind) {
    case audio_kind::flac:
      return {"flac", "flac"};
    case audio_kind::mp3:
      return {"mp3", "libmp3lame"};
    case audio_kind::vorbis:
      return {"ogg", "libvorbis"};
    case audio_kind::opus:
      return {"opus", "libopus"};
    case audio_kind::aac:
      return {"ipod", "aac"};
    case audio_kind::alac:
      return {"ipod", "alac"};
    case audio_kind::wav:
      return {"wav", "pcm_s16le"};
    case audio_kind::aiff:
      return {"aiff", "pcm_s16be"};
    case audio_kind::wavpack:
      return {"wv", "wavpack"};
  }
  return {"flac", "flac"};
}

/// Seeded sound, interleaved, 32 bits.
class synth {
 public:
  synth(std::uint64_t seed, std::uint32_t rate, std::uint32_t channels)
      : random_(seed), rate_(rate), channels_(channels) {
    for (std::size_t i = 0; i < wave_.size(); ++i)
      wave_[i] = static_cast<std::int32_t>(
          std::lround(4.0e8 * std::sin(2 * std::numbers::pi * static_cast<double>(i) /
                                       static_cast<double>(wave_.size()))));
  }
  void fill(std::vector<std::int32_t>& out, std::size_t samples) {
    out.resize(samples * channels_);
    for (std::size_t i = 0; i < samples; ++i, ++at_) {
      if (at_ % (rate_ / 2) == 0) new_chord();
      std::int32_t tone = 0;
      for (std::size_t v = 0; v < phase_.size(); ++v) {
        phase_[v] += step_[v];
        tone += wave_[phase_[v] >> 20];
      }
      for (std::uint32_t c = 0; c < channels_; ++c) {
        noise_ = noise_ * 1664525u + 1013904223u;
        out[i * channels_ + c] = tone + static_cast<std::int32_t>(noise_) / 128;
      }
    }
  }

 private:
  void new_chord() {
    for (auto& step : step_) {
      const auto note = static_cast<double>(random_.below(48));
      step = static_cast<std::uint32_t>(110.0 * std::exp2(note / 12) / rate_ * 4294967296.0);
    }
  }

  crypto::seeded_random random_;
  std::uint32_t rate_, channels_, noise_ = 1;
  std::uint64_t at_ = 0;
  std::array<std::int32_t, 4096> wave_{};
  std::array<std::uint32_t, 3> phase_{}, step_{};
};

/// 16 bits where the encoder takes them.
AVSampleFormat sample_format_of(const AVCodec& codec) {
  if (codec.sample_fmts == nullptr) return AV_SAMPLE_FMT_S16;
  for (const auto* format = codec.sample_fmts; *format != AV_SAMPLE_FMT_NONE; ++format)
    if (av_get_packed_sample_fmt(*format) == AV_SAMPLE_FMT_S16) return *format;
  return codec.sample_fmts[0];
}

struct output_close {
  void operator()(AVFormatContext* x) const {
    if (x->pb != nullptr) avio_closep(&x->pb);
    avformat_free_context(x);
  }
};
struct codec_free {
  void operator()(AVCodecContext* x) const { avcodec_free_context(&x); }
};
struct packet_free {
  void operator()(AVPacket* x) const { av_packet_free(&x); }
};
struct frame_free {
  void operator()(AVFrame* x) const { av_frame_free(&x); }
};
struct resampler_free {
  void operator()(SwrContext* x) const { swr_free(&x); }
};

class encoder {
 public:
  explicit encoder(const audio_spec& spec) : spec_(spec), recipe_(recipe_of(spec.kind)) {}

  result<void> run() {
    if (auto opened = open(); !opened) return opened;
    synth sound(spec_.seed, rate_, spec_.channels);
    const auto total = static_cast<std::int64_t>(std::uint64_t{spec_.duration_ms} * rate_ / 1000);
    const int step = codec_->frame_size > 0 ? codec_->frame_size : block;
    std::vector<std::int32_t> samples;
    for (std::int64_t at = 0; at < total; at += step) {
      const auto take = static_cast<int>(std::min<std::int64_t>(step, total - at));
      sound.fill(samples, static_cast<std::size_t>(take));
      if (auto sent = encode_block(samples, take, at); !sent) return sent;
    }
    if (avcodec_send_frame(codec_.get(), nullptr) < 0) return problem("finish");
    if (auto rest = write_packets(); !rest) return rest;
    if (av_write_trailer(output_.get()) < 0) return problem("write the end of");
    return {};
  }

 private:
  tl::unexpected<error> problem(const char* what) const {
    return fail(std::string("Can't ") + what + " " + spec_.path + " with FFmpeg's " + recipe_.encoder);
  }

  result<void> open() {
    AVFormatContext* raw = nullptr;
    if (avformat_alloc_output_context2(&raw, nullptr, recipe_.muxer, spec_.path.c_str()) < 0)
      return problem("make");
    output_.reset(raw);
    raw->flags |= AVFMT_FLAG_BITEXACT;
    const AVCodec* codec = avcodec_find_encoder_by_name(recipe_.encoder);
    if (codec == nullptr) return problem("encode");
    codec_.reset(avcodec_alloc_context3(codec));
    rate_ = spec_.kind == audio_kind::opus ? 48000 : spec_.sample_rate_hz;
    codec_->sample_rate = static_cast<int>(rate_);
    codec_->bit_rate = spec_.kind == audio_kind::mp3 ? 192'000 : 128'000;
    if (spec_.kind == audio_kind::mp3) codec_->compression_level = 9;  // LAME's fastest
    codec_->sample_fmt = sample_format_of(*codec);
    if (spec_.bit_depth == 24) {
      codec_->sample_fmt = AV_SAMPLE_FMT_S32;
      codec_->bits_per_raw_sample = 24;
    }
    av_channel_layout_default(&codec_->ch_layout, static_cast<int>(spec_.channels));
    codec_->thread_count = 1;
    codec_->flags |= AV_CODEC_FLAG_BITEXACT;
    if ((raw->oformat->flags & AVFMT_GLOBALHEADER) != 0) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    AVStream* stream = avformat_new_stream(raw, nullptr);
    if (stream == nullptr || avcodec_open2(codec_.get(), codec, nullptr) < 0) return problem("encode");
    stream->time_base = {1, codec_->sample_rate};
    if (avcodec_parameters_from_context(stream->codecpar, codec_.get()) < 0 ||
        avio_open(&raw->pb, spec_.path.c_str(), AVIO_FLAG_WRITE) < 0 ||
        avformat_write_header(raw, nullptr) < 0)
      return problem("write");
    SwrContext* swr = nullptr;
    if (swr_alloc_set_opts2(&swr, &codec_->ch_layout, codec_->sample_fmt, codec_->sample_rate,
                            &codec_->ch_layout, AV_SAMPLE_FMT_S32, codec_->sample_rate, 0, nullptr) < 0 ||
        swr_init(swr) < 0)
      return problem("convert samples for");
    resampler_.reset(swr);
    return {};
  }

  result<void> encode_block(const std::vector<std::int32_t>& samples, int count, std::int64_t at) {
    const std::unique_ptr<AVFrame, frame_free> frame(av_frame_alloc());
    frame->nb_samples = count;
    frame->format = codec_->sample_fmt;
    frame->sample_rate = codec_->sample_rate;
    frame->pts = at;
    if (av_channel_layout_copy(&frame->ch_layout, &codec_->ch_layout) < 0 ||
        av_frame_get_buffer(frame.get(), 0) < 0)
      return problem("encode");
    const auto* in = reinterpret_cast<const std::uint8_t*>(samples.data());
    if (swr_convert(resampler_.get(), frame->extended_data, count, &in, count) != count ||
        avcodec_send_frame(codec_.get(), frame.get()) < 0)
      return problem("encode");
    return write_packets();
  }

  result<void> write_packets() {
    const std::unique_ptr<AVPacket, packet_free> packet(av_packet_alloc());
    while (avcodec_receive_packet(codec_.get(), packet.get()) >= 0) {
      av_packet_rescale_ts(packet.get(), {1, codec_->sample_rate}, output_->streams[0]->time_base);
      packet->stream_index = 0;
      if (av_interleaved_write_frame(output_.get(), packet.get()) < 0) return problem("write");
    }
    return {};
  }

  const audio_spec& spec_;
  recipe recipe_;
  std::uint32_t rate_ = 0;
  std::unique_ptr<AVFormatContext, output_close> output_;
  std::unique_ptr<AVCodecContext, codec_free> codec_;
  std::unique_ptr<SwrContext, resampler_free> resampler_;
};

}  // namespace

result<void> encode(const audio_spec& spec) {
  av_log_set_level(AV_LOG_ERROR);
  return encoder(spec).run();
}

}  // namespace vsf::test
