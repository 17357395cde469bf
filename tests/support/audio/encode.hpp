#pragma once

#include "tests/support/audio/make_audio.hpp"

namespace vsf::test {

/// Writes the sound of `spec` without tags.
result<void> encode(const audio_spec& spec);

}  // namespace vsf::test
