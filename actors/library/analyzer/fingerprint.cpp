extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/cpu.h>
#include <libswresample/swresample.h>
}
#include <chromaprint.h>

#include <algorithm>
#include <memory>

#include "actors/library/analyzer/analyze.hpp"

namespace vsf::library {
namespace {

constexpr int read_buffer = 64 * 1024;
constexpr int sample_rate = 11025;  // what Chromaprint works with
constexpr std::int64_t wanted_samples = std::int64_t{120} * sample_rate;
constexpr int max_packets = 200'000;

struct reader {
  const byte_source* source = nullptr;
  std::uint64_t at = 0;

  static int read(void* self, std::uint8_t* out, int size) {
    auto& r = *static_cast<reader*>(self);
    const auto got = r.source->read_at(r.at, {out, static_cast<std::size_t>(std::max(0, size))});
    r.at += got;
    return got == 0 ? AVERROR_EOF : static_cast<int>(got);
  }
  static std::int64_t seek(void* self, std::int64_t offset, int whence) {
    auto& r = *static_cast<reader*>(self);
    const auto size = static_cast<std::int64_t>(r.source->size());
    if ((whence & AVSEEK_SIZE) != 0) return size;
    const auto base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? static_cast<std::int64_t>(r.at) : size;
    std::int64_t to = 0;
    if (__builtin_add_overflow(base, offset, &to) || to < 0) return AVERROR(EINVAL);
    r.at = static_cast<std::uint64_t>(to);
    return to;
  }
};

struct io_free {
  void operator()(AVIOContext* x) const {
    av_freep(&x->buffer);
    avio_context_free(&x);
  }
};
struct input_close {
  void operator()(AVFormatContext* x) const { avformat_close_input(&x); }
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
struct chromaprint_end {
  void operator()(ChromaprintContext* x) const { chromaprint_free(x); }
};

/// Decodes the best audio stream to mono 16 bits at Chromaprint's rate and feeds it.
class decoder {
 public:
  explicit decoder(const byte_source& source) { reader_.source = &source; }

  fingerprint run() {
    if (!open_input() || !open_codec()) return {};
    print_.reset(chromaprint_new(CHROMAPRINT_ALGORITHM_DEFAULT));
    if (!print_ || chromaprint_start(print_.get(), sample_rate, 1) == 0) return {};
    decode_all();
    if (fed_ < sample_rate || chromaprint_finish(print_.get()) == 0) return {};
    char* text = nullptr;
    if (chromaprint_get_fingerprint(print_.get(), &text) == 0 || text == nullptr) return {};
    fingerprint out{text, {}};
    chromaprint_dealloc(text);
    std::uint32_t* raw = nullptr;
    int size = 0;
    if (chromaprint_get_raw_fingerprint(print_.get(), &raw, &size) == 0 || raw == nullptr) return out;
    out.sub_fingerprints.assign(raw, raw + std::max(0, size));
    chromaprint_dealloc(raw);
    return out;
  }

 private:
  bool open_input() {
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(read_buffer));
    if (buffer == nullptr) return false;
    io_.reset(avio_alloc_context(buffer, read_buffer, 0, &reader_, &reader::read, nullptr, &reader::seek));
    if (!io_) {
      av_free(buffer);
      return false;
    }
    AVFormatContext* raw = avformat_alloc_context();
    if (raw == nullptr) return false;
    raw->pb = io_.get();
    raw->flags |= AVFMT_FLAG_CUSTOM_IO;
    raw->probesize = 4 << 20;
    // Playlists and the like would open other files; only plain containers are tried, and no protocol exists.
    raw->format_whitelist = av_strdup("flac,mp3,ogg,mov,mp4,wav,aiff,ape,wv,mpc,mpc8");
    raw->protocol_whitelist = av_strdup("none");
    if (avformat_open_input(&raw, nullptr, nullptr, nullptr) < 0) return false;  // frees raw when it fails
    input_.reset(raw);
    return avformat_find_stream_info(raw, nullptr) >= 0;
  }

