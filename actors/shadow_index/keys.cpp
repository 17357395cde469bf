#include "actors/shadow_index/keys.hpp"

#include <memory>
#include <stdexcept>

#include <unicode/normalizer2.h>
#include <unicode/translit.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "net/crypto/crypto.hpp"

namespace vsf::shadow_index {
namespace {

constexpr char name_separator = 0x1f;

dht_key key_of(std::string_view prefix, std::string_view text) {
  std::string whole;
  whole.reserve(prefix.size() + text.size());
  whole.append(prefix).append(text);
  return crypto::sha1(crypto::as_bytes(whole));
}

const icu::Normalizer2& nfkc() {
  UErrorCode status = U_ZERO_ERROR;
  const auto* instance = icu::Normalizer2::getNFKCInstance(status);
  if (U_FAILURE(status)) throw std::runtime_error("ICU has no NFKC data; install libicu completely");
  return *instance;
}

// Made once: opening it reads tables for some milliseconds. Transliterating is const and safe from any
// thread.
const icu::Transliterator& to_ascii() {
  static const std::unique_ptr<icu::Transliterator> instance = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::Transliterator> made(icu::Transliterator::createInstance(
        icu::UnicodeString::fromUTF8("Any-Latin; Latin-ASCII"), UTRANS_FORWARD, status));
    if (U_FAILURE(status) || !made)
      throw std::runtime_error("ICU has no transliteration data; install libicu completely");
    return made;
  }();
  return *instance;
}

dht_key joined_key(const std::string& artist, const std::string& title) {
  return key_of("vsf-name-v1:", artist + name_separator + title);
}

}  // namespace

dht_key recording_key(const mbid& recording) {
  return key_of("slskdn-vsf-mbid-recording-v1:", to_string(recording));
}

dht_key release_key(const mbid& release) { return key_of("slskdn-vsf-mbid-release-v1:", to_string(release)); }

dht_key scene_key(std::string_view scene_id) { return key_of("slskdn-vsf-scene-v1:", scene_id); }

std::string normalise_name(std::string_view text) {
  const auto raw =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString folded = nfkc().normalize(raw, status);
  if (U_FAILURE(status)) return {};
  folded.foldCase(U_FOLD_CASE_DEFAULT);
  to_ascii().transliterate(folded);
  icu::UnicodeString kept;
  for (int32_t i = 0; i < folded.length();) {
    const UChar32 c = folded.char32At(i);
    i += U16_LENGTH(c);
    if (u_isalnum(c)) kept.append(c);
  }
  std::string out;
  kept.toUTF8String(out);
  return out;
}

dht_key name_key(std::string_view artist, std::string_view title) {
  if (title.empty()) return key_of("vsf-name-v1:", normalise_name(artist));
  if (artist.empty()) return key_of("vsf-name-v1:", normalise_name(title));
  return joined_key(normalise_name(artist), normalise_name(title));
}

std::vector<dht_key> name_keys(std::string_view artist, std::string_view title) {
  const auto a = normalise_name(artist);
  const auto t = normalise_name(title);
  std::vector<dht_key> out;
  if (!a.empty() && !t.empty()) out.push_back(joined_key(a, t));
  if (!a.empty()) out.push_back(key_of("vsf-name-v1:", a));
  if (!t.empty() && t != a) out.push_back(key_of("vsf-name-v1:", t));
  return out;
}

}  // namespace vsf::shadow_index
