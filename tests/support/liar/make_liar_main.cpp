// vsf-make-liar: a stopped node that says of all its files that they are another recording than their tags
// name. Its next run signs and publishes that.

#include <cstdio>

#include <CLI/CLI.hpp>

#include "storage/library_store.hpp"

int main(int argc, char** argv) {
  CLI::App app{"Enters a recording for all files of a stopped node's library, whatever their tags name."};
  std::string folder, text;
  app.add_option("data-dir", folder)->required();
  app.add_option("recording", text, "the MBID to lie about")->required();
  CLI11_PARSE(app, argc, argv);
  const auto recording = vsf::parse_mbid(text);
  if (!recording) {
    std::fprintf(stderr, "%s is no MBID\n", text.c_str());
    return 2;
  }
  auto opened = vsf::storage::open_rocksdb(folder + "/store");
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 1;
  }
  vsf::storage::library_store library(std::shared_ptr<vsf::storage::kv_store>(std::move(*opened)));
  std::vector<vsf::fb::FileEntryT> entries;
  auto done = library.for_each([&](const vsf::record<vsf::fb::FileEntry>& entry) {
    entries.push_back(entry.unpack());
    entries.back().recording = vsf::box(*recording);
    return true;
  });
  if (done) done = library.put(entries, vsf::storage::durability::synced);
  if (!done || entries.empty()) {
    std::fprintf(stderr, "%s\n", done ? "there is no file to lie about" : done.error().message.c_str());
    return 1;
  }
  std::printf("%zu\n", entries.size());
  return 0;
}