  bool open_codec() {
    const AVCodec* codec = nullptr;
    stream_ = av_find_best_stream(input_.get(), AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
    if (stream_ < 0 || codec == nullptr) return false;
    codec_.reset(avcodec_alloc_context3(codec));
    if (!codec_) return false;
    codec_->thread_count = 1;
    return avcodec_parameters_to_context(codec_.get(), input_->streams[stream_]->codecpar) >= 0 &&
           avcodec_open2(codec_.get(), codec, nullptr) >= 0;
  }

  bool open_resampler(const AVFrame& frame) {
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    AVChannelLayout in{};
    if (frame.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
      av_channel_layout_default(&in, frame.ch_layout.nb_channels);
    else if (av_channel_layout_copy(&in, &frame.ch_layout) < 0)
      return false;
    SwrContext* raw = nullptr;
    const int made =
        swr_alloc_set_opts2(&raw, &mono, AV_SAMPLE_FMT_S16, sample_rate, &in,
                            static_cast<AVSampleFormat>(frame.format), frame.sample_rate, 0, nullptr);
    av_channel_layout_uninit(&in);
    resampler_.reset(raw);
    rate_ = frame.sample_rate;
    format_ = frame.format;
    channels_ = frame.ch_layout.nb_channels;
    return made >= 0 && swr_init(raw) >= 0;
  }

  /// false: enough, or no use going on.
  bool feed(const AVFrame& frame) {
    if (frame.sample_rate <= 0 || frame.nb_samples <= 0 || frame.ch_layout.nb_channels <= 0) return true;
    const bool same = resampler_ && rate_ == frame.sample_rate && format_ == frame.format &&
                      channels_ == frame.ch_layout.nb_channels;
    if (!same && !open_resampler(frame)) return false;
    const int room = swr_get_out_samples(resampler_.get(), frame.nb_samples);
    if (room <= 0 || room > 64 * 1024 * 1024) return false;
    samples_.resize(static_cast<std::size_t>(room));
    auto* out = reinterpret_cast<std::uint8_t*>(samples_.data());
    const int got = swr_convert(resampler_.get(), &out, room,
                                const_cast<const std::uint8_t**>(frame.extended_data), frame.nb_samples);
    if (got < 0) return false;
    const auto take = std::min<std::int64_t>(got, wanted_samples - fed_);
    if (take > 0 && chromaprint_feed(print_.get(), samples_.data(), static_cast<int>(take)) == 0)
      return false;
    fed_ += take;
    return fed_ < wanted_samples;
  }

  void decode_all() {
    const std::unique_ptr<AVPacket, packet_free> packet(av_packet_alloc());
    const std::unique_ptr<AVFrame, frame_free> frame(av_frame_alloc());
    if (!packet || !frame) return;
    bool more = true;
    for (int n = 0; more && n < max_packets; ++n) {
      const bool read = av_read_frame(input_.get(), packet.get()) >= 0;
      if (read && packet->stream_index != stream_) {
        av_packet_unref(packet.get());
        continue;
      }
      const int sent = avcodec_send_packet(codec_.get(), read ? packet.get() : nullptr);
      av_packet_unref(packet.get());
      while (more && sent >= 0 && avcodec_receive_frame(codec_.get(), frame.get()) >= 0) {
        more = feed(*frame);
        av_frame_unref(frame.get());
      }
      if (!read) return;
    }
  }

  reader reader_;
  std::unique_ptr<AVIOContext, io_free> io_;
  std::unique_ptr<AVFormatContext, input_close> input_;
  std::unique_ptr<AVCodecContext, codec_free> codec_;
  std::unique_ptr<SwrContext, resampler_free> resampler_;
  std::unique_ptr<ChromaprintContext, chromaprint_end> print_;
  std::vector<std::int16_t> samples_;
  int stream_ = -1, rate_ = 0, format_ = -1, channels_ = 0;
  std::int64_t fed_ = 0;
};

/// A second of silence as WAV.
bytes silence() {
  constexpr std::uint32_t data_bytes = sample_rate * 2;
  bytes out{'R', 'I', 'F', 'F', 0,  0, 0,   0,   'W', 'A',  'V',  'E', 'f', 'm',  't',
            ' ', 16,  0,   0,   0,  1, 0,   1,   0,   0x11, 0x2B, 0,   0,   0x22, 0x56,
            0,   0,   2,   0,   16, 0, 'd', 'a', 't', 'a',  0,    0,   0,   0};
  for (std::size_t i = 0; i < 4; ++i) {
    out[4 + i] = static_cast<std::uint8_t>((data_bytes + 36) >> (8 * i));
    out[40 + i] = static_cast<std::uint8_t>(data_bytes >> (8 * i));
  }
  out.resize(44 + data_bytes);
  return out;
}

}  // namespace

fingerprint fingerprint_of(const byte_source& source) { return decoder(source).run(); }

void warm_up_decoders() {
  av_log_set_level(AV_LOG_QUIET);
  av_cpu_count();
  const auto wav = silence();
  fingerprint_of(memory_source(wav));
}

}  // namespace vsf::library
