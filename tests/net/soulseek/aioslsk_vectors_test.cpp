#include "tests/net/soulseek/aioslsk_fields.hpp"
#include "tests/net/soulseek/support.hpp"

namespace vsf::soulseek::tests {
namespace {

/// aioslsk names who speaks: requests go to the server, responses come from it; peer messages are all
/// requests.
enum class family : std::uint8_t { to_server, from_server, init, peer, distributed };
family family_of(const std::string& name) {
  const auto dot = name.find('.');
  const auto base = name.substr(0, dot);
  if (base == "PeerInit" || base == "PeerPierceFirewall") return family::init;
  if (base.starts_with("Peer")) return family::peer;
  if (base.starts_with("Distributed") && base != "DistributedAliveInterval") return family::distributed;
  return name.substr(dot + 1) == "Request" ? family::to_server : family::from_server;
}

/// The values that occur in the fields, in their order, without names: what aioslsk calls a field we may call
/// otherwise, but the values must be the same.
template <class Frames>
void check(const nlohmann::json& vector) {
  const auto name = vector.at("message").get<std::string>();
  const auto framed = hex_of(vector);
  frame_splitter splitter(peer_frame_limit, Frames::code_size);
  splitter.feed(framed);
  const auto frame = splitter.next();
  ASSERT_TRUE(frame) << name;
  const auto read = Frames::decode(*frame);
  ASSERT_TRUE(read) << name << ": " << to_string(read.error());
  ASSERT_FALSE(std::holds_alternative<unknown>(*read)) << name;

  auto ours = std::visit([](const auto& m) { return values_of(m); }, *read);
  EXPECT_EQ(ours, expected_values(vector)) << name << "\n" << vector.at("fields");

  const auto again = encode_any(*read);
  EXPECT_EQ(Frames::decode(unframed(again)).value(), *read) << name;
  // Attributes are written in the order of their numbers, which only this vector doesn't keep.
  if (name == "PeerDirectoryContentsReply.Request") return;
  if constexpr (std::is_same_v<Frames, peer_frames>) {
    EXPECT_EQ(to_hex(plain_of(again)), to_hex(plain_of(framed))) << name;
  } else {
    EXPECT_EQ(to_hex(again), to_hex(byte_view(framed).first(again.size()))) << name;
    // The init message whose token is longer than its length says: zeros, which are skipped.
    EXPECT_EQ(framed.size() - again.size(), name == "PeerInit.Request" && framed.size() > 23 ? 4U : 0U)
        << name;
  }
  EXPECT_FALSE(splitter.next());
  EXPECT_FALSE(splitter.error());
  EXPECT_EQ(splitter.buffered(), 0U);
}

TEST(soulseek_aioslsk, every_vector_both_ways_and_by_its_fields) {
  std::size_t seen = 0;
  for (const auto& vector : vectors_of("aioslsk")) {
    switch (family_of(vector.at("message"))) {
      case family::to_server:
        check<to_server_frames>(vector);
        break;
      case family::from_server:
        check<from_server_frames>(vector);
        break;
      case family::init:
        check<init_frames>(vector);
        break;
      case family::peer:
        check<peer_frames>(vector);
        break;
      case family::distributed:
        check<distributed_frames>(vector);
        break;
    }
    ++seen;
  }
  EXPECT_GT(seen, 130U);
}

}  // namespace
}  // namespace vsf::soulseek::tests
