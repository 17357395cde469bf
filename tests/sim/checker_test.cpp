#include "sim/checker.hpp"

#include <gtest/gtest.h>

#include "sample_log.hpp"
#include "sim/check_parts.hpp"

namespace vsf::sim {
namespace {

using testing::edited_log;
using testing::json;
using testing::sample;
using checks = std::set<std::string>;

std::string said(const std::function<void(json&)>& change = [](json&) {}) {
  json out{{"metrics", sample().metrics}, {"seed", 11}, {"nodes", 14}, {"crypto", "real"}};
  change(out);
  return out.dump();
}

/// The first stored leaf that its holder acknowledged and must have.
struct acknowledged_row {
  std::size_t stored = 0, ack = 0;
};
acknowledged_row find_acknowledged(const edited_log& log) {
  checks cut;
  for (std::size_t i = 0; i < log.lines.size(); ++i)
    if (const auto r = log.at(i); r.value("what", "") == "power_cut" && r["record"] == "node")
      cut.insert(r["node"].dump());
  for (auto i = log.find(edited_log::kind("stored"));; i = log.find(edited_log::kind("stored"), i + 1)) {
    const auto row = log.at(i);
    if (cut.contains(row["node"].dump())) continue;
    for (std::size_t k = 0; k < i; ++k) {
      if (log.lines[k].find("\"record\":\"ack\"") == std::string::npos) continue;
      const auto ack = log.at(k);
      const auto& holders = ack["holders"];
      if (ack["key"] == row["key"] && ack["publisher"] == row["publisher"] && ack["seq"] == row["seq"] &&
          std::find(holders.begin(), holders.end(), row["node"]) != holders.end())
        return {i, k};
    }
  }
}

std::string leaf_line(const frame& raw) {
  return to_json_line(leaf_record{crypto::sha256(raw.view()), to_bytes(raw.view())});
}

/// The signed leaf behind a stored record.
fb::LeafT content_of(const edited_log& log, const json& stored) {
  const auto leaf = log.at(log.find(
      [&](const json& r) { return r.value("record", "") == "leaf" && r["hash"] == stored["hash"]; }));
  const auto wrapped = record<fb::SignedLeaf>::parse_copy(*from_hex(leaf["raw"].get<std::string>()));
  return record<fb::Leaf>::parse_copy(view_of((*wrapped)->leaf()))->unpack();
}

const identity::identity& signer_of(const json& stored) {
  for (const auto& who : sample().who)
    if (to_hex(who.signing_key.identity) == stored["publisher"]) return who;
  throw std::runtime_error("a stranger signed it");
}

std::size_t find_download(const edited_log& log) {
  return log.find([](const json& r) { return r.value("op", "") == "download" && r["outcome"] == "ok"; });
}
std::size_t find_resolve(const edited_log& log) {
  return log.find([](const json& r) { return r.value("op", "") == "resolve" && r["outcome"] == "ok"; });
}

TEST(checker, finds_nothing_in_a_good_run_and_looks_at_all_of_it) {
  edited_log log;
  const auto judged = log.judge(said());
  for (const auto& v : judged.violations) ADD_FAILURE() << to_string(v);
  for (const auto* name : {"operations", "signatures", "stored", "merged_keys", "acknowledged_rows",
                           "samples", "gauges", "restarts", "expectations"})
    EXPECT_GT(judged.looked_at.at(name), 0u) << name;
  EXPECT_EQ(judged.looked_at.at("gauges_without_bound"), 0u);
}

TEST(checker, computes_the_same_metrics) {
  EXPECT_EQ(edited_log().judge().metrics, sample().metrics);
  EXPECT_GT(sample().metrics.at("resolves"), 10);
  EXPECT_GT(sample().metrics.at("downloads"), 2);
}

TEST(checker, sees_that_the_result_says_something_else) {
  edited_log log;
  EXPECT_EQ(log.complaints(said([](json& r) { r["metrics"]["resolve_p95_ms"] = 1.5; })), checks{"result"});
  EXPECT_EQ(log.complaints(said([](json& r) { r["metrics"].erase("downloads"); })), checks{"result"});
  EXPECT_EQ(log.complaints(said([](json& r) { r["metrics"]["luck"] = 7; })), checks{"result"});
  EXPECT_EQ(log.complaints(said([](json& r) { r["seed"] = 12; })), checks{"result"});
  EXPECT_FALSE(check(log.read().value(), "{\"metrics\": 5}"));
  EXPECT_FALSE(check(log.read().value(), "{"));
}

TEST(checker, sees_an_unmet_expectation) {
  edited_log log;
  log.change(0, [](json& r) {
    auto text = r["scenario"].get<std::string>();
    text.replace(text.find("resolve_success"), 15, "operations");
    text.replace(text.find("at_least"), 8, "at_most");
    r["scenario"] = text;
  });
  EXPECT_EQ(log.complaints(), checks{"expectation"});
}

TEST(checker, sees_a_lost_acknowledged_leaf) {
  edited_log log;
  log.erase(find_acknowledged(log).stored);
  const auto judged = log.judge();
  ASSERT_EQ(judged.violations.size(), 1u);
  EXPECT_EQ(judged.violations[0].check, "acknowledged");
  // It names the line of the acknowledgement.
  EXPECT_EQ(log.at(judged.violations[0].line - 1)["record"], "ack");
}

TEST(checker, sees_an_older_leaf_than_acknowledged) {
  edited_log log;
  log.change(find_acknowledged(log).ack, [](json& r) { r["seq"] = r["seq"].get<std::uint64_t>() + 1; });
  EXPECT_EQ(log.complaints(), checks{"acknowledged"});
}

TEST(checker, does_not_miss_what_a_power_cut_or_time_took) {
  edited_log cut;
  const auto row = find_acknowledged(cut).stored;
  auto down = cut.at(cut.find([&](const json& r) {
    return r.value("record", "") == "node" && r["node"] == cut.at(row)["node"] && r["what"] == "up";
  }));
  cut.erase(row);
  const auto first_stored = cut.find(edited_log::kind("stored"));
  down["at_us"] = cut.at(cut.end())["at_us"];
  cut.insert(first_stored, down.dump());  // up again
  down["what"] = "power_cut";
  cut.insert(first_stored, down.dump());
  EXPECT_EQ(cut.complaints(), checks{});

  edited_log later;
  later.erase(find_acknowledged(later).stored);
  later.change(later.end(), [](json& r) { r["at_us"] = std::uint64_t{90'000} * 1'000'000; });
  EXPECT_EQ(later.complaints(), checks{});
}

TEST(checker, sees_replicas_that_differ) {
  edited_log log;
  const auto row = log.find(edited_log::kind("stored"));
  const auto stored = log.at(row);
  auto content = content_of(log, stored);
  content.duration_ms += 1;
  const auto other = shadow_index::sign_leaf(content, signer_of(stored)).value();
  log.change(row, [&](json& r) { r["hash"] = to_hex(crypto::sha256(other.view())); });
  log.insert(row, leaf_line(other));
  EXPECT_EQ(log.complaints(), checks{"replicas"});
}

TEST(checker, sees_two_leaves_of_one_publisher_at_one_holder) {
  edited_log log;
  const auto row = log.find(edited_log::kind("stored"));
  log.insert(row, log.lines[row]);
  EXPECT_EQ(log.complaints(), checks{"replicas"});
}

TEST(checker, sees_a_merge_that_hangs_on_the_order) {
  edited_log log;
  const auto read = log.read().value();
  std::vector<shadow_index::checked_leaf> copies(4);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    copies[i].publisher[0] = static_cast<std::uint8_t>(i / 2);
    copies[i].seq = i % 2;
    copies[i].order[0] = static_cast<std::uint8_t>(9 - i);
  }
  std::vector<const shadow_index::checked_leaf*> all;
  for (const auto& c : copies) all.push_back(&c);
  EXPECT_TRUE(orders_agree(all, merge_leaves));
  const auto last_wins = [](const std::vector<const shadow_index::checked_leaf*>& leaves) {
    std::map<public_key, const shadow_index::checked_leaf*> last;
    for (const auto* leaf : leaves) last[leaf->publisher] = leaf;
    shadow_index::leaf_map out;
    for (const auto& [publisher, leaf] : last) out.insert(*leaf);
    return out;
  };
  EXPECT_FALSE(orders_agree(all, last_wins));
  // Any order gives the same, but not what the rule says.
  const auto nothing = [](const auto&) { return shadow_index::leaf_map(); };
  EXPECT_FALSE(orders_agree(all, nothing));
}

TEST(checker, sees_a_bad_signature_if_signatures_were_real) {
  edited_log log;
  const auto line = log.find(edited_log::kind("leaf"));
  const auto old = log.at(line);
  fb::SignedLeafT wrapped =
      record<fb::SignedLeaf>::parse_copy(*from_hex(old["raw"].get<std::string>()))->unpack();
  auto bad = from_fb<signature>(*wrapped.signature);
  bad[5] ^= 1;
  wrapped.signature = box(bad);
  const auto raw = record<fb::SignedLeaf>::pack(wrapped).raw();
  log.lines[line] = leaf_line(raw);
  log.replace_everywhere(old["hash"].get<std::string>(), to_hex(crypto::sha256(raw.view())));
  EXPECT_EQ(log.complaints(), checks{"signature"});
  log.change(0, [](json& r) { r["crypto"] = "stand-in"; });
  EXPECT_EQ(log.complaints(), checks{});
}

TEST(checker, sees_a_leaf_for_another_network) {
  edited_log log;
  log.change(0, [](json& r) { r["network"] = "sim/9"; });
  EXPECT_EQ(log.complaints(), checks{"signature"});
}

TEST(checker, sees_a_stranger_among_the_publishers) {
  edited_log log;
  const auto row = log.find(edited_log::kind("stored"));
  auto stored = log.at(row);
  crypto::seeded_random random(5);
  const auto stranger = identity::make_solved_identity(sample().who[0].network, random);
  const auto leaf = shadow_index::sign_leaf(content_of(log, stored), stranger).value();
  stored["publisher"] = to_hex(stranger.signing_key.identity);
  stored["hash"] = to_hex(crypto::sha256(leaf.view()));
  log.insert(row, stored.dump());
  log.insert(row, leaf_line(leaf));
  EXPECT_EQ(log.complaints(), checks{"publisher"});
}

TEST(checker, sees_a_leaf_that_is_not_what_the_record_says) {
  edited_log log;
  const auto row = log.find(edited_log::kind("stored"));
  log.change(row, [](json& r) { r["seq"] = r["seq"].get<std::uint64_t>() + 1; });
  EXPECT_EQ(log.complaints(), checks{"leaf_bytes"});

  edited_log unknown;
  unknown.change(row, [](json& r) { r["hash"] = std::string(64, 'a'); });
  EXPECT_EQ(unknown.complaints(), (checks{"leaf_bytes", "replicas"}));
}

TEST(checker, sees_a_leaf_under_a_key_not_its_own) {
  edited_log log;
  const auto row = log.find(edited_log::kind("stored"));
  auto stored = log.at(row);
  stored["key"] = std::string(40, '7');
  log.insert(row, stored.dump());
  EXPECT_EQ(log.complaints(), checks{"home"});
}

TEST(checker, sees_a_wrong_file) {
  edited_log log;
  const auto line = find_download(log);
  log.change(line, [](json& r) {
    r["sha256"] = std::string(64, 'b');
    r["outcome"] = "wrong";
  });
  EXPECT_EQ(log.complaints(), checks{"delivered_file"});
  log.change(line, [](json& r) { r["outcome"] = "ok"; });
  EXPECT_EQ(log.complaints(), (checks{"delivered_file", "outcome"}));

  edited_log without;
  without.change(line, [](json& r) { r.erase("sha256"); });
  EXPECT_EQ(without.complaints(), (checks{"delivered_file", "outcome"}));
}

TEST(checker, tells_a_fake_that_was_noticed_from_one_taken_for_genuine) {
  edited_log log;
  const auto line = find_download(log);
  const auto fake = std::string(64, 'c');
  log.change(log.find([&](const json& r) {
    return r.value("record", "") == "recording" && r["mbid"] == log.at(line)["mbid"];
  }),
             [&](json& r) {
               auto encoding = r["encodings"][0];
               encoding["root"] = encoding["sha256"] = fake;
               encoding["genuine"] = false;
               r["encodings"].push_back(encoding);
             });
  log.change(line, [&](json& r) {
    r["sha256"] = fake;
    r["outcome"] = "fake";
  });
  EXPECT_EQ(log.complaints(), checks{});
  EXPECT_EQ(log.judge().metrics.at("fakes_delivered"), 1);
  log.change(line, [](json& r) { r["outcome"] = "ok"; });
  EXPECT_EQ(log.complaints(), (checks{"delivered_file", "outcome"}));
}

TEST(checker, sees_that_outcome_or_holders_are_not_what_happened) {
  edited_log outcome;
  outcome.change(find_resolve(outcome), [](json& r) { r["outcome"] = "empty"; });
  EXPECT_EQ(outcome.complaints(), checks{"outcome"});

  edited_log found;
  found.change(find_resolve(found), [](json& r) { r["holders_found"] = 40; });
  EXPECT_EQ(found.complaints(), checks{"holders_found"});

  edited_log alive;
  alive.change(find_resolve(alive), [](json& r) { r["holders_alive"].erase(0); });
  EXPECT_EQ(alive.complaints(), checks{"holders"});

  edited_log dead;
  dead.change(find_resolve(dead), [](json& r) { r["holders_alive"].push_back(r["node"]); });
  EXPECT_EQ(dead.complaints(), checks{"holders"});
}

TEST(checker, sees_an_invented_node) {
  edited_log log;
  log.change(find_resolve(log), [](json& r) {
    auto candidate = r["candidates"][0];
    candidate["node"] = -1;
    r["candidates"].push_back(candidate);
    r["outcome"] = "wrong";
  });
  EXPECT_EQ(log.complaints(), checks{"invented_candidate"});
}

TEST(checker, sees_a_node_that_starts_twice) {
  edited_log log;
  const auto up = log.find(edited_log::kind("node"));
  log.insert(up, log.lines[up]);
  EXPECT_EQ(log.complaints(), checks{"node_state"});
}

TEST(checker, sees_a_restart_that_no_fault_explains) {
  const auto restart = [](std::size_t node, std::uint64_t at_us) {
    return to_json_line(restart_record{at_us, node, "dht", "out of range"});
  };
  edited_log log;
  log.insert(log.end(), restart(0, 60'000'000));  // before the first fault
  EXPECT_EQ(log.complaints(), checks{"restart"});

  edited_log excused;
  const auto fault =
      excused.at(excused.find([](const json& r) { return r.value("what", "") == "kill_actor"; }));
  excused.insert(excused.end(), restart(fault["nodes"][0], fault["at_us"].get<std::uint64_t>() + 1'000'000));
  EXPECT_EQ(excused.complaints(), checks{});
}

TEST(checker, sees_queues_and_memory_without_bound) {
  edited_log mailbox;
  const auto line = mailbox.find(edited_log::kind("sample"));
  mailbox.change(line, [](json& r) { r["mailbox"] = 20'001; });
  EXPECT_EQ(mailbox.complaints(), checks{"mailbox"});

  edited_log queue;
  queue.change(line, [](json& r) { r["gauges"]["dht.requests_pending"] = 1'000'000; });
  EXPECT_EQ(queue.complaints(), checks{"queue"});

  edited_log labelled;
  labelled.change(line, [](json& r) { r["gauges"]["swarm.transfers{state=\"done\"}"] = 1'000'000; });
  EXPECT_EQ(labelled.complaints(), checks{"queue"});

  edited_log memory;
  memory.change(line, [](json& r) { r["memory_bytes"] = std::uint64_t{1} << 30; });
  EXPECT_EQ(memory.complaints(), checks{"memory"});
  memory.change(line, [](json& r) { r["disk_bytes"] = std::uint64_t{1} << 30; });
  EXPECT_EQ(memory.complaints(), checks{});
  memory.change(line, [](json& r) {
    r["disk_bytes"] = 0;
    r["gauges"]["dht.held_leaves"] = 80'000;
  });
  EXPECT_EQ(memory.complaints(), checks{}) << "it keeps as much for others";
}

TEST(checker, names_what_where_when_and_the_line) {
  EXPECT_EQ(to_string(violation{"restart", "node 3", "dht was restarted", 1'234'567, 89}),
            "restart: node 3: dht was restarted (at 1.235 s, line 89)");
}

TEST(checker, an_unreadable_scenario_is_an_error) {
  edited_log log;
  log.change(0, [](json& r) { r["scenario"] = "nodes: many"; });
  EXPECT_FALSE(check(log.read().value()));
}

}  // namespace
}  // namespace vsf::sim
