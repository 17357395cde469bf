// Measures the index of Soulseek shares: memory a file, matching, browsing, single changes, and the listing
// of real folders. Times are of the processor, where nothing else is said. Arguments: files of the large
// index (default 1000000); with --process the index of 100,000 files alone and the size of the process; with
// --scan FOLDER a listing of that folder.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "actors/library/walker.hpp"
#include "actors/soulseek/share_browse.hpp"
#include "actors/soulseek/share_query.hpp"
#include "actors/soulseek/share_scan.hpp"

namespace vsf::soulseek {
namespace {

using steady = std::chrono::steady_clock;

double since(steady::time_point from) { return std::chrono::duration<double>(steady::now() - from).count(); }

/// Processor time of this process, all of one thread: what others do on the machine doesn't count.
double cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// KiB of memory the process has (RssAnon and all) or had at most (VmHWM).
long memory_kib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field + ":")) return std::atol(line.c_str() + field.size() + 1);
  return 0;
}

struct dice {
  std::uint64_t state;
  std::uint64_t next() {
    auto z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
};

/// A vocabulary whose n-th word is as frequent as Zipf says (exponent 1), drawn by the inverse of the sum.
class vocabulary {
 public:
  vocabulary(std::uint64_t seed, std::size_t n) {
    dice d{seed};
    const std::string consonants = "bcdfghklmnprstvw", vowels = "aeiou";
    for (std::size_t i = 0; i < n; ++i) {
      std::string word;
      for (auto syllables = 1 + d.below(3) + (i > 200 ? 1 : 0); syllables > 0; --syllables) {
        word += consonants[d.below(consonants.size())];
        word += vowels[d.below(vowels.size())];
        if (d.below(3) == 0) word += consonants[d.below(consonants.size())];
      }
      if (i % 17 == 16) word += "\u00E9";  // every script is somebody's everyday one
      if (i % 29 == 28) word = "\u043A\u0438\u043D" + word;
      words_.push_back(word);
    }
  }
  const std::string& draw(dice& d) const {
    const auto at = std::exp(d.unit() * std::log(static_cast<double>(words_.size()))) - 1;
    return words_[std::min(words_.size() - 1, static_cast<std::size_t>(at))];
  }

