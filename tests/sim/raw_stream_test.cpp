#include "virtual_internet.hpp"

namespace vsf::sim {
namespace {

class virtual_raw_stream : public virtual_internet {
 protected:
  void connect_raw() {
    listener_ = b_->listen(
                      at(b_, 9), [this](auto link) { far_ = std::move(link); }, net::stream_framing::raw)
                    .value();
    a_->connect(
        at(b_, 9), 10s, [this](auto link) { near_ = link.value(); }, net::stream_framing::raw);
    run_for(5s);
    ASSERT_TRUE(near_ && far_);
  }
  net::stream_handlers reading(net::stream_link* link) {
    return {.on_packet =
                [this, link](frame f) {
                  chunks_.push_back(f.size());
                  got_.insert(got_.end(), f.view().begin(), f.view().end());
                  if (grant_back_) link->grant(1);
                },
            .on_writable = {},
            .on_closed = [this](const std::string& why) { closed_ = why; }};
  }
  /// Numbered bytes, `size` of them after those sent before.
  frame next(std::size_t size) {
    auto out = frame::allocate(size);
    for (auto& byte : out.mutable_view()) byte = numbered(sent_++);
    return out;
  }
  static std::uint8_t numbered(std::size_t i) { return static_cast<std::uint8_t>(i * 31 + (i >> 8)); }
  bool in_order() const {
    for (std::size_t i = 0; i < got_.size(); ++i)
      if (got_[i] != numbered(i)) return false;
    return true;
  }

  bytes got_;
  std::vector<std::size_t> chunks_;
  std::size_t sent_ = 0;
  bool grant_back_ = true;
  std::string closed_;
};

TEST_F(virtual_raw_stream, keeps_the_order_of_bytes_but_not_how_they_were_sent) {
  make({.loss = 0.1});
  connect_raw();
  near_->start({});
  far_->start(reading(far_.get()));
  far_->grant(4);
  std::multiset<std::size_t> sizes;
  for (std::size_t i = 0; i < 400; ++i) {
    const auto size = i % 50 == 0 ? net::max_raw_send / 2 : 10 + i;
    sizes.insert(size);
    ASSERT_TRUE(near_->send(next(size)));
    run_for(i % 50 == 0 ? 5s : 2ms);
  }
  run_for(10s);
  EXPECT_EQ(got_.size(), sent_);
  EXPECT_TRUE(in_order());
  const auto cut =
      std::count_if(chunks_.begin(), chunks_.end(), [&](auto size) { return !sizes.contains(size); });
  EXPECT_GT(cut, 30);  // cut or joined
  for (const auto size : chunks_) {
    EXPECT_GE(size, 1u);
    EXPECT_LE(size, net::max_raw_chunk);
  }
  disconnect();
}

TEST_F(virtual_raw_stream, the_same_seed_cuts_the_same) {
  const auto run = [this] {
    now_ = 0s;
    sent_ = 0;
    chunks_.clear();
    make();
    connect_raw();
    near_->start({});
    far_->start(reading(far_.get()));
    far_->grant(4);
    for (std::size_t i = 0; i < 50; ++i) near_->send(next(100));
    run_for(10s);
    disconnect();
    return chunks_;
  };
  const auto first = run();
  EXPECT_GT(first.size(), 10u);
  EXPECT_EQ(run(), first);
}

TEST_F(virtual_raw_stream, a_chunk_costs_a_credit_and_a_full_window_stops_the_sender) {
  make();
  connect_raw();
  bool writable = false;
  near_->start({.on_packet = {}, .on_writable = [&] { writable = true; }, .on_closed = {}});
  grant_back_ = false;
  far_->start(reading(far_.get()));
  ASSERT_TRUE(near_->send(next(net::max_raw_send)));
  EXPECT_FALSE(near_->send(text(1)));
  run_for(5s);
  EXPECT_TRUE(chunks_.empty());
  for (std::size_t granted = 1; got_.size() < sent_; ++granted) {
    far_->grant(1);
    run_for(1s);
    ASSERT_EQ(chunks_.size(), granted);
  }
  EXPECT_TRUE(in_order());
  EXPECT_GE(chunks_.size(), 4u);
  EXPECT_TRUE(writable);
  disconnect();
}

TEST_F(virtual_raw_stream, the_end_comes_after_what_was_sent_before_it) {
  make();
  connect_raw();
  near_->start({});
  far_->start(reading(far_.get()));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(near_->send(next(1000)));
  near_->close();
  run_for(5s);
  EXPECT_EQ(closed_, "");
  far_->grant(1000);
  run_for(5s);
  EXPECT_EQ(got_.size(), sent_);
  EXPECT_TRUE(in_order());
  EXPECT_EQ(closed_, "closed by the other end");
  disconnect();
}

TEST_F(virtual_raw_stream, what_is_sent_at_once_is_bounded) {
  make();
  connect_raw();
  EXPECT_THROW(near_->send({}), std::length_error);
  EXPECT_THROW(near_->send(text(net::max_raw_send + 1)), std::length_error);
  disconnect();
}

TEST_F(virtual_raw_stream, bytes_at_a_port_of_packets_end_the_connection) {
  make();
  listener_ = b_->listen(at(b_, 9), [this](auto link) { far_ = std::move(link); }).value();
  a_->connect(
      at(b_, 9), 10s, [this](auto link) { near_ = link.value(); }, net::stream_framing::raw);
  run_for(5s);
  ASSERT_TRUE(near_ && far_);
  near_->start(reading(near_.get()));
  far_->start(reading(far_.get()));
  far_->grant(5);
  ASSERT_TRUE(near_->send(text(10)));
  run_for(5s);
  EXPECT_TRUE(got_.empty());
  EXPECT_EQ(net_->counters().streams_misunderstood, 1u);
  EXPECT_NE(closed_, "");
  disconnect();
}

}  // namespace
}  // namespace vsf::sim
