#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// Text as the share index compares it.
namespace vsf::soulseek {

/// Longer words are cut there, in paths and queries alike.
inline constexpr std::size_t max_word_bytes = 255;

/// Appends the form in which paths, queries and phrases are compared: Unicode's NFKC_Casefold, so that upper
/// and lower case, composed and decomposed letters, and full-width forms are the same. Malformed UTF-8
/// becomes U+FFFD.
void fold_onto(std::string& out, std::string_view text);
std::string fold(std::string_view text);

/// The next word of a folded text at or after `at`, which moves behind it; empty when there is none. A word
/// is a run of letters, marks and numbers; everything else separates.
std::string_view next_word(std::string_view folded, std::size_t& at);

/// Characters (code points); a malformed sequence counts as one.
std::size_t count_characters(std::string_view text);

/// A file name as it can be told to others: what is not UTF-8 is read as Latin-1, and a backslash, which
/// separates folders there, becomes U+2216.
std::string shareable_name(std::string_view name);

}  // namespace vsf::soulseek
