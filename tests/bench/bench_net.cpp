// Measures net/asio on loopback: datagram round trips, one-way datagrams, stream bytes and small packets.
// Each side has its own io thread. Arguments: seconds per measurement (default 2).
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/asio/asio_network.hpp"

namespace vsf::net {
namespace {

using steady = std::chrono::steady_clock;

double seconds_since(steady::time_point from) {
  return std::chrono::duration<double>(steady::now() - from).count();
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

endpoint loopback() { return endpoint::v4(0x7F000001, 0); }

template <class T>
T must(result<T> outcome) {
  if (outcome) return std::move(*outcome);
  std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
  std::exit(1);
}

/// Keeps `window` datagrams going round between two ports; each answer sends the next from the callback.
void round_trips(double seconds, std::size_t window, std::size_t size) {
  auto here = make_asio_network(), there = make_asio_network();
  std::atomic<std::uint64_t> done{0};
  std::atomic<bool> running{true};
  std::promise<std::shared_ptr<datagram_port>> server_ready, client_ready;
  auto server_later = server_ready.get_future().share();
  auto client_later = client_ready.get_future().share();
  server_ready.set_value(
      must(there->open_datagrams(loopback(), 4096, [server_later](const endpoint& from, frame data) {
        server_later.get()->send(from, std::move(data));
        server_later.get()->consumed(1);
      })));
  auto server = server_later.get();
  client_ready.set_value(
      must(here->open_datagrams(loopback(), 4096, [&, client_later](const endpoint& from, frame data) {
        done.fetch_add(1, std::memory_order_relaxed);
        if (running) client_later.get()->send(from, std::move(data));
        client_later.get()->consumed(1);
      })));
  auto client = client_later.get();
  const auto cpu = cpu_seconds();
  const auto began = steady::now();
  for (std::size_t i = 0; i < window; ++i) client->send(server->local(), frame::allocate(size));
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const auto took = seconds_since(began);
  const auto rate = static_cast<double>(done) / took;
  running = false;
  std::printf(
      "udp round trips, %4zu B, %4zu in flight: %8.0f /s (%.0f datagrams/s), %6.1f us each, %.2f cpu\n", size,
      window, rate, 2 * rate, 1e6 * static_cast<double>(window) / rate, (cpu_seconds() - cpu) / took);
  server->close();
  client->close();
}

/// One thread sends as fast as send() goes, the other side counts.
void one_way(double seconds, std::size_t size) {
  auto here = make_asio_network(), there = make_asio_network();
  std::promise<std::shared_ptr<datagram_port>> ready;
  auto later = ready.get_future().share();
  ready.set_value(must(there->open_datagrams(
      loopback(), 4096, [later](const endpoint&, const frame&) { later.get()->consumed(1); })));
  auto server = later.get();
  auto client = must(here->open_datagrams(loopback(), 1, [](const endpoint&, const frame&) {}));
  const auto data = frame::allocate(size);
  const auto cpu = cpu_seconds();
  const auto began = steady::now();
  while (seconds_since(began) < seconds)
    for (int i = 0; i < 64; ++i) client->send(server->local(), data);
  const auto took = seconds_since(began);
  std::printf("udp one way,     %4zu B: %8.0f sent/s, %8.0f received/s, %.2f cpu\n", size,
              static_cast<double>(client->counters().sent) / took,
              static_cast<double>(server->counters().received) / took, (cpu_seconds() - cpu) / took);
  server->close();
  client->close();
}

/// Packets of `size` bytes over one link, `credits` of them on their way to the reader; of a raw stream these
/// are what is sent at a time and the chunks read.
void stream(double seconds, std::size_t size, std::size_t credits,
            stream_framing framing = stream_framing::packets) {
  auto here = make_asio_network(), there = make_asio_network();
  std::promise<std::shared_ptr<stream_link>> accepted, connected;
  auto listener = must(there->listen(
      loopback(), [&](std::shared_ptr<stream_link> link) { accepted.set_value(link); }, framing));
  here->connect(
      listener->local(), std::chrono::seconds(5),
      [&](result<std::shared_ptr<stream_link>> link) { connected.set_value(must(std::move(link))); },
      framing);
  auto reader = accepted.get_future().get();
  auto writer = connected.get_future().get();
  std::atomic<std::uint64_t> packets{0}, received{0};
  std::atomic<bool> running{true};
  auto* raw_reader = reader.get();
  auto* raw_writer = writer.get();
  reader->start({[&, raw_reader](const frame& got) {
                   packets.fetch_add(1, std::memory_order_relaxed);
                   received.fetch_add(got.size(), std::memory_order_relaxed);
                   raw_reader->grant(1);
                 },
                 nullptr, nullptr});
  const auto data = frame::allocate(size);
  const auto fill = [&running, data, raw_writer] {
    while (running && raw_writer->send(data)) {
    }
  };
  writer->start({nullptr, fill, nullptr});
  const auto cpu = cpu_seconds();
  const auto began = steady::now();
  reader->grant(credits);
  fill();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const auto took = seconds_since(began);
  const auto moved = static_cast<double>(received);
  const auto used = cpu_seconds() - cpu;
  running = false;
  std::printf("tcp %s, %6zu B: %6.2f GB/s, %8.0f %s/s, %.2f cpu, %.2f cpu s/GB\n",
              framing == stream_framing::raw ? "raw   " : "stream", size, moved / took / 1e9,
              static_cast<double>(packets) / took, framing == stream_framing::raw ? "chunks read" : "packets",
              used / took, used / (moved / 1e9));
  reader.reset();
  writer.reset();
}

/// Datagram round trips to a port whose io thread reads four links at full speed meanwhile.
void round_trips_under_load(double seconds, std::size_t links) {
  auto node = make_asio_network(), senders = make_asio_network(), pinger = make_asio_network();
  std::promise<std::shared_ptr<datagram_port>> port_ready;
  auto port_later = port_ready.get_future().share();
  port_ready.set_value(
      must(node->open_datagrams(loopback(), 4096, [port_later](const endpoint& from, frame data) {
        port_later.get()->send(from, std::move(data));
        port_later.get()->consumed(1);
      })));
  auto port = port_later.get();
  std::atomic<std::uint64_t> packets{0};
  std::atomic<bool> running{true};
  std::vector<std::shared_ptr<stream_link>> held;
  std::mutex holding;
  std::promise<void> all_accepted;
  std::size_t accepted = 0;
  auto listener = must(node->listen(loopback(), [&](std::shared_ptr<stream_link> link) {
    auto* raw = link.get();
    link->start({[&packets, raw](const frame&) {
                   packets.fetch_add(1, std::memory_order_relaxed);
                   raw->grant(1);
                 },
                 nullptr, nullptr});
    link->grant(32);
    std::lock_guard lock(holding);
    held.push_back(std::move(link));
    if (++accepted == links) all_accepted.set_value();
  }));
  const auto data = frame::allocate(49184);
  std::vector<std::shared_ptr<stream_link>> writers;
  for (std::size_t i = 0; i < links; ++i) {
    std::promise<std::shared_ptr<stream_link>> connected;
    senders->connect(
        listener->local(), std::chrono::seconds(5),
        [&](result<std::shared_ptr<stream_link>> link) { connected.set_value(must(std::move(link))); });
    writers.push_back(connected.get_future().get());
  }
  all_accepted.get_future().wait();
  std::vector<double> us;
  steady::time_point sent;
  std::promise<std::shared_ptr<datagram_port>> ping_ready;
  auto ping_later = ping_ready.get_future().share();
  ping_ready.set_value(
      must(pinger->open_datagrams(loopback(), 16, [&, ping_later](const endpoint& from, frame back) {
        us.push_back(1e6 * seconds_since(sent));
        ping_later.get()->consumed(1);
        sent = steady::now();
        if (running) ping_later.get()->send(from, std::move(back));
      })));
  auto ping = ping_later.get();
  for (auto& writer : writers) {
    auto* raw = writer.get();
    const auto fill = [&running, data, raw] {
      while (running && raw->send(data)) {
      }
    };
    writer->start({nullptr, fill, nullptr});
    fill();
  }
  const auto began = steady::now();
  sent = began;
  ping->send(port->local(), frame::allocate(200));
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  running = false;
  const auto took = seconds_since(began);
  ping->close();  // no callback runs any more
  std::sort(us.begin(), us.end());
  const auto at = [&](double share) {
    return us.empty() ? 0.0 : us[static_cast<std::size_t>(share * static_cast<double>(us.size() - 1))];
  };
  std::printf(
      "udp round trips while its io thread reads %zu links at %.2f GB/s: p50 %.0f us, p99 %.0f us, %.0f us "
      "at most\n",
      links, static_cast<double>(packets) * 49184 / took / 1e9, at(0.5), at(0.99), at(1.0));
  writers.clear();
  listener->close();
  std::lock_guard lock(holding);
  held.clear();
  port->close();
}

}  // namespace
}  // namespace vsf::net

int main(int argc, char** argv) {
  const auto seconds = argc > 1 ? std::max(0.1, std::atof(argv[1])) : 2.0;
  for (const std::size_t window : {1u, 64u, 256u}) vsf::net::round_trips(seconds, window, 200);
  vsf::net::round_trips(seconds, 64, 1200);
  for (const std::size_t size : {200u, 1200u}) vsf::net::one_way(seconds, size);
  for (const std::size_t size : {200u, 16384u, 49184u, 65535u}) vsf::net::stream(seconds, size, 32);
  for (const std::size_t size : {200u, 16384u, 65536u, 262144u})
    vsf::net::stream(seconds, size, 32, vsf::net::stream_framing::raw);
  for (const std::size_t links : {1u, 4u}) vsf::net::round_trips_under_load(seconds, links);
}
