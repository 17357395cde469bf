#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "actors/soulseek/link_effects.hpp"
#include "messages/soulseek_schemas.hpp"

namespace vsf::soulseek {

// What talk, wishes and people want done, beside tell_server.
/// Keep these rows, replacing those with the same key. With a receipt: synced, and `on_kept` is told once
/// they are on the disk, or can't be.
struct keep_social {
  std::vector<record<fb::SoulseekRow>> rows;
  std::uint64_t receipt = 0;
};
/// Only what the key is made of is read of them (storage/soulseek_store.hpp).
struct forget_social {
  std::vector<record<fb::SoulseekRow>> rows;
};
/// For the log of events and whoever listens to it.
struct social_event {
  std::string subject, text;
  bool warning = false;
};
using social_effect = std::variant<tell_server, keep_social, forget_social, social_event>;
using social_effects = std::vector<social_effect>;

template <class Kept>
record<fb::SoulseekRow> social_row(Kept kept) {
  fb::SoulseekRowT row;
  row.kept.Set(std::move(kept));
  return record<fb::SoulseekRow>::pack(row);
}

inline fb::SoulseekPresence presence_of(user_status status) {
  switch (status) {
    case user_status::offline:
      return fb::SoulseekPresence::offline;
    case user_status::away:
      return fb::SoulseekPresence::away;
    case user_status::online:
      return fb::SoulseekPresence::online;
  }
  return fb::SoulseekPresence::unknown;
}

inline void take_stats(fb::SoulseekUserStatsT& into, const user_stats& stats) {
  into.speed_bytes_per_s = stats.average_speed;
  into.uploads = stats.uploads;
  into.files = stats.files;
  into.folders = stats.folders;
}

}  // namespace vsf::soulseek
