#include "gateway/server.hpp"

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/gateway/raw_client.hpp"

namespace {

using namespace vsf;
using namespace vsf::gateway;
using namespace vsf::gateway::test;
using clock = std::chrono::steady_clock;

const endpoint any_port = endpoint::v4(0x7F000001, 0);

/// Answers every want at once with its kind's number.
void at_once(const want& what, const std::function<void(response)>& done) {
  done({200, "application/json", R"({"want":)" + std::to_string(what.index()) + "}"});
}

std::unique_ptr<http_server> serve(server_hooks hooks = {at_once}, server_limits limits = {},
                                   const std::string& key = "") {
  auto out = start_server({key, any_port}, {}, std::move(hooks), limits);
  EXPECT_TRUE(out) << out.error().message;
  return out ? std::move(*out) : nullptr;
}

std::string error_code_of(const std::optional<answer>& got) {
  return got ? nlohmann::json::parse(got->body)["error"]["code"].get<std::string>() : "no answer";
}

TEST(server, answers_several_requests_on_one_connection) {
  const auto server = serve();
  ASSERT_NE(server->local().port, 0);
  raw_client client(server->local());
  for (int i = 0; i < 3; ++i) {
    const auto got = client.get("/api/v1/status");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->headers.at("content-type"), "application/json");
    EXPECT_TRUE(nlohmann::json::accept(got->body));
  }
  EXPECT_EQ(error_code_of(client.get("/nowhere")), "not_found");
}

TEST(server, answers_pipelined_requests_in_order) {
  const auto server = serve();
  raw_client client(server->local());
  const std::string host = " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  client.send("GET /health" + host + "GET /nowhere" + host + "GET /health" + host);
  EXPECT_EQ(client.receive().value_or(answer{}).status, 200);
  EXPECT_EQ(client.receive().value_or(answer{}).status, 404);
  EXPECT_EQ(client.receive().value_or(answer{}).status, 200);
}

TEST(server, closes_when_asked_to) {
  const auto server = serve();
  raw_client client(server->local());
  EXPECT_TRUE(client.get("/health", "Connection: close\r\n"));
  EXPECT_TRUE(client.ends_within(5));
}

