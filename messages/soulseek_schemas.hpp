#pragma once

// The schema types of the Soulseek component: apart, because only it and the gateway need them.

#include "messages/schemas.hpp"
#include "vsf/soulseek_generated.h"

namespace vsf {

VSF_RECORD(SoulseekAsk, "NSK1");
VSF_RECORD(SoulseekReply, "NSK2");
VSF_RECORD(SoulseekDownload, "SSKD");
VSF_RECORD(SoulseekRow, "SSKR");

}  // namespace vsf
