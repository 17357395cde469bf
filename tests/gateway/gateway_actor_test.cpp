#include "gateway/gateway_actor.hpp"

#include <nlohmann/json.hpp>

#include "storage/event_store.hpp"
#include "tests/support/virtual_time.hpp"

namespace vsf::gateway {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr const char* known_id = "00112233445566778899aabbccddeeff";
const mbid song = *parse_mbid("8f3471b5-7e6a-48da-86a9-c1c07a0f47ae");

struct fake_state {
  static inline const char* name = "fake";
  fb::TransferLimitsT limits;
};

record<fb::TransferStatus> transfer(fb::TransferState state) {
  fb::TransferStatusT t;
  t.transfer = known_id;
  t.mbid = box(song);
  t.state = state;
  t.path = "/downloads/song.flac";
  return record<fb::TransferStatus>::pack(t);
}

/// Answers as the swarm does; an MBID of zeros is refused, and a silent one never answers.
swarm_actor::behavior_type fake_swarm(swarm_actor::stateful_pointer<fake_state> self, bool silent) {
  const auto dropped = [self, silent]() -> bool {
    if (silent) self->quit();  // an actor that ends without an answer, as one that is being restarted
    return silent;
  };
  return {
      [=](const record<fb::FetchStart>& what) -> caf::result<record<fb::TransferStatus>> {
        if (dropped()) return caf::make_error(caf::sec::request_receiver_down);
        if (from_fb<mbid>(*what->mbid()).is_zero())
          return caf::make_error(caf::sec::runtime_error, std::string("too many unfinished downloads"));
        auto t = transfer(fb::TransferState::queued).unpack();
        t.priority = what->priority();
        return record<fb::TransferStatus>::pack(t);
      },
      [=](const record<fb::FetchControl>& what) -> caf::result<record<fb::TransferStatus>> {
        if (string_of(what->transfer()) != known_id)
          return caf::make_error(caf::sec::invalid_argument, std::string("there is no transfer of that id"));
        if (what->verb() == fb::FetchVerb::retry)
          return caf::make_error(caf::sec::runtime_error, std::string("the node is still starting"));
        // Shows what it was told.
        auto t = transfer(what->verb() == fb::FetchVerb::pause ? fb::TransferState::paused
                                                               : fb::TransferState::cancelled)
                     .unpack();
        t.priority = what->priority();
        t.place = what->place();
        return record<fb::TransferStatus>::pack(t);
      },
      [=](const list_transfers& page) -> caf::result<record<fb::TransferList>> {
        fb::TransferListT out;
        if (page.only.empty() || page.only == known_id)
          out.transfers.push_back(
              std::make_unique<fb::TransferStatusT>(transfer(fb::TransferState::transferring).unpack()));
        return record<fb::TransferList>::pack(out);
      },
      [](const transfer_progress&) {},
      [=](const record<fb::TransferLimits>& wanted) -> record<fb::TransferLimits> {
        wanted->UnPackTo(&self->state.limits);
        return wanted;
      },
      [=](const limits_request&) { return record<fb::TransferLimits>::pack(self->state.limits); },
      [](const component_links&) {},
      [](const report_request&) {},
      [](const alarm&) {},
      [](const restart_child&) {},
  };
}

/// Answers a question after `delay`; zero: never.
resolver_actor::behavior_type fake_resolver(resolver_actor::stateful_pointer<fake_state> self,
                                            std::chrono::milliseconds delay) {
  return {
      [=](const record<fb::Resolve>& question, const resolve_client_actor& client) {
        fb::ResolveResultT out;
        out.id = question->id();
        out.mbid = box(from_fb<mbid>(*question->mbid()));
        out.publishers = 3;
        if (delay != 0ms) self->delayed_send(client, delay, record<fb::ResolveResult>::pack(out));
      },
      [](const record<fb::DhtGetResult>&) {},
      [](const record<fb::DhtSweepResult>&) {},
      [](const record<fb::DhtFindResult>&) {},
      [](const component_links&) {},
      [](const report_request&) {},
      [](const alarm&) {},
  };
}

class gateway_under_test : public tests::virtual_time {
 protected:
  void SetUp() override {
    auto made = std::make_shared<environment>();
    made->store = std::shared_ptr<storage::kv_store>(storage::make_memory_store());
    made->log = [](log_level, std::string_view, std::string_view) {};
    env = made;
    gate = keep(system().spawn(gateway, env));
  }
  void link(bool silent_swarm, std::chrono::milliseconds resolver_delay) {
    component_links links;
    links.swarm = keep(system().spawn(fake_swarm, silent_swarm));
    links.resolver = keep(system().spawn(fake_resolver, resolver_delay));
    caf::anon_send(gate, links);
    settle();
  }
  /// Sends a want and runs the clock for `span`; how often it was answered stands in `answers`.
  response want_of(want what, std::chrono::nanoseconds span = 10s) {
    response out;
    answers = 0;
    caf::anon_send(gate, http_query{std::move(what), [&](response r) {
                                      ++answers;
                                      out = std::move(r);
                                    }});
    run_for(span);
    EXPECT_EQ(answers, 1);
    return out;
  }
  static std::string message(const response& r) { return json::parse(r.body)["error"]["message"]; }
  void TearDown() override {
    gate = nullptr;
    virtual_time::TearDown();
  }

