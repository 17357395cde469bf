#pragma once

#include "net/soulseek/types.hpp"

/// What messages of the server are made of.
namespace vsf::soulseek::from_server {

struct login_success {
  std::string motd{};
  std::uint32_t ip = 0;  // ours, as the server sees it
  std::optional<std::string> password_md5{};
  std::optional<bool> supporter{};
  bool operator==(const login_success&) const = default;
};

struct login_refusal {
  std::string text{};  // as on the wire
  std::optional<std::string> detail{};

  login_failure why() const;
  bool operator==(const login_refusal&) const = default;
};

struct watched_user {
  user_status status = user_status::offline;
  user_stats stats{};
  std::optional<std::string> country{};  // two capitals; missing when offline
  bool operator==(const watched_user&) const = default;
};

struct room_user {
  std::string username{};
  user_status status = user_status::offline;
  user_stats stats{};
  std::uint32_t slots_free = 0;
  std::string country{};
  bool operator==(const room_user&) const = default;
};

struct private_room_staff {
  std::string owner{};
  std::vector<std::string> operators{};
  bool operator==(const private_room_staff&) const = default;
};

struct listed_room {
  std::string name{};
  std::uint32_t users = 0;
  bool operator==(const listed_room&) const = default;
};

struct recommendation {
  std::string item{};
  std::int32_t score = 0;
  bool operator==(const recommendation&) const = default;
};

struct similar_user {
  std::string username{};
  std::uint32_t score = 0;
  bool operator==(const similar_user&) const = default;
};

struct ticker {
  std::string username{};
  std::string text{};
  bool operator==(const ticker&) const = default;
};

struct possible_parent {
  std::string username{};
  std::uint32_t ip = 0;
  std::uint32_t port = 0;
  bool operator==(const possible_parent&) const = default;
};

}  // namespace vsf::soulseek::from_server
