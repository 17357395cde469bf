#include "actors/soulseek/wishes.hpp"

#include <algorithm>

#include "actors/soulseek/transfer_naming.hpp"

namespace vsf::soulseek {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (static_cast<unsigned char>(c) & 0x80U) != 0;
}

/// As a whole word: "live" is in "Live at X", not in "Oliver".
bool has_word(const std::string& path, const std::string& word) {
  for (auto at = path.find(word); at != std::string::npos; at = path.find(word, at + 1)) {
    const bool begins = at == 0 || !is_letter(path[at - 1]);
    const auto end = at + word.size();
    if (begins && (end == path.size() || !is_letter(path[end]))) return true;
  }
  return false;
}

bool has_extension(const std::string& path, std::string_view wanted) {
  if (wanted.starts_with('.')) wanted.remove_prefix(1);
  return path.size() > wanted.size() && path.ends_with(wanted) &&
         path[path.size() - wanted.size() - 1] == '.';
}

}  // namespace

bool fits(const file& what, bool slot_free, const fb::SoulseekWishRulesT& rules) {
  const auto path = lower(what.name);
  if (rules.free_slot && !slot_free) return false;
  if (what.size < std::max<std::uint64_t>(rules.min_size, 1)) return false;
  if (rules.max_size != 0 && what.size > rules.max_size) return false;
  // Who asks for a bitrate doesn't want one that nobody knows; a lossless file seldom says one.
  if (rules.min_bitrate_kbps != 0 && what.attrs.bitrate.value_or(0) < rules.min_bitrate_kbps &&
      !what.attrs.bit_depth)
    return false;
  if (!rules.extensions.empty() &&
      std::none_of(rules.extensions.begin(), rules.extensions.end(),
                   [&](const std::string& x) { return has_extension(path, lower(x)); }))
    return false;
  return std::none_of(rules.without.begin(), rules.without.end(),
                      [&](const std::string& word) { return has_word(path, lower(word)); });
}

void wishes::restore(kept stored) {
  if (stored.wish == 0 || stored.text.empty() || rows_.contains(stored.wish) ||
      rows_.size() >= options_.wishes)
    return;
  last_id_ = std::max(last_id_, stored.wish);
  auto& r = rows_[stored.wish];
  r.text = stored.text;
  if (stored.download) r.download = *stored.download;
  for (const auto& t : stored.taken)
    if (t && r.taken.size() < options_.most_downloads) r.taken.emplace(t->name, t->size);
}

void wishes::keep(wish_id id, social_effects& out) const {
  const auto& r = rows_.at(id);
  kept stored;
  stored.wish = id;
  stored.text = r.text;
  if (r.download) stored.download = std::make_unique<rules>(*r.download);
  for (const auto& [name, size] : r.taken) {
    stored.taken.push_back(std::make_unique<fb::SoulseekTakenFileT>());
    stored.taken.back()->name = name;
    stored.taken.back()->size = size;
  }
  out.emplace_back(keep_social{{social_row(std::move(stored))}});
}

result<void> wishes::check(const rules& r) const {
  const auto words = [&](const std::vector<std::string>& list) {
    return list.size() <= options_.rule_words &&
           std::all_of(list.begin(), list.end(), [&](const std::string& x) {
             return !x.empty() && x.size() <= options_.rule_word_bytes;
           });
  };
  if (!words(r.extensions) || !words(r.without))
    return fail("A rule names at most " + std::to_string(options_.rule_words) + " words of 1 to " +
                std::to_string(options_.rule_word_bytes) + " bytes.");
  if (r.max_downloads == 0 || r.max_downloads > options_.most_downloads)
    return fail("max_downloads is a number from 1 to " + std::to_string(options_.most_downloads) + ".");
  if (r.max_size != 0 && r.max_size < r.min_size) return fail("max_size is less than min_size.");
  return {};
}

result<wishes::added> wishes::add(const std::string& text, const rules* download, social_effects& out) {
  if (text.empty() || text.size() > options_.text_bytes)
    return fail("The text of a wish has 1 to " + std::to_string(options_.text_bytes) + " bytes.");
  if (download != nullptr)
    if (const auto fit = check(*download); !fit) return tl::unexpected(fit.error());
  added what;
  const auto same =
      std::find_if(rows_.begin(), rows_.end(), [&](const auto& r) { return r.second.text == text; });
  if (same != rows_.end()) {
    what.id = same->first;
  } else {
    if (rows_.size() >= options_.wishes)
      return fail("There are " + std::to_string(options_.wishes) + " wishes already. Remove one first.");
    what = {++last_id_, true};
    rows_[what.id].text = text;
  }
  auto& r = rows_.at(what.id);
  r.download = download == nullptr ? std::optional<rules>() : *download;
  keep(what.id, out);
  return what;
}

void wishes::begun(wish_id id, std::uint32_t token) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return;
  by_token_.erase(it->second.token);
  it->second.token = token;
  by_token_[token] = id;
}

std::optional<std::uint32_t> wishes::erase(wish_id id, social_effects& out) {
  const auto it = rows_.find(id);
  if (it == rows_.end()) return std::nullopt;
  const auto token = it->second.token;
  kept key;
  key.wish = id;
  out.emplace_back(forget_social{{social_row(std::move(key))}});
  by_token_.erase(token);
  rows_.erase(it);
  return token;
}

std::vector<wishes::pick> wishes::choose(std::uint32_t token, const std::string& user,
                                         const user_results& has) {
  std::vector<pick> out;
  const auto id = by_token_.find(token);
  if (id == by_token_.end()) return out;
  const auto& r = rows_.at(id->second);
  if (!r.download) return out;
  auto seen = r.taken;
  // Files that are for chosen users only would be refused.
  for (const auto& f : has.files) {
    if (seen.size() >= r.download->max_downloads) break;
    if (!fits(f, has.slot_free, *r.download)) {
      ++counters_.unfit;
      continue;
    }
    if (!seen.emplace(lower(remote_name(f.name)), f.size).second) continue;
    out.push_back({id->second, user, f});
  }
  return out;
}

void wishes::took(const pick& what, social_effects& out) {
  const auto it = rows_.find(what.wish);
  if (it == rows_.end()) return;
  it->second.taken.emplace(lower(remote_name(what.what.name)), what.what.size);
  ++counters_.picked;
  keep(what.wish, out);
  out.emplace_back(social_event{"soulseek/wish/" + it->second.text,
                                "downloads by its rules from " + what.user + ": " + what.what.name});
}

fb::SoulseekWishT wishes::describe(wish_id id, const searches& all, std::uint64_t unix_ms,
                                   nanoseconds now) const {
  const auto& r = rows_.at(id);
  fb::SoulseekWishT out;
  out.wish = id;
  out.text = r.text;
  out.search = r.token;
  out.downloaded = static_cast<std::uint32_t>(r.taken.size());
  if (r.download) out.download = std::make_unique<rules>(*r.download);
  const auto* search = all.find(r.token);
  if (search == nullptr) return out;
  out.users = static_cast<std::uint32_t>(search->users.size());
  out.files = static_cast<std::uint32_t>(search->files);
  if (search->at != search_row::state::waiting)
    out.searched_ms =
        unix_ms - std::min<std::uint64_t>(unix_ms, static_cast<std::uint64_t>((now - search->begun) /
                                                                              std::chrono::milliseconds(1)));
  return out;
}

std::vector<wishes::wish_id> wishes::ids() const {
  std::vector<wish_id> out;
  for (const auto& [id, r] : rows_) out.push_back(id);
  return out;
}

}  // namespace vsf::soulseek
