#include "actors/soulseek/interests.hpp"

namespace vsf::soulseek {
namespace {

std::string plain(const std::string& item) {
  const auto from = item.find_first_not_of(' ');
  if (from == std::string::npos) return {};
  auto out = item.substr(from, item.find_last_not_of(' ') - from + 1);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

record<fb::SoulseekRow> row_of(const std::string& item, bool hated) {
  fb::SoulseekInterestT row;
  row.item = item;
  row.hated = hated;
  return social_row(std::move(row));
}

}  // namespace

void interests::restore(const fb::SoulseekInterestT& kept) {
  auto& list = kept.hated ? hates_ : likes_;
  if (!kept.item.empty() && list.size() < max_items) list.insert(kept.item);
}

void interests::tell(const std::string& item, bool hated, bool on, social_effects& out) const {
  if (!online_) return;
  out.emplace_back(tell_server{hated ? on ? encode(to_server::add_thing_i_hate{item})
                                          : encode(to_server::remove_thing_i_hate{item})
                               : on ? encode(to_server::add_thing_i_like{item})
                                     : encode(to_server::remove_thing_i_like{item})});
}

void interests::on_online(social_effects& out) {
  online_ = true;
  for (const auto& item : likes_) tell(item, false, true, out);
  for (const auto& item : hates_) tell(item, true, true, out);
}

result<void> interests::add(const std::string& named, bool hated, social_effects& out) {
  const auto item = plain(named);
  if (item.empty() || item.size() > max_item_bytes)
    return fail("An interest has 1 to " + std::to_string(max_item_bytes) + " bytes.");
  auto& list = hated ? hates_ : likes_;
  if (list.contains(item)) return {};
  if (list.size() >= max_items)
    return fail("There are " + std::to_string(max_items) + " such interests already. Remove one first.");
  remove(item, !hated, out);
  list.insert(item);
  out.emplace_back(keep_social{{row_of(item, hated)}});
  tell(item, hated, true, out);
  return {};
}

bool interests::remove(const std::string& named, bool hated, social_effects& out) {
  const auto item = plain(named);
  if ((hated ? hates_ : likes_).erase(item) == 0) return false;
  out.emplace_back(forget_social{{row_of(item, hated)}});
  tell(item, hated, false, out);
  return true;
}

}  // namespace vsf::soulseek
