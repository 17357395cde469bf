#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "gateway/server.hpp"
#include "tests/gateway/raw_client.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using namespace vsf::gateway::test;

constexpr const char* upgrade =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

void refuse_all(const want&, const std::function<void(response)>& done) {
  done(problem(426, "websocket_only", "x"));
}

std::unique_ptr<http_server> serve(const std::string& key = "", server_limits limits = {}) {
  auto out = start_server({key, endpoint::v4(0x7F000001, 0)}, {}, {refuse_all}, limits);
  EXPECT_TRUE(out) << out.error().message;
  return out ? std::move(*out) : nullptr;
}

void broadcast(http_server& server, const std::string& text) {
  server.broadcast(std::make_shared<const std::string>(text));
}

/// The payload of the next message of an unmasked server, of one frame or several; `kind` is its opcode.
std::string frame(raw_client& from, std::uint8_t kind = 1) {
  std::string out;
  for (bool first = true;; first = false) {
    const auto head = from.read_exactly(2);
    if (head.size() < 2) return "no such frame";
    const auto start = static_cast<std::uint8_t>(head[0]);
    if ((start & 0x0Fu) != (first ? kind : 0u)) return "no such frame";
    std::size_t length = static_cast<std::uint8_t>(head[1]);
    if (length == 126) {
      const auto more = from.read_exactly(2);
      length = static_cast<std::size_t>(static_cast<std::uint8_t>(more[0])) << 8 |
               static_cast<std::uint8_t>(more[1]);
    }
    out += from.read_exactly(length);
    if ((start & 0x80u) != 0) return out;
  }
}

/// Opens the stream and waits until it is known to the server: only then is a broadcast for it.
void open(raw_client& client, const std::string& target = "/api/v1/events") {
  const auto got = client.get(target, upgrade);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->status, 101);
  // RFC 6455, section 1.3
  EXPECT_EQ(got->headers.at("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  // A ping is answered by the stream's own reading, which begins when it is admitted.
  client.send(std::string("\x89\x80\x00\x00\x00\x00", 6));
  EXPECT_EQ(frame(client, 10), "");
}

TEST(web_socket, gets_each_event_in_order) {
  const auto server = serve();
  raw_client one(server->local());
  raw_client other(server->local());
  open(one);
  open(other);
  for (int i = 0; i < 50; ++i) broadcast(*server, "event " + std::to_string(i));
  broadcast(*server, std::string(1000, 'x'));
  for (auto* client : {&one, &other}) {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(frame(*client), "event " + std::to_string(i));
    EXPECT_EQ(frame(*client), std::string(1000, 'x'));
  }
}

TEST(web_socket, brings_its_key_in_the_address) {
  const auto server = serve("se same");
  raw_client without(server->local());
  EXPECT_EQ(without.get("/api/v1/events", upgrade).value_or(answer{}).status, 401);
  raw_client wrong(server->local());
  EXPECT_EQ(wrong.get("/api/v1/events?api_key=no", upgrade).value_or(answer{}).status, 401);
  raw_client right(server->local());
  open(right, "/api/v1/events?api_key=se%20same");
  broadcast(*server, "hello");
  EXPECT_EQ(frame(right), "hello");
}

TEST(web_socket, is_refused_to_pages_of_other_origins) {
  const auto server = serve();
  raw_client client(server->local());
  const auto got = client.get("/api/v1/events", std::string(upgrade) + "Origin: http://evil.example\r\n");
  EXPECT_EQ(got.value_or(answer{}).status, 403);
}

TEST(web_socket, is_needed_for_the_stream) {
  const auto server = serve();
  raw_client client(server->local());
  EXPECT_EQ(client.get("/api/v1/events").value_or(answer{}).status, 426);
}

TEST(web_socket, beyond_the_bound_is_closed) {
  server_limits limits;
  limits.max_websockets = 1;
  const auto server = serve("", limits);
  raw_client one(server->local());
  open(one);
  raw_client other(server->local());
  other.get("/api/v1/events", upgrade);
  EXPECT_TRUE(other.ends_within(5));
  broadcast(*server, "still here");
  EXPECT_EQ(frame(one), "still here");
}

TEST(web_socket, one_that_does_not_read_loses_the_oldest_and_is_told) {
  const auto server = serve();
  raw_client slow(server->local());
  open(slow);
  // Far more than the sockets between us and the queue hold.
  const std::string filler(20'000, 'x');
  constexpr int sent = 3000;
  for (int i = 0; i < sent; ++i) broadcast(*server, std::to_string(i) + filler);
  broadcast(*server, "end");
  int received = 0;
  int told = 0;
  for (std::string text; (text = frame(slow)) != "end";) {
    ASSERT_NE(text, "no such frame") << "after " << received;
    if (text.front() == '{') {
      const auto words = nlohmann::json::parse(text)["text"].get<std::string>();
      told += std::stoi(words.substr(words.find(": ") + 2));
    } else {
      ++received;
    }
  }
  EXPECT_GT(told, 0);
  EXPECT_EQ(received + told, sent);
}

TEST(web_socket, ends_with_the_server) {
  auto server = serve();
  raw_client client(server->local());
  open(client);
  server.reset();
  EXPECT_TRUE(client.ends_within(5));
}

TEST(web_socket, that_sends_too_much_is_closed) {
  const auto server = serve();
  raw_client client(server->local());
  open(client);
  // A text frame that announces 1 MiB, of which 8 KiB come.
  client.send(std::string("\x81\xff\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00", 14) +
              std::string(8192, 'x'));
  EXPECT_TRUE(client.ends_within(5));
}

}  // namespace
