#pragma once

#include "messages/types.hpp"

namespace vsf::library {

/// Takes from this process, for good, all it does not need to read one open descriptor and answer over
/// another: descriptors above `last_descriptor` are closed, memory is limited to 1 GiB, no file can be made
/// or grow, no core is dumped, no privilege can be gained, and any system call but a few for memory, reading
/// and answering ends the process (SIGSYS). There is no opening of files, no network, no other process and no
/// new executable memory among them. Fails when the system can't do any of it; the process must then not
/// touch anything foreign. Linux only. Under the address and thread sanitizers memory is not limited.
result<void> enter_sandbox(int last_descriptor);

/// Ends the process (SIGPROF) once it has used as much processor time; again replaces, 0 stops.
void limit_processor_time(std::uint32_t seconds);

}  // namespace vsf::library
