#include <algorithm>
#include <deque>

#include "actors/soulseek/share_query.hpp"
#include "actors/soulseek/share_text.hpp"

namespace vsf::soulseek {
namespace {

// Up to so many candidates are tried one by one; more are brought down by bitmaps first.
constexpr std::uint32_t few = 1024;
// Endings beyond these are looked for in the paths of what the other terms find.
constexpr std::size_t endings_looked_up = 4;

}  // namespace

/// One thing all results have: a word's files or those of all words with an ending.
struct share_search::plan {
  struct term {
    const posting* word = nullptr;
    const Roaring* ending = nullptr;
    std::uint32_t count = 0;
    bool contains(share_file_id id) const { return word ? word->contains(id) : ending->contains(id); }
  };
  std::vector<term> terms;  // the rarest first
  std::vector<const posting*> excluded;
  std::vector<std::string> endings;  // to be looked for in the paths
  std::deque<Roaring> room;          // of the endings
  bool cut = false;
};

share_search::share_search(const share_index& index, share_query_limits limits)
    : index_(&index), limits_(limits) {}

void share_search::set_excluded_phrases(const std::vector<std::string>& phrases) {
  phrases_.set(phrases, limits_);
  const auto over = [&](const std::string& x) { return x.size() > limits_.max_phrase_bytes; };
  const auto long_ones = static_cast<std::size_t>(std::ranges::count_if(phrases, over));
  const auto rest = phrases.size() - long_ones;
  counters_.phrases_dropped += long_ones + (rest > limits_.max_phrases ? rest - limits_.max_phrases : 0);
}

/// False: nothing can match.
bool share_search::add_ending(const std::string& ending, bool other_words, plan& out) {
  if (other_words && out.room.size() == endings_looked_up) {
    out.endings.push_back(ending);
    return true;
  }
  std::vector<std::uint32_t> found;
  const bool all = index_->words().find_endings(ending, limits_.max_ending_words, found);
  if (found.empty()) return false;
  if (!all && other_words) {
    out.endings.push_back(ending);
    return true;
  }
  out.cut = out.cut || !all;
  auto& files = out.room.emplace_back();
  Roaring room;
  for (const auto word : found) files |= index_->words().files(word).bitmap(room);
  out.terms.push_back({nullptr, &files, static_cast<std::uint32_t>(files.cardinality())});
  return true;
}

bool share_search::make_plan(const share_query& query, plan& out) {
  const auto& words = index_->words();
  for (const auto& text : query.words) {
    const auto id = words.find(text);
    if (id == no_id) return false;
    const auto& files = words.files(id);
    out.terms.push_back({&files, nullptr, files.count()});
  }
  for (const auto& ending : query.endings)
    if (!add_ending(ending, !out.terms.empty(), out)) return false;
  for (const auto& text : query.excluded)
    if (const auto id = words.find(text); id != no_id) out.excluded.push_back(&words.files(id));
  std::ranges::stable_sort(out.terms, {}, &plan::term::count);
  return true;
}

/// Whether what only the path itself tells allows a result.
bool share_search::accept(share_file_id file, const plan& work) {
  if (phrases_.empty() && work.endings.empty()) return true;
  path_.clear();
  folded_.clear();
  index_->append_path(file, path_);
  fold_onto(folded_, path_);
  for (const auto& ending : work.endings) {
    bool found = false;
    for (std::size_t at = 0; !found;) {
      const auto word = next_word(folded_, at);
      if (word.empty()) return false;
      found = word.ends_with(ending);
    }
  }
  if (!phrases_.is_in(folded_)) return true;
  ++counters_.hidden;
  return false;
}

void share_search::collect_few(const plan& work, bool buddy, std::size_t max_results, share_matches& out) {
  const bool reads = !phrases_.empty() || !work.endings.empty();
  std::size_t examined = 0;
  const auto& first = work.terms.front();
  const auto take = [&](share_file_id id) {
    const bool private_one = index_->for_buddies(id);
    if (private_one && !buddy) return true;
    auto& to = private_one ? out.buddies : out.everyone;
    if (to.size() == max_results) return true;
    for (std::size_t i = 1; i < work.terms.size(); ++i)
      if (!work.terms[i].contains(id)) return true;
    if (std::ranges::any_of(work.excluded, [&](const posting* p) { return p->contains(id); })) return true;
    if (reads && ++examined > limits_.max_examined) {
      out.cut = true;
      return false;
    }
    if (accept(id, work)) to.push_back(id);
    return true;
  };
  if (first.word)
    first.word->for_each(take);
  else
    for (const auto id : *first.ending)
      if (!take(id)) break;
}

void share_search::collect_many(const plan& work, bool buddy, std::size_t max_results, share_matches& out) {
  Roaring room;
  const auto bitmap = [&](const plan::term& one) -> const Roaring& {
    return one.word ? one.word->bitmap(room) : *one.ending;
  };
  Roaring found = bitmap(work.terms.front());
  for (std::size_t i = 1; i < work.terms.size() && !found.isEmpty(); ++i) found &= bitmap(work.terms[i]);
  for (const auto* words : work.excluded) found -= words->bitmap(room);
  const bool reads = !phrases_.empty() || !work.endings.empty();
  std::size_t examined = 0;
  const auto collect = [&](const Roaring& from, std::vector<share_file_id>& to) {
    for (const auto id : from) {
      if (to.size() == max_results) break;
      if (reads && ++examined > limits_.max_examined) {
        out.cut = true;
        break;
      }
      if (accept(id, work)) to.push_back(id);
    }
  };
  if (index_->buddies_files().isEmpty()) {
    collect(found, out.everyone);
    return;
  }
  collect(found - index_->buddies_files(), out.everyone);
  if (buddy && out.everyone.size() < max_results) collect(found & index_->buddies_files(), out.buddies);
}

share_matches share_search::match(std::string_view text, bool buddy, std::size_t max_results) {
  ++counters_.queries;
  share_matches out;
  const auto query = parse_query(text, limits_);
  switch (query.verdict) {
    case share_query::kind::too_short:
      ++counters_.too_short;
      return out;
    case share_query::kind::too_long:
      ++counters_.too_long;
      return out;
    case share_query::kind::no_words:
      ++counters_.no_words;
      return out;
    case share_query::kind::good:
      break;
  }
  plan work;
  if (max_results == 0 || !make_plan(query, work)) return out;
  if (work.terms.front().count <= few)
    collect_few(work, buddy, max_results, out);
  else
    collect_many(work, buddy, max_results, out);
  if (out.everyone.size() + out.buddies.size() > max_results)
    out.buddies.resize(max_results - out.everyone.size());
  out.cut = out.cut || work.cut;
  counters_.cut += out.cut ? 1U : 0U;
  counters_.matched += out.empty() ? 0U : 1U;
  return out;
}

}  // namespace vsf::soulseek
