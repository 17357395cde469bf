#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/types.hpp"

namespace vsf::config {

/// Where to reach somebody; the name is resolved when it is dialled.
struct host_port {
  std::string host;
  std::uint16_t port = 0;
  bool operator==(const host_port&) const = default;
};

/// Everything a node can be told, with the defaults it starts with when nobody tells it anything. The keys of
/// the file are the names of these fields (`node.listen` is `node.listen`); schema.hpp has their ranges and
/// meaning. Paths are absolute and expanded. `defaults()` (load.hpp) fills in those that depend on the user
/// and the data folder.
struct settings {
  struct node_block {
    std::string data_dir;                      // $XDG_DATA_HOME/vsf
    endpoint listen = endpoint::v4(0, 50315);  // UDP and TCP
    std::vector<host_port> bootstrap;
    std::string network = "vsf-1";
    bool operator==(const node_block&) const = default;
  } node;

  struct mesh_block {
    bool enabled = true;
    struct capture_block {
      bool enabled = true;
      bool anonymize_usernames = true;
      std::uint32_t retention_days = 30;
      bool operator==(const capture_block&) const = default;
    } capture;
    struct shadow_index_block {
      bool enabled = true;
      std::uint32_t publish_interval_minutes = 15;
      std::uint32_t shard_ttl_hours = 1;
      std::uint32_t max_shards_per_publish = 100;
      bool operator==(const shadow_index_block&) const = default;
    } shadow_index;
    struct scenes_block {
      bool enabled = true;
      std::uint32_t max_joined_scenes = 20;
      bool enable_chat = false;
      bool operator==(const scenes_block&) const = default;
    } scenes;
    struct disaster_mode_block {
      bool automatic = true;  // the key is `auto`
      bool force = false;
      std::uint32_t unavailable_threshold_minutes = 10;
      bool operator==(const disaster_mode_block&) const = default;
    } disaster_mode;
    struct privacy_block {
      bool anonymize_usernames = true;
      bool never_publish_paths = true;
      std::uint32_t dht_rate_limit_per_minute = 100;
      bool operator==(const privacy_block&) const = default;
    } privacy;
    bool operator==(const mesh_block&) const = default;
  } mesh;

  struct network_block {
    std::string bind;  // an interface, or an address of this machine; empty: the kernel's choice
    std::string port_mapping = "auto";  // auto, upnp, nat-pmp, off
    std::string router;                 // empty: looked for
    bool operator==(const network_block&) const = default;
  } network;

  struct library_block {
    std::vector<std::string> paths;
    std::uint32_t scan_interval_minutes = 60;  // 0: only at the start and on request
    bool watch = true;
    bool operator==(const library_block&) const = default;
  } library;

  struct soulseek_block {
    bool enabled = false;
    host_port server{"server.slsknet.org", 2242};
    std::string username;
    std::string password;
    endpoint listen = endpoint::v4(0, 50300);
    bool obfuscation = true;
    std::uint32_t obfuscated_port = 0;  // 0: the one after listen's
    std::string description;
    std::uint32_t upload_slots = 2;
    std::vector<std::string> buddies, buddy_paths, banned;
    bool operator==(const soulseek_block&) const = default;
  } soulseek;

  struct musicbrainz_block {
    std::string url = "https://musicbrainz.org";
    std::string acoustid_url = "https://api.acoustid.org";
    std::string acoustid_key;
    std::string canonical_file;
    std::string strictness = "normal";  // loose, normal, strict
    bool operator==(const musicbrainz_block&) const = default;
  } musicbrainz;

  struct gateway_block {
    endpoint listen = endpoint::v4(0x7F000001, 5030);
    std::string api_key;  // empty: none, loopback only
    std::string tls_cert;
    std::string tls_key;
    bool operator==(const gateway_block&) const = default;
  } gateway;

  struct transfers_block {
    std::string download_dir;              // <data_dir>/downloads
    std::string incomplete_dir;            // <data_dir>/incomplete
    std::uint32_t upload_limit_kib = 0;    // KiB per second, 0: no limit
    std::uint32_t download_limit_kib = 0;  // KiB per second, 0: no limit
    std::uint32_t upload_limit_per_peer_kib = 0;
    std::uint32_t upload_slots = 8;      // peers served at the same time
    std::uint32_t active_downloads = 8;  // the others wait
    std::uint32_t sources_per_download = 8;
    bool share_partial = true;         // serve what a download has so far
    std::uint32_t min_free_mib = 256;  // downloads stop before the disk is fuller than that
    bool operator==(const transfers_block&) const = default;
  } transfers;

  struct log_block {
    std::string level = "info";  // debug, info, warning, error
    std::string file;            // empty: standard error
    bool json = false;
    bool operator==(const log_block&) const = default;
  } log;

  bool operator==(const settings&) const = default;
};

}  // namespace vsf::config
