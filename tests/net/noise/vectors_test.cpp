#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/noise/handshake.hpp"

namespace vsf::noise {
namespace {

bytes hex_of(const nlohmann::json& value) { return from_hex(value.get<std::string>()).value(); }
crypto::dh_key key_of(const nlohmann::json& value) {
  return crypto::dh_key::from_secret(digest::from(hex_of(value)).value());
}

nlohmann::json vector_for(const std::string& name) {
  std::ifstream file(VSF_SOURCE_DIR "/tests/net/noise/vectors/noise.json");
  const auto all = nlohmann::json::parse(file);
  for (const auto& one : all.at("vectors"))
    if (one.at("protocol_name") == name) return one;
  throw std::runtime_error("no vector for " + name);
}

void transport(const nlohmann::json& message, crypto::aead& sender, crypto::aead& receiver,
               std::uint64_t nonce) {
  const auto payload = hex_of(message.at("payload"));
  auto buffer = payload;
  buffer.resize(payload.size() + crypto::tag_size);
  sender.seal(nonce, {}, buffer);
  EXPECT_EQ(to_hex(buffer), message.at("ciphertext").get<std::string>());
  ASSERT_TRUE(receiver.open(nonce, {}, buffer));
  buffer.resize(payload.size());
  EXPECT_EQ(buffer, payload);
}

void run(pattern p, const std::string& name) {
  const auto vector = vector_for(name);
  crypto::system_random random;
  std::optional<static_key> remote;
  if (vector.contains("init_remote_static"))
    remote = static_key::from(hex_of(vector.at("init_remote_static")));
  auto initiator = handshake::initiator(p, hex_of(vector.at("init_prologue")),
                                        key_of(vector.at("init_static")), remote, random);
  auto responder =
      handshake::responder(p, hex_of(vector.at("resp_prologue")), key_of(vector.at("resp_static")), random);
  initiator.set_ephemeral(key_of(vector.at("init_ephemeral")));
  responder.set_ephemeral(key_of(vector.at("resp_ephemeral")));

  const auto& messages = vector.at("messages");
  std::size_t next = 0;
  for (; !initiator.finished(); ++next) {
    auto& writer = initiator.my_turn() ? initiator : responder;
    auto& reader = initiator.my_turn() ? responder : initiator;
    EXPECT_FALSE(reader.my_turn());
    const auto payload = hex_of(messages.at(next).at("payload"));
    const auto size = writer.message_size(payload.size());
    EXPECT_EQ(reader.message_size(payload.size()), size);
    const auto message = writer.write(payload);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->size(), size);
    EXPECT_EQ(to_hex(*message), messages.at(next).at("ciphertext").get<std::string>()) << next;
    const auto got = reader.read(*message);
    ASSERT_TRUE(got) << next;
    EXPECT_EQ(*got, payload);
  }
  EXPECT_EQ(next, p == pattern::xx ? 3U : 2U);
  ASSERT_TRUE(responder.finished());
  EXPECT_EQ(initiator.remote_static(), key_of(vector.at("resp_static")).key);
  EXPECT_EQ(responder.remote_static(), key_of(vector.at("init_static")).key);

  const auto a = initiator.split();
  const auto b = responder.split();
  EXPECT_EQ(to_hex(a.handshake_hash), vector.at("handshake_hash").get<std::string>());
  EXPECT_EQ(b.handshake_hash, a.handshake_hash);
  crypto::aead a_send(a.send);
  crypto::aead a_receive(a.receive);
  crypto::aead b_send(b.send);
  crypto::aead b_receive(b.receive);
  std::array<std::uint64_t, 2> nonces{};
  ASSERT_GT(messages.size(), next);
  for (bool from_initiator = next % 2 == 0; next < messages.size();
       ++next, from_initiator = !from_initiator) {
    if (from_initiator)
      transport(messages.at(next), a_send, b_receive, nonces[0]++);
    else
      transport(messages.at(next), b_send, a_receive, nonces[1]++);
  }
}

TEST(noise_vectors, xx) { run(pattern::xx, "Noise_XX_25519_ChaChaPoly_SHA256"); }
TEST(noise_vectors, ik) { run(pattern::ik, "Noise_IK_25519_ChaChaPoly_SHA256"); }

}  // namespace
}  // namespace vsf::noise
