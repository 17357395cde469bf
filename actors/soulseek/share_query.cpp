#include "actors/soulseek/share_query.hpp"

#include <algorithm>

#include "actors/soulseek/share_text.hpp"

namespace vsf::soulseek {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

std::uint16_t pair_at(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(text[at]) << 8) |
                                    static_cast<unsigned char>(text[at + 1]));
}

void sort_unique(std::vector<std::string>& x) {
  std::ranges::sort(x);
  x.erase(std::unique(x.begin(), x.end()), x.end());
}

}  // namespace

share_query parse_query(std::string_view text, const share_query_limits& limits) {
  share_query out;
  if (text.size() > limits.max_query_bytes) {
    out.verdict = share_query::kind::too_long;
    return out;
  }
  auto folded = fold(text);
  // U+201C to U+201F are quotes, too.
  for (std::size_t at = 0; (at = folded.find("\xE2\x80", at)) != std::string::npos; ++at)
    if (at + 2 < folded.size() && folded[at + 2] >= '\x9C' && folded[at + 2] <= '\x9F')
      folded.replace(at, 3, " ");
  std::ranges::replace(folded, '"', ' ');
  std::string_view rest = folded;
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  if (count_characters(rest) < limits.min_characters) {
    out.verdict = share_query::kind::too_short;
    return out;
  }
  while (!rest.empty()) {
    const auto end = std::ranges::find_if(rest, is_space);
    const auto piece = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    rest.remove_prefix(std::min(piece.size() + 1, rest.size()));
    const char sign = piece.empty() ? ' ' : piece.front();
    bool ending = sign == '*';
    for (std::size_t at = 0;;) {
      const auto word = next_word(piece, at);
      if (word.empty()) break;
      auto& where = sign == '-' ? out.excluded : ending ? out.endings : out.words;
      where.emplace_back(word);
      ending = false;
    }
  }
  sort_unique(out.words);
  sort_unique(out.excluded);
  sort_unique(out.endings);
  if (out.words.size() + out.excluded.size() + out.endings.size() > limits.max_terms)
    out.verdict = share_query::kind::too_long;
  else if (!out.words.empty() || !out.endings.empty())
    out.verdict = share_query::kind::good;
  return out;
}

void phrase_list::set(const std::vector<std::string>& phrases, const share_query_limits& limits) {
  phrases_.clear();
  beginnings_.reset();
  short_ones_ = false;
  for (const auto& phrase : phrases) {
    if (phrases_.size() == limits.max_phrases) break;
    if (phrase.size() > limits.max_phrase_bytes) continue;
    auto text = fold(phrase);
    while (!text.empty() && is_space(text.back())) text.pop_back();
    text.erase(text.begin(), std::ranges::find_if_not(text, is_space));
    if (!text.empty()) phrases_.push_back(std::move(text));
  }
  sort_unique(phrases_);
  for (const auto& phrase : phrases_) {
    if (phrase.size() == 1)
      short_ones_ = true;
    else
      beginnings_.set(pair_at(phrase, 0));
  }
}

bool phrase_list::is_in(std::string_view folded) const {
  if (short_ones_ && std::ranges::any_of(phrases_, [&](const std::string& phrase) {
        return phrase.size() == 1 && folded.find(phrase) != std::string_view::npos;
      }))
    return true;
  for (std::size_t at = 0; at + 1 < folded.size(); ++at) {
    if (!beginnings_.test(pair_at(folded, at))) continue;
    const auto rest = folded.substr(at);
    const auto begin = rest.substr(0, 2);
    for (auto one = std::ranges::lower_bound(phrases_, begin, {},
                                             [](const std::string& x) { return std::string_view(x); });
         one != phrases_.end() && one->starts_with(begin); ++one)
      if (rest.starts_with(*one)) return true;
  }
  return false;
}

}  // namespace vsf::soulseek