TEST(server, serves_the_page_with_its_policy) {
  const auto server = serve();
  raw_client client(server->local());
  const auto page = client.get("/");
  ASSERT_TRUE(page);
  EXPECT_EQ(page->headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_NE(page->headers.at("content-security-policy").find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page->headers.at("x-content-type-options"), "nosniff");
  client.send("HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  const auto head = client.receive(false);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->headers.at("content-length"), std::to_string(page->body.size()));
  // A body after HEAD would be taken for the next answer.
  EXPECT_EQ(client.get("/health").value_or(answer{}).status, 200);
}

TEST(server, applies_the_access_policy) {
  const auto server = serve({at_once}, {}, "sesame");
  raw_client client(server->local());
  EXPECT_EQ(error_code_of(client.get("/api/v1/status")), "bad_key");
  EXPECT_EQ(client.get("/api/v1/status", "x-API-key: sesame\r\n").value_or(answer{}).status, 200);
  EXPECT_EQ(client.get("/health").value_or(answer{}).status, 200);
  raw_client rebound(server->local());
  rebound.send("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(rebound.receive().value_or(answer{}).status, 421);
}

TEST(server, refuses_what_is_too_large_or_no_http) {
  const auto server = serve();
  const auto status_after = [&](const std::string& bytes) {
    raw_client client(server->local());
    client.send(bytes);
    const auto got = client.receive();
    EXPECT_TRUE(client.ends_within(5));
    return got ? got->status : 0;
  };
  const std::string host = "Host: 127.0.0.1\r\n";
  EXPECT_EQ(status_after("POST /api/v1/downloads HTTP/1.1\r\n" + host + "Content-Length: 65537\r\n\r\n"),
            413);
  EXPECT_EQ(status_after("POST /api/v1/downloads HTTP/1.1\r\n" + host +
                         "Content-Length: 99999999999999999999\r\n\r\n"),
            400);
  EXPECT_EQ(status_after("GET / HTTP/1.1\r\n" + host + "X: " + std::string(20'000, 'x') + "\r\n\r\n"), 413);
  EXPECT_EQ(status_after("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(status_after("GET /%zz HTTP/1.1\r\n" + host + "\r\n"), 400);
  raw_client fine(server->local());
  EXPECT_TRUE(fine.get("/health")) << "the others still get answers";
}

TEST(server, waits_for_an_answer_from_another_thread) {
  std::vector<std::thread> threads;
  server_hooks hooks{[&](const want&, std::function<void(response)> done) {
    threads.emplace_back([done] {
      std::this_thread::yield();
      done({202, "application/json", "{}"});
    });
  }};
  {
    const auto server = serve(std::move(hooks));
    raw_client client(server->local());
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.get("/api/v1/status").value_or(answer{}).status, 202);
  }
  for (auto& t : threads) t.join();
}

TEST(server, hangs_up_on_who_says_nothing) {
  server_limits limits;
  limits.idle_timeout_s = 1;
  const auto server = serve({at_once}, limits);
  raw_client silent(server->local());
  raw_client slow(server->local());
  slow.send("GET / HTTP/1.1\r\nHost: 127");
  EXPECT_TRUE(silent.ends_within(5));
  EXPECT_TRUE(slow.ends_within(5));
}

TEST(server, bounds_its_connections) {
  server_limits limits;
  limits.max_connections = 2;
  const auto server = serve({at_once}, limits);
  std::optional<raw_client> one(std::in_place, server->local());
  raw_client two(server->local());
  EXPECT_TRUE(one->get("/health"));
  EXPECT_TRUE(two.get("/health"));
  raw_client third(server->local());
  EXPECT_TRUE(third.ends_within(5));
  EXPECT_TRUE(two.get("/health"));
  one.reset();
  // The place is free once the server has seen the end of the first.
  for (int i = 0; i < 100; ++i) {
    raw_client again(server->local());
    if (again.get("/health")) return;
  }
  ADD_FAILURE() << "the place of an ended connection was not given to another";
}

class finished_file : public testing::Test {
 protected:
  finished_file()
      : path(std::filesystem::temp_directory_path() / ("vsf-content-" + std::to_string(::getpid()))) {
    bytes.resize(3'000'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
    std::ofstream(path, std::ios::binary) << bytes;
    hooks.ask = [this](const want&, const std::function<void(response)>& done) {
      response out;
      out.content_type = "application/octet-stream";
      out.finished_download = path.string();
      out.headers.emplace_back("X-File-Name", "a b.mp3");
      done(std::move(out));
    };
  }
  ~finished_file() override { std::filesystem::remove(path); }
  const std::string target = "/api/v1/downloads/" + std::string(32, 'a') + "/content";
  std::filesystem::path path;
  std::string bytes;
  server_hooks hooks;
};

TEST_F(finished_file, is_sent_whole) {
  const auto server = serve(hooks);
  raw_client client(server->local());
  for (int i = 0; i < 2; ++i) {
    const auto got = client.get(target);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->headers.at("content-type"), "application/octet-stream");
    EXPECT_EQ(got->headers.at("x-file-name"), "a b.mp3");
    EXPECT_TRUE(got->body == bytes);
  }
}

TEST_F(finished_file, that_is_gone_is_told) {
  std::filesystem::remove(path);
  const auto server = serve(hooks);
  raw_client client(server->local());
  EXPECT_EQ(error_code_of(client.get(target)), "file_gone");
  EXPECT_EQ(client.get("/nowhere").value_or(answer{}).status, 404);
}

TEST(server, stops_with_requests_and_connections_open) {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::function<void(response)>> unanswered;
  auto server = serve({[&](const want&, std::function<void(response)> done) {
    const std::lock_guard lock(mutex);
    unanswered.push_back(std::move(done));
    came.notify_one();
  }});
  raw_client asking(server->local());
  raw_client idle(server->local());
  asking.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(came.wait_for(lock, std::chrono::seconds(10), [&] { return !unanswered.empty(); }));
  }
  const auto begun = clock::now();
  server->stop();
  server->stop();
  EXPECT_LT(clock::now() - begun, std::chrono::seconds(2));
  // An answer that comes too late is nobody's.
  unanswered.front()({200, "application/json", "{}"});
  unanswered.clear();
  server.reset();
  EXPECT_TRUE(idle.ends_within(5));
}

TEST(server, an_address_in_use_is_told) {
  const auto first = serve();
  const auto second = start_server({"", first->local()}, {}, {at_once});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find(to_string(first->local())), std::string::npos);
  EXPECT_NE(second.error().message.find("gateway.listen"), std::string::npos);
}

TEST(server, a_certificate_that_is_none_is_told) {
  const auto out = start_server({"", any_port}, {"/nonexistent.pem", "/nonexistent.pem"}, {at_once});
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("gateway.tls_cert /nonexistent.pem"), std::string::npos);
}

}  // namespace
