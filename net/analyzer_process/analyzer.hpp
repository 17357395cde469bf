#pragma once

#include <functional>
#include <string>

#include "messages/schemas.hpp"

namespace vsf::net {

struct analyze_options {
  /// Also decode the first two minutes and compute a Chromaprint fingerprint: several times slower.
  bool fingerprint = false;
};

/// Looks into audio files: tags, audio properties, SHA-256 and hash-tree root. vsf-analyzer does it in
/// sandboxed processes (analyzer_process.hpp), a simulation by table.
class analyzer {
 public:
  /// An error: this node can't analyse at all, or could not open the file. What is wrong with the file itself
  /// is the entry's `problem`. Path, size and time of change are filled in.
  using done = std::function<void(result<record<fb::FileEntry>>)>;

  virtual ~analyzer() = default;
  /// May be called from any thread and does not block. `on_done` is called exactly once, from a thread of the
  /// analyzer's, or before analyze() returns when the file is refused at once or the analyzer works in line.
  /// It must not block.
  virtual void analyze(std::string path, analyze_options what, done on_done) = 0;
};

}  // namespace vsf::net