 private:
  std::vector<std::string> words_;
};

std::string title(dice& d, const vocabulary& words, std::size_t most) {
  std::string out;
  for (auto n = 1 + d.below(most); n > 0; --n) {
    auto word = words.draw(d);
    word[0] = static_cast<char>(word[0] >= 'a' && word[0] <= 'z' ? word[0] - 32 : word[0]);
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

/// A collection: artists with some albums each, albums of a dozen tracks, a cover and at times a log.
template <class Give>
void make_collection(std::size_t files, const std::string& alias, Give give) {
  dice d{7};
  const vocabulary words(1, 60'000);
  share_file file;
  std::size_t made = 0;
  while (made < files) {
    const auto artist = title(d, words, 3);
    for (auto albums = 1 + d.below(8); albums > 0 && made < files; --albums) {
      const bool lossless = d.below(3) == 0;
      const auto folder = alias + "\\" + artist + "\\" + std::to_string(1960 + d.below(65)) + " - " +
                          title(d, words, 4) + (lossless ? " [FLAC]" : "");
      const auto tracks = 8 + d.below(8);
      for (std::uint64_t track = 1; track <= tracks && made < files; ++track, ++made) {
        auto name = (track < 10 ? "0" : "") + std::to_string(track) + " - " +
                    (d.below(4) == 0 ? artist + " - " : "") + title(d, words, 5) +
                    (lossless ? ".flac" : ".mp3");
        file.size_bytes = 4'000'000 + d.below(30'000'000);
        file.attributes = {lossless ? 0 : 320U, static_cast<std::uint32_t>(120 + d.below(300)),
                           lossless ? 44'100U : 0, static_cast<std::uint8_t>(lossless ? 16 : 0), false};
        give(folder + "\\" + name, file);
      }
      file.attributes = {};
      if (made < files && ++made > 0) give(folder + "\\cover.jpg", file);
    }
  }
}

void percentiles(const char* what, std::vector<double>& us, std::size_t found) {
  std::ranges::sort(us);
  const auto at = [&](double part) {
    return us[static_cast<std::size_t>(part * static_cast<double>(us.size() - 1))];
  };
  std::printf("  %-46s median %7.1f us, p99 %8.1f, most %8.1f; results %zu a query\n", what, at(0.5),
              at(0.99), us.back(), found / us.size());
}

/// Queries made by `query(d)`, with the paths of the results put together as an answer needs them.
template <class Query>
void match(share_index& index, const char* what, int n, Query query,
           const std::vector<std::string>& phrases = {}) {
  share_search search(index);
  search.set_excluded_phrases(phrases);
  dice d{99};
  std::vector<double> us;
  std::size_t found = 0, length = 0;
  std::string path;
  for (int i = 0; i < n; ++i) {
    const auto text = query(d);
    const auto began = cpu_s();
    const auto matches = search.match(text, false);
    for (const auto id : matches.everyone) {
      path.clear();
      index.append_path(id, path);
      length += path.size();
    }
    us.push_back(1e6 * (cpu_s() - began));
    found += matches.everyone.size();
  }
  percentiles(what, us, found);
  if (length == 1) std::puts("");
}

void match_all(share_index& index) {
  const vocabulary words(1, 60'000);
  const auto any_file = [&](dice& d) {
    return index.path(static_cast<share_file_id>(d.below(index.end_id())));
  };
  const auto from_path = [&](dice& d) {
    const auto path = any_file(d);
    const auto first = path.find('\\') + 1;
    const auto second = path.find('\\', first) + 1;
    return path.substr(first, path.find(' ', first) - first) + " " +
           path.substr(path.rfind(' ') + 1, path.rfind('.') - path.rfind(' ') - 1) + (second == 1 ? " " : "");
  };
  match(index, "2 words of a shared file (artist, title)", 5000, from_path);
  match(index, "2 words by frequency", 5000, [&](dice& d) { return words.draw(d) + " " + words.draw(d); });
  match(index, "2 of the 20 most frequent words", 2000, [&](dice& d) {
    const auto one = [&] {
      return std::string(d.below(2) == 0 ? "flac" : d.below(2) == 0 ? "mp3" : words.draw(d));
    };
    return one() + " " + one();
  });
  match(index, "artist and a word nobody has", 5000,
        [&](dice& d) { return words.draw(d) + " zzyzx" + std::to_string(d.below(9)); });
  match(index, "a word, an exclusion, an ending", 2000,
        [&](dice& d) { return words.draw(d) + " -flac *" + words.draw(d).substr(1); });
  match(index, "*a *e *i *o *u *n *s *r", 20, [](dice&) { return std::string("*a *e *i *o *u *n *s *r"); });
  match(index, "music -flac mp3 (most files)", 200, [](dice&) { return std::string("music -flac mp3"); });
  std::vector<std::string> phrases;
  dice d{5};
  for (int i = 0; i < 60; ++i) phrases.push_back(title(d, words, 3) + " x");
  match(index, "2 words of a shared file, 60 excluded phrases", 5000, from_path, phrases);
}

void browse(const share_index& index) {
  const auto before = memory_kib("VmHWM");
  const auto began = cpu_s();
  share_browser browser(index, share_audience::everyone);
  std::size_t folders = 0, files = 0, bytes = 0;
  while (browser.next()) {
    ++folders;
    bytes += browser.path().size() + 8;
    browser.for_each_file([&](std::string_view name, const share_file& file) {
      ++files;
      bytes += name.size() + 25 + (file.size_bytes > 0 ? 24 : 0);
    });
  }
  std::printf("  browse: %zu folders, %zu files, %.1f MiB of message in %.0f ms, %ld KiB more memory\n",
              folders, files, static_cast<double>(bytes) / (1 << 20), 1e3 * (cpu_s() - began),
              memory_kib("VmHWM") - before);
}

void change_some(share_index& index) {
  const auto began = cpu_s();
  for (int i = 0; i < 1000; ++i) {
    const auto id =
        index.put("Music\\New " + std::to_string(i) + "\\Some new title " + std::to_string(i), {}).file;
    index.remove(id);
  }
  std::printf("  a file added and removed: %.1f us\n", 1e3 * (cpu_s() - began));
}

void measure(std::size_t files) {
  malloc_trim(0);
  const auto before = memory_kib("VmRSS");
  auto index = std::make_unique<share_index>();
  double putting = 0;
  make_collection(files, "Music", [&](const std::string& path, const share_file& file) {
    const auto began = cpu_s();
    index->put(path, file);
    putting += cpu_s() - began;
  });
  const auto began = cpu_s();
  index->pack();
  const auto packing = cpu_s() - began;
  malloc_trim(0);
  const auto took = memory_kib("VmRSS") - before;
  std::printf(
      "%zu files, %u folders, %u words: %.1f MiB resident, %.0f bytes a file (%.0f by its own count)\n",
      files, index->counts().folders, index->words().size(), static_cast<double>(took) / 1024,
      1024.0 * static_cast<double>(took) / static_cast<double>(files),
      static_cast<double>(index->memory_bytes()) / static_cast<double>(files));
  std::printf("  put %.0f files/s, then packed in %.0f ms\n", static_cast<double>(files) / putting,
              1e3 * packing);
  match_all(*index);
  browse(*index);
  change_some(*index);
}

void scan(const std::string& folder) {
  share_scan shares({{{folder, share_visibility::everyone}}, {}});
  library::disk_walker disk;
  for (int round = 0; round < 3; ++round) {
    const auto began = steady::now();
    const auto cpu = cpu_s();
    double seeing = 0;
    for (const auto& one : shares.begin())
      disk.walk(
          one, {}, is_shared_name,
          [&](std::vector<net::walked_file> batch) {
            const auto from = cpu_s();
            shares.see(batch);
            seeing += cpu_s() - from;
            return true;
          },
          std::atomic<bool>{false});
    shares.finish(true);
    while (shares.sweep_some()) {
    }
    const auto took = since(began);
    const auto used = cpu_s() - cpu;
    const auto files = shares.index().counts().files;
    std::printf(
        "scan %d: %u files in %.0f ms: %.0f files/s; processor %.0f ms (%.0f of them the index): %.0f "
        "files/s\n",
        round + 1, files, 1e3 * took, files / took, 1e3 * used, 1e3 * seeing, files / used);
  }
}

void process() {
  share_index index;
  make_collection(100'000, "Music",
                  [&](const std::string& path, const share_file& file) { index.put(path, file); });
  index.pack();
  malloc_trim(0);
  std::printf("a process with the index of 100,000 files alone: %.1f MiB resident, %.1f at most\n",
              static_cast<double>(memory_kib("VmRSS")) / 1024,
              static_cast<double>(memory_kib("VmHWM")) / 1024);
}

}  // namespace
}  // namespace vsf::soulseek

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--scan" && argc > 2) {
    vsf::soulseek::scan(argv[2]);
  } else if (first == "--process") {
    vsf::soulseek::process();
  } else {
    vsf::soulseek::measure(100'000);
    vsf::soulseek::measure(first.empty() ? 1'000'000 : static_cast<std::size_t>(std::atoll(first.c_str())));
  }
  return 0;
}
