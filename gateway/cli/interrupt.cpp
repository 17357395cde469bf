#include "gateway/cli/interrupt.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace vsf::cli {

namespace {

volatile std::sig_atomic_t noted = 0;

extern "C" void on_signal(int) { noted = 1; }

}  // namespace

void note_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return noted != 0; }

bool pause_for(std::chrono::milliseconds time) {
  // poll() without descriptors is a sleep that a signal ends.
  if (!interrupted()) ::poll(nullptr, 0, static_cast<int>(time.count()));
  return !interrupted();
}

}  // namespace vsf::cli
