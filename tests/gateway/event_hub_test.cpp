#include "gateway/event_hub.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace {

using vsf::gateway::event_queue;

void push(event_queue& queue, int number) {
  queue.push(std::make_shared<const std::string>(std::to_string(number)));
}

TEST(event_queue, gives_what_came_in_order) {
  event_queue queue;
  EXPECT_TRUE(queue.empty());
  push(queue, 1);
  push(queue, 2);
  EXPECT_EQ(queue.pop(), "1");
  EXPECT_EQ(queue.pop(), "2");
  EXPECT_TRUE(queue.empty());
}

TEST(event_queue, drops_the_oldest_and_says_how_many) {
  event_queue queue;
  const int pushed = static_cast<int>(event_queue::max_waiting) + 7;
  for (int i = 0; i < pushed; ++i) push(queue, i);
  const auto notice = nlohmann::json::parse(queue.pop());
  EXPECT_EQ(notice["kind"], "warning");
  EXPECT_NE(notice["text"].get<std::string>().find(" 7 events"), std::string::npos);
  for (int i = 7; i < pushed; ++i) EXPECT_EQ(queue.pop(), std::to_string(i));
  EXPECT_TRUE(queue.empty());
}

}  // namespace
