#pragma once

#include "gateway/cli/api_client.hpp"
#include "gateway/cli/soulseek_view.hpp"

namespace vsf::cli {

/// All that a search has found so far, as one SoulseekResults.
api_client::answer<nlohmann::json> soulseek_results(api_client& node, std::uint64_t search);

}  // namespace vsf::cli