  environment_ptr env;
  gateway_actor gate;
  int answers = 0;
};

TEST_F(gateway_under_test, says_that_the_mesh_is_not_up_before_it_is) {
  EXPECT_EQ(want_of(want_fetch{song}).status, 503u);
  EXPECT_EQ(want_of(want_downloads{}).status, 503u);
  EXPECT_EQ(want_of(want_resolve{song}).status, 503u);
  EXPECT_EQ(want_of(want_status{}).status, 503u);
}

TEST_F(gateway_under_test, finds_a_download_by_id_however_many_there_are) {
  link(false, 10ms);
  const auto found = want_of(want_download{known_id});
  EXPECT_EQ(found.status, 200u);
  EXPECT_EQ(json::parse(found.body)["id"], known_id);
  EXPECT_EQ(want_of(want_download{std::string(32, '0')}).status, 404u);
  EXPECT_EQ(want_of(want_content{known_id}).status, 409u);  // it still runs
}

TEST_F(gateway_under_test, passes_a_refusal_on_in_its_own_words) {
  link(false, 10ms);
  EXPECT_EQ(want_of(want_fetch{song}).status, 202u);
  const auto full = want_of(want_fetch{mbid{}});
  EXPECT_EQ(full.status, 409u);
  EXPECT_EQ(message(full), "too many unfinished downloads");
  EXPECT_EQ(want_of(want_control{known_id, fb::FetchVerb::cancel}).status, 200u);
  EXPECT_EQ(want_of(want_control{std::string(32, '0'), fb::FetchVerb::cancel}).status, 404u);
  const auto starting = want_of(want_control{known_id, fb::FetchVerb::retry});
  EXPECT_EQ(starting.status, 409u);
  EXPECT_EQ(message(starting), "the node is still starting");
}

TEST_F(gateway_under_test, hands_on_what_a_command_carries) {
  link(false, 10ms);
  const auto begun = json::parse(want_of(want_fetch{song, fb::Priority::low}).body);
  EXPECT_EQ(begun["priority"], "low");
  const auto raised =
      json::parse(want_of(want_control{known_id, fb::FetchVerb::prioritize, fb::Priority::high}).body);
  EXPECT_EQ(raised["priority"], "high");
  const auto moved =
      json::parse(want_of(want_control{known_id, fb::FetchVerb::move, fb::Priority::normal, 7}).body);
  EXPECT_EQ(moved["place"], 7);
  EXPECT_EQ(json::parse(want_of(want_control{known_id, fb::FetchVerb::pause}).body)["state"], "paused");
}

TEST_F(gateway_under_test, sets_limits_and_asks_for_them) {
  EXPECT_EQ(want_of(want_limits{}).status, 503u);
  link(false, 10ms);
  fb::TransferLimitsT wanted;
  wanted.upload_limit_kib = 1;
  wanted.download_limit_kib = 2;
  wanted.upload_limit_per_peer_kib = 3;
  wanted.upload_slots = 4;
  wanted.active_downloads = 5;
  const auto set = want_of(want_new_limits{wanted});
  EXPECT_EQ(set.status, 200u);
  const auto now_hold = want_of(want_limits{});
  EXPECT_EQ(now_hold.body, set.body);
  const auto body = json::parse(now_hold.body);
  EXPECT_EQ(body["upload_limit_kib"], 1);
  EXPECT_EQ(body["download_limit_kib"], 2);
  EXPECT_EQ(body["upload_limit_per_peer_kib"], 3);
  EXPECT_EQ(body["upload_slots"], 4);
  EXPECT_EQ(body["active_downloads"], 5);
}

TEST_F(gateway_under_test, says_when_a_component_is_gone) {
  link(true, 10ms);
  EXPECT_EQ(want_of(want_fetch{song}).status, 503u);
  EXPECT_EQ(want_of(want_downloads{}).status, 503u);
}

TEST_F(gateway_under_test, answers_a_resolve_once_in_time_or_not) {
  link(false, 4'900ms);
  const auto found = want_of(want_resolve{song});
  EXPECT_EQ(found.status, 200u);
  EXPECT_EQ(json::parse(found.body)["publishers"], 3);
  const auto search = want_of(want_search{to_string(song), 10});
  EXPECT_EQ(search.status, 200u);
  EXPECT_EQ(json::parse(search.body)["mesh"]["publishers"], 3);
}

TEST_F(gateway_under_test, gives_up_on_a_resolver_that_does_not_answer) {
  link(false, 0ms);
  EXPECT_EQ(want_of(want_resolve{song}).status, 503u);
}

TEST_F(gateway_under_test, bounds_the_resolves_under_way) {
  link(false, 0ms);
  int refused = 0, asked = 0;
  for (std::size_t i = 0; i < gateway_state::max_resolves + 5; ++i)
    caf::anon_send(gate, http_query{want_resolve{song}, [&](response r) {
                                      ++asked;
                                      if (r.body.find("too many") != std::string::npos) ++refused;
                                    }});
  settle();
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(asked, 5);
  run_for(10s);
  EXPECT_EQ(asked, static_cast<int>(gateway_state::max_resolves) + 5);
}

TEST_F(gateway_under_test, hands_events_on_and_reads_their_history) {
  std::vector<std::string> got;
  caf::anon_send(gate, event_sink{[&](const std::string& text) { got.push_back(text); }});
  fb::EventT event;
  event.text = "hello";
  caf::anon_send(gate, record<fb::Event>::pack(event));
  settle();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(json::parse(got[0])["text"], "hello");
  ASSERT_TRUE(storage::event_store(env->store).append(event));
  const auto history = want_of(want_events{10});
  EXPECT_EQ(json::parse(history.body)["events"].size(), 1u);
  caf::anon_send(gate, event_sink{});
  settle();
}

}  // namespace
}  // namespace vsf::gateway
