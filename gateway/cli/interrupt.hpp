#pragma once

#include <chrono>

namespace vsf::cli {

/// From now on SIGINT and SIGTERM are only noted, so that half a file can be removed. A second one ends the
/// program.
void note_interrupts();
bool interrupted();
/// Sleeps, or returns false at once when interrupted.
bool pause_for(std::chrono::milliseconds time);

}  // namespace vsf::cli
