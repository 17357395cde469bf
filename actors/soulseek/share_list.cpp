#include "actors/soulseek/share_list.hpp"

#include <algorithm>
#include <utility>

namespace vsf::soulseek {

attributes wire_attributes(const share_attributes& of) {
  const auto said = [](auto value) {
    return value == 0 ? std::optional<std::uint32_t>{} : static_cast<std::uint32_t>(value);
  };
  attributes out;
  out.bitrate = said(of.bitrate_kbps);
  out.duration = said(of.duration_s);
  if (of.vbr) out.vbr = 1;
  out.sample_rate = said(of.sample_rate_hz);
  out.bit_depth = said(of.bit_depth);
  return out;
}

share_list_maker::share_list_maker(const share_index& index, bool buddy)
    : index_(&index),
      then_(buddy ? std::optional(share_audience::buddies) : std::nullopt),
      browser_(index, share_audience::everyone),
      pieces_(std::make_shared<std::vector<frame>>()),
      writer_(index.counts().folders, buddy ? std::optional(index.counts().buddies_folders) : std::nullopt,
              [into = pieces_.get()](byte_view part) { into->push_back(frame::copy_of(part)); }) {}

bool share_list_maker::next_folder() {
  while (!browser_.next()) {
    if (browser_.stale() || !then_) return false;
    browser_ = share_browser(*index_, *std::exchange(then_, std::nullopt));
  }
  writer_.begin_folder(browser_.path(), browser_.count());
  place_ = 0;
  return true;
}

bool share_list_maker::step(std::size_t files) {
  for (auto left = files; left > 0;) {
    if (stale()) return false;
    if (!in_folder_ && !next_folder()) return false;
    const auto before = place_;
    in_folder_ = browser_.for_some_files(place_, left, [&](std::string_view name, const share_file& shared) {
      file f;
      f.name = std::string(name);
      f.size = shared.size_bytes;
      f.attrs = wire_attributes(shared.attributes);
      writer_.add_file(f);
    });
    left -= std::min(left, place_ - before + 1);
  }
  return true;
}

shared_bytes share_list_maker::take() {
  auto head = shares_writer::header(writer_.finish());
  return shared_bytes(std::move(head), std::move(pieces_));
}

std::optional<shared_bytes> share_lists::ask(const std::string& user, bool buddy, nanoseconds now) {
  auto& r = rows_[buddy ? 1 : 0];
  if (r.message && r.revision == index_->revision()) {
    r.last_use = now;
    return r.message;
  }
  if (std::ranges::find(r.askers, user) != r.askers.end()) return std::nullopt;
  if (r.askers.size() >= max_askers) {
    ++refused_;
    return std::nullopt;
  }
  r.message = {};
  r.askers.push_back(user);
  return std::nullopt;
}

bool share_lists::busy(nanoseconds now) const {
  return std::ranges::any_of(rows_, [&](const row& r) { return !r.askers.empty() && r.not_before <= now; });
}

std::vector<share_lists::ready> share_lists::turn(nanoseconds now) {
  std::vector<ready> out;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    auto& r = rows_[i];
    if (r.askers.empty() || r.not_before > now) continue;
    if (!r.maker) r.maker.emplace(*index_, i == 1);
    if (r.maker->step(files_of_a_turn)) break;
    if (r.maker->stale()) {
      r.maker.reset();
      r.not_before = now + after_change;
      continue;
    }
    r.message = r.maker->take();
    r.revision = index_->revision();
    r.last_use = now;
    r.maker.reset();
    ++made_;
    for (auto& user : std::exchange(r.askers, {})) out.push_back({std::move(user), r.message});
  }
  return out;
}

void share_lists::on_alarm(nanoseconds now) {
  for (auto& r : rows_)
    if (r.message && r.last_use + kept <= now) r.message = {};
}

std::optional<nanoseconds> share_lists::next_deadline() const {
  auto first = nanoseconds::max();
  for (const auto& r : rows_) {
    if (!r.askers.empty()) first = std::min(first, r.not_before);
    if (r.message) first = std::min(first, r.last_use + kept);
  }
  if (first == nanoseconds::max()) return std::nullopt;
  return first;
}

}  // namespace vsf::soulseek
