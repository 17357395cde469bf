#include "actors/library/fingerprint_pass.hpp"

#include "actors/library/sketch.hpp"

namespace vsf::library {
namespace {

constexpr std::size_t seen_per_step = 512;

/// Only what others can get needs a sketch.
bool wants_sketch(const fb::FileEntry& entry) {
  return !entry.fingerprinted() && (entry.problem() == nullptr || entry.problem()->size() == 0) &&
         entry.recording() != nullptr && entry.root() != nullptr && entry.sha256() != nullptr;
}

}  // namespace

void fingerprint_pass::begin() {
  running_ = true;
  from_.clear();
}

std::optional<analysis> fingerprint_pass::take_order() {
  if (!running_ || flying_) return std::nullopt;
  std::size_t seen = 0;
  bool more = false;
  const auto done = store_.for_each(
      [&](const record<fb::FileEntry>& entry) {
        const auto path = string_of(entry->path());
        if (++seen > seen_per_step) {
          from_ = path;
          more = true;
          return false;
        }
        if (!wants_sketch(*entry)) return true;
        flying_ = analysis{next_id_++, path};
        from_ = path + '\0';  // the next in order
        return false;
      },
      from_);
  if (!done) ++counters_.store_errors;
  if (!flying_ && !more) running_ = false;
  return flying_;
}

std::optional<mbid> fingerprint_pass::analyzed(std::uint64_t id, const result<record<fb::FileEntry>>& found) {
  if (!flying_ || flying_->id != id) return std::nullopt;
  const auto path = flying_->path;
  flying_.reset();
  if (!found) {
    ++counters_.put_off;
    return std::nullopt;
  }
  const auto stored = store_.get(path);
  if (!stored) ++counters_.store_errors;
  // A file that changed meanwhile is the next scan's.
  if (!stored || !*stored || (**stored)->size() != (*found)->size() ||
      (**stored)->mtime_ns() != (*found)->mtime_ns())
    return std::nullopt;
  auto entry = (*stored)->unpack();
  const auto heard = found->unpack();
  keep_sketch(heard, entry);
  entry.fingerprinted = true;
  ++(entry.sketch ? counters_.fingerprinted : counters_.without);
  if (!store_.put(entry)) ++counters_.store_errors;
  if (!entry.sketch || !entry.recording) return std::nullopt;
  return from_fb<mbid>(*entry.recording);
}

}  // namespace vsf::library
