#include "sim/fault_player.hpp"

#include <algorithm>

namespace vsf::sim {

namespace {

/// The one of the network's conditions that a fault changes.
double* member_of(link_conditions& all, fault::kind what) {
  switch (what) {
    case fault::kind::loss:
      return &all.loss;
    case fault::kind::duplicate:
      return &all.duplicate;
    case fault::kind::reorder:
      return &all.reorder;
    case fault::kind::corrupt:
      return &all.corrupt;
    default:
      return nullptr;
  }
}

}  // namespace

fault_player::fault_player(world& the_world) : world_(the_world), random_(the_world.random().u64()) {}

void fault_player::schedule() {
  for (const auto& f : world_.plan().faults) world_.at(seconds(f.at_s), [this, f] { play(f); });
}

std::vector<std::size_t> fault_player::draw_victims(double share) {
  std::vector<std::size_t> alive;
  for (const auto& node : world_.nodes())
    if (node->up) alive.push_back(node->index);
  const auto count =
      std::min(alive.size(), static_cast<std::size_t>(share * static_cast<double>(alive.size())));
  for (std::size_t i = 0; i < count; ++i) std::swap(alive[i], alive[i + random_.below(alive.size() - i)]);
  alive.resize(count);
  return alive;
}

void fault_player::for_a_time(const fault& f, std::function<void()> back) {
  if (f.for_s > 0) world_.at(world_.now() + seconds(f.for_s), std::move(back));
}

void fault_player::stop(const fault& f, std::size_t victim) {
  world_.stop_node(victim, f.what);
  if (f.back_after_s <= 0) return;
  world_.at(world_.now() + seconds(f.back_after_s), [this, victim] {
    if (!world_.nodes()[victim]->up) world_.start_node(victim);
  });
}

/// Of several that last at the same time the strongest holds.
void fault_player::change_network(const fault& f) {
  active_.push_back({next_, f.what, f.value});
  set_conditions();
  for_a_time(f, [this, id = next_] {
    std::erase_if(active_, [&](const auto& one) { return one.id == id; });
    set_conditions();
  });
  ++next_;
}

void fault_player::set_conditions() {
  link_conditions all = world_.plan().network;
  for (const auto& one : active_) {
    auto* member = member_of(all, one.what);
    *member = std::max(*member, one.value);
  }
  world_.network().set_conditions(all);
}

/// Only the latest of its kind at that node is taken back.
void fault_player::at_node(const fault& f, std::size_t victim, std::function<void()> back) {
  const auto turn = ++turns_[{f.what, victim}];
  for_a_time(f, [this, what = f.what, victim, turn, back = std::move(back)] {
    if (turns_.at({what, victim}) == turn) back();
  });
}

void fault_player::play(const fault& f) {
  const auto victims = draw_victims(f.share);
  if (world_.on_fault) world_.on_fault(f, victims);
  switch (f.what) {
    case fault::kind::loss:
    case fault::kind::duplicate:
    case fault::kind::reorder:
    case fault::kind::corrupt:
      return change_network(f);
    case fault::kind::partition:
    case fault::kind::one_way: {
      const auto id = world_.separate(victims, f.what == fault::kind::one_way);
      return for_a_time(f, [this, id] { world_.rejoin(id); });
    }
    case fault::kind::server_down:
      world_.soulseek_server()->die();
      return for_a_time(f, [this] { world_.soulseek_server()->come_back(); });
    default:
      break;
  }
  for (const auto victim : victims) {
    switch (f.what) {
      case fault::kind::power_cut:
      case fault::kind::process_kill:
        stop(f, victim);
        break;
      case fault::kind::slow_uplink:
        world_.set_uplink(victim, static_cast<std::uint64_t>(std::max(0.0, f.value)) * 1024);
        at_node(f, victim,
                [this, victim] { world_.set_uplink(victim, world_.plan().network.uplink_kib_per_s * 1024); });
        break;
      case fault::kind::slow_disk:
        world_.set_disk_latency(victim, std::chrono::milliseconds(static_cast<std::int64_t>(f.value)));
        at_node(f, victim, [this, victim] { world_.set_disk_latency(victim, {}); });
        break;
      case fault::kind::disk_full:
        world_.nodes()[victim]->files->set_free_bytes(0);
        at_node(f, victim, [this, victim] { world_.nodes()[victim]->files->set_free_bytes({}); });
        break;
      case fault::kind::clock_jump:
        world_.nodes()[victim]->clock_offset += seconds(f.value);
        break;
      case fault::kind::nat_rebind:
        world_.nodes()[victim]->machine->forget_mappings();
        break;
      case fault::kind::kill_actor:
        world_.kill_random_actor(victim, random_);
        break;
      default:
        break;
    }
  }
}

}  // namespace vsf::sim
