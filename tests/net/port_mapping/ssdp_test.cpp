#include "net/port_mapping/ssdp.hpp"

#include <rapidcheck.h>

#include "tests/net/port_mapping/fake_router.hpp"

namespace vsf::net::tests {
namespace {

const auto router_at = endpoint::v4(0xC0A80101, 1900);

TEST(ssdp, a_description_is_taken_from_the_address_that_answers_alone) {
  EXPECT_EQ(
      location_of("HTTP/1.1 200 OK\r\nST: x\r\nLOCATION: http://192.168.1.1:5000/r.xml \r\n\r\n", router_at),
      "http://192.168.1.1:5000/r.xml");
  EXPECT_EQ(location_of("HTTP/1.0 200 OK\nlocation:http://192.168.1.1/r.xml\n", router_at),
            "http://192.168.1.1/r.xml");
  for (const auto* other : {"http://192.168.1.2/r.xml", "http://router/r.xml", "https://192.168.1.1/r.xml",
                            "file:///etc/passwd", "http://192.168.1.1:99999/", ""})
    EXPECT_EQ(location_of("HTTP/1.1 200 OK\r\nLOCATION: " + std::string(other) + "\r\n\r\n", router_at),
              std::nullopt)
        << other;
  EXPECT_EQ(location_of("NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n", router_at),
            std::nullopt);
  EXPECT_EQ(
      location_of("HTTP/1.1 200 OK\r\nLOCATION: http://192.168.1.1/" + std::string(600, 'x'), router_at),
      std::nullopt);
}

TEST(ssdp, any_answer_is_read_without_harm) {
  EXPECT_TRUE(rc::check("answers", [](const std::string& tail) {
    for (const auto* head :
         {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nLOCATION:", "HTTP/1.1 200 OK\r\nLOCATION: http://"})
      if (const auto url = location_of(head + tail, router_at))
        RC_ASSERT(http_host(*url)->ip == router_at.ip);
  }));
}

TEST(ssdp, hosts_of_addresses) {
  EXPECT_EQ(http_host("http://127.0.0.1/x"), endpoint::v4(loopback_ip, 80));
  EXPECT_EQ(http_host("http://127.0.0.1:99?x"), endpoint::v4(loopback_ip, 99));
  EXPECT_EQ(http_host("http://user@127.0.0.1:99/"), std::nullopt);
  EXPECT_EQ(http_host("ftp://127.0.0.1/"), std::nullopt);
}

TEST(ssdp, what_is_behind_another_router) {
  for (const std::uint32_t near : {0x0A000001U, 0xC0A80001U, 0x64400001U, 0x647FFFFFU, 0x7F000001U})
    EXPECT_TRUE(behind_another(endpoint::v4(near, 0))) << near;
  for (const std::uint32_t far : {0x08080808U, 0x643FFFFFU, 0x64800000U})
    EXPECT_FALSE(behind_another(endpoint::v4(far, 0)));
}

}  // namespace
}  // namespace vsf::net::tests
