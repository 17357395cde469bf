#include "net/port_mapping/router_mapper.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace vsf::net {
namespace {

using clock = round_watch::clock;

/// The thread's own: everything here blocks.
class rounds {
 public:
  explicit rounds(mapping_options options) : options_(std::move(options)) {}

  mapping_report run(const std::vector<wanted_port>& wanted, const round_watch& watch) {
    mapping_report out;
    std::vector<wanted_port> mappable;
    for (const auto& port : wanted) {
      // Who names a router means it, whatever the node listens on.
      if (scope_of(port.listens) == address_scope::loopback && options_.router.empty()) continue;
      if (mappable.size() < port_mapper::max_ports)
        mappable.push_back(port);
      else
        out.ports.push_back({port, 0, 0, "the node maps no more than 16 ports"});
    }
    if (mappable.empty() && held_.empty()) return out;
    if (!router_) {
      auto found = find(watch);
      if (!found) {
        out.problem = found.error().message;
        return out;
      }
      router_ = std::move(*found);
    }
    std::erase_if(held_, [&](const mapped_port& held) {
      const bool wanted_still = std::ranges::find(mappable, held.wanted) != mappable.end();
      return !wanted_still && (router_->unmap(held, watch), true);
    });
    out.method = router_->method();
    out.router = router_->address();
    std::size_t mapped = 0;
    for (const auto& port : mappable) {
      const auto held = std::ranges::find(held_, port, &mapped_port::wanted);
      auto now = router_->map(port, held == held_.end() ? port.listens.port : held->external, watch);
      if (held != held_.end()) held_.erase(held);
      if (now.external != 0) {
        held_.push_back(now);
        ++mapped;
      }
      out.ports.push_back(std::move(now));
    }
    describe_outside(out, watch);
    // It may be gone, or another: the next round looks for one.
    if (mapped == 0) router_.reset();
    return out;
  }

  void clear(const round_watch& watch) {
    if (router_)
      for (const auto& held : held_) (void)router_->unmap(held, watch);
    held_.clear();
    router_.reset();
  }

 private:
  result<std::unique_ptr<router>> find(const round_watch& watch) {
    using protocols = mapping_options::protocols;
    if (!options_.bind.empty() && options_.router.empty())
      return fail(
          "network.bind is set, and which router lies behind it isn't known: name it in network.router, or "
          "set "
          "network.port_mapping to off");
    const bool named = !options_.router.empty(), by_page = options_.router.starts_with("http:");
    const bool upnp =
        options_.ask == protocols::upnp || (options_.ask == protocols::any && (!named || by_page));
    const bool nat_pmp =
        options_.ask == protocols::nat_pmp || (options_.ask == protocols::any && (!named || !by_page));
    std::string why;
    for (const auto& [asked, how] : {std::pair{upnp, &find_upnp}, std::pair{nat_pmp, &find_nat_pmp}}) {
      if (!asked) continue;
      auto found = how(options_, watch);
      if (found) return found;
      why += (why.empty() ? "" : "; ") + found.error().message;
    }
    return fail("the node's ports aren't mapped: " + why +
                ". Forward them by hand, or set network.port_mapping to off");
  }

  void describe_outside(mapping_report& out, const round_watch& watch) {
    const auto where = router_->outside(watch);
    if (!where) {
      out.problem = "the router tells no outside address: " + where.error().message;
      return;
    }
    out.outside = *where;
    // Named routers of tests and VPNs have whatever address they have.
    if (options_.router.empty() && behind_another(*where)) {
      const auto text = to_string(*where);
      out.problem = "the router's own outside address is " + text.substr(0, text.rfind(':')) +
                    ", which isn't reached from everywhere: it stands behind another router";
    }
  }

  mapping_options options_;
  std::unique_ptr<router> router_;
  std::vector<mapped_port> held_;
};

class router_mapper final : public port_mapper {
 public:
  explicit router_mapper(mapping_options options)
      : options_(options), rounds_(std::move(options)), thread_([this] { work(); }) {}
  ~router_mapper() override {
    clear();
    {
      const std::lock_guard lock(mutex_);
      end_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  router_mapper(const router_mapper&) = delete;
  router_mapper& operator=(const router_mapper&) = delete;

  void map(std::vector<wanted_port> ports, std::function<void(mapping_report)> done) override {
    {
      const std::lock_guard lock(mutex_);
      wanted_ = std::move(ports);
      done_ = std::move(done);
    }
    changed_.notify_all();
  }

  void clear() override {
    std::unique_lock lock(mutex_);
    done_ = nullptr;
    clear_ = true;
    stop_round_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !clear_; });
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return end_ || clear_ || done_; });
      if (clear_) {
        lock.unlock();
        const std::atomic<bool> never{false};
        rounds_.clear({clock::now() + options_.clear_time, never});
        lock.lock();
        clear_ = false;
        stop_round_ = false;
        changed_.notify_all();
        continue;
      }
      if (end_) return;
      const auto wanted = std::exchange(wanted_, {});
      const auto done = std::exchange(done_, nullptr);
      lock.unlock();
      auto report = rounds_.run(wanted, {clock::now() + options_.round_time, stop_round_});
      // Under the lock: once clear() has it, nobody is called any more.
      lock.lock();
      if (!clear_) done(std::move(report));
    }
  }

  const mapping_options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<wanted_port> wanted_;
  std::function<void(mapping_report)> done_;
  bool clear_ = false, end_ = false;
  std::atomic<bool> stop_round_{false};
  rounds rounds_;
  std::thread thread_;
};

}  // namespace

std::shared_ptr<port_mapper> make_router_mapper(mapping_options options) {
  return std::make_shared<router_mapper>(std::move(options));
}

}  // namespace vsf::net
