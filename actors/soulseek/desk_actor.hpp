#pragma once

#include <list>
#include <map>
#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/environment.hpp"
#include "actors/soulseek/interfaces_actor.hpp"
#include "storage/library_store.hpp"
#include "storage/soulseek_store.hpp"

namespace vsf::soulseek {

struct desk_state {
  static inline const char* name = "soulseek_desk";
  environment_ptr env;
  owner_address owner;
  std::unique_ptr<storage::soulseek_store> rows;
  // Files that are being served or received; the one used longest ago is closed.
  std::list<std::pair<std::string, std::shared_ptr<storage::file_reader>>> shared;
  std::map<std::string, std::shared_ptr<storage::partial_file>> partials;
  std::map<link_id, std::string> partial_of;
};

/// Reads what was stored, says it with rows_read, and then does what it is told.
desk_actor::behavior_type desk(desk_actor::stateful_pointer<desk_state> self, environment_ptr env,
                               owner_address owner);

}  // namespace vsf::soulseek
