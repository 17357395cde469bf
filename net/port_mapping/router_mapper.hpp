#pragma once

#include <memory>

#include "net/port_mapping/router.hpp"

namespace vsf::net {

/// Finds a router by UPnP or NAT-PMP when there is something to map, keeps to it while it answers, and looks
/// again when it doesn't. Nothing is sent before the first map() of a port that can be mapped.
std::shared_ptr<port_mapper> make_router_mapper(mapping_options options);

}  // namespace vsf::net
