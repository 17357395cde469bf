// Any bytes as a file: sniffing, tags, truncation checks. What comes out keeps its bounds.

#include <cstdlib>

#include "actors/library/analyzer/analyze.hpp"
#include "net/analyzer_process/wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const vsf::library::memory_source source({data, size});
  const auto entry = vsf::library::analyze(source, false);
  for (const auto* text :
       {&entry.container, &entry.codec_name, &entry.artist, &entry.album, &entry.title, &entry.problem})
    if (text->size() > vsf::net::max_text_bytes || vsf::net::clean_text(*text) != *text) std::abort();
  if (entry.problem.empty() && (entry.duration_ms == 0 || entry.size != size || !entry.root || !entry.sha256))
    std::abort();
  // What goes back to the node has to be readable there.
  const auto packed = vsf::record<vsf::fb::FileEntry>::pack(entry);
  if (!vsf::record<vsf::fb::FileEntry>::parse(packed.raw())) std::abort();
  return 0;
}
