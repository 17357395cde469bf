#pragma once

namespace vsf::crypto {

/// Starts libsodium once per process; every entry point that uses it calls this first. Throws when the
/// library can't start, which no caller can mend.
void start_sodium();

}  // namespace vsf::crypto
