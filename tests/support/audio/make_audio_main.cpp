// vsf-make-audio: a folder of tagged audio files and a manifest of them.

#include <cstdio>
#include <fstream>

#include <CLI/CLI.hpp>

#include "tests/support/audio/make_audio.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Makes tagged audio files with seeded sound, and prints or writes their manifest (JSON)."};
  vsf::test::collection_spec spec;
  std::vector<std::string> formats{"flac", "mp3", "vorbis"};
  std::string manifest;
  double min_s = 2, max_s = 20;
  app.add_option("folder", spec.folder, "where the files go")->required();
  app.add_option("--count", spec.files, "files to make")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--seed", spec.seed)->capture_default_str();
  app.add_option("--sound-seed", spec.sound_seed,
                 "other sound than the seed's, under the same names and ids");
  app.add_option("--variants", spec.variants, "files of each recording, each of another format")
      ->capture_default_str();
  app.add_option("--formats", formats, "flac,mp3,vorbis,opus,aac,alac,wav,aiff,wavpack")->delimiter(',');
  app.add_option("--min-s", min_s, "shortest, seconds")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--max-s", max_s, "longest, seconds")->check(CLI::Range(0.1, 3600.0))->capture_default_str();
  app.add_option("--manifest", manifest, "file for the manifest instead of standard output");
  CLI11_PARSE(app, argc, argv);

  spec.kinds.clear();
  for (const auto& name : formats) {
    const auto kind = vsf::test::audio_kind_named(name);
    if (!kind) {
      std::fprintf(stderr, "unknown format %s\n", name.c_str());
      return 2;
    }
    spec.kinds.push_back(*kind);
  }
  spec.min_ms = static_cast<std::uint32_t>(min_s * 1000);
  spec.max_ms = static_cast<std::uint32_t>(max_s * 1000);
  const auto made = vsf::test::make_collection(spec);
  if (!made) {
    std::fprintf(stderr, "%s\n", made.error().message.c_str());
    return 1;
  }
  const auto text = vsf::test::manifest_of(*made);
  if (manifest.empty()) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  std::ofstream out(manifest);
  out << text;
  out.close();
  if (!out) {
    std::fprintf(stderr, "can't write %s\n", manifest.c_str());
    return 1;
  }
  return 0;
}
