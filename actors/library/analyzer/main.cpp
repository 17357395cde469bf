// vsf-analyzer: opens untrusted audio for a node. Started by the node (net/analyzer_process) with a socket as
// descriptor 3; locks itself up before it reads a byte, then answers one AnalyzeFile after the other until
// the socket ends.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <new>

#include "actors/library/analyzer/analyze.hpp"
#include "actors/library/analyzer/sandbox.hpp"
#include "net/analyzer_process/wire.hpp"

namespace {

using namespace vsf;

/// OpenSSL and the decoders load parts of themselves when first used; afterwards nothing can be opened.
void warm_up() {
  const bytes little(100, 0);
  library::analyze(library::memory_source(little), false);
  fb::FileEntryT entry;
  library::hash_content(library::memory_source(little), entry);
  library::warm_up_decoders();
}

fb::FileEntryT analyze_one(const net::worker_message& message) {
  fb::FileEntryT entry;
  const auto request = record<fb::AnalyzeFile>::parse(message.body);
  if (!request || message.descriptor < 0) {
    entry.problem = "the request came without a file";
    entry.fault = fb::FileFault::unread;
    return entry;
  }
  try {
    const library::descriptor_source source(message.descriptor);
    const bool fingerprint = (*request)->fingerprint();
    library::limit_processor_time(net::processor_seconds_for(source.size(), fingerprint));
    entry = library::analyze(source, fingerprint);
  } catch (const std::bad_alloc&) {
    entry = {};
    entry.problem = "it needs more memory than the analyzer may use";
    entry.fault = fb::FileFault::unread;
  } catch (const std::exception& x) {
    entry = {};
    entry.problem = net::clean_text(std::string("the analyzer failed on it: ") + x.what());
    entry.fault = fb::FileFault::unread;
  }
  library::limit_processor_time(0);
  return entry;
}

}  // namespace

int main() {
  int kind = 0;
  socklen_t size = sizeof(kind);
  if (::getsockopt(net::worker_socket, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 || kind != SOCK_STREAM) {
    std::fputs(
        "vsf-analyzer is started by vsfd, with a socket as descriptor 3; use `vsf tool analyze` on a file\n",
        stderr);
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  warm_up();
  if (const auto locked = library::enter_sandbox(net::worker_socket); !locked) {
    std::fprintf(stderr, "%s\n", locked.error().message.c_str());
    return 1;
  }
  if (!net::send_message(net::worker_socket, {})) return 0;
  while (const auto message = net::receive_message(net::worker_socket)) {
    const auto entry = analyze_one(*message);
    if (message->descriptor >= 0) ::close(message->descriptor);
    if (!net::send_message(net::worker_socket, record<fb::FileEntry>::pack(entry).raw().view())) break;
  }
  // Not by way of destructors and exit handlers: they belong to libraries that expect a whole system around
  // them.
  ::_exit(0);
}

#if defined(__SANITIZE_ADDRESS__)
// The leak checker starts a process and the symbolizer opens files.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:symbolize=0:allocator_may_return_null=0";
}
#endif
