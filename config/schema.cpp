#include "config/schema.hpp"

#include <algorithm>
#include <numeric>

namespace vsf::config {

namespace {

constexpr std::string_view acts = "";
constexpr std::string_view later_soulseek = "proving a Soulseek name comes later";
constexpr std::string_view later_capture = "watching Soulseek traffic comes later";
constexpr std::string_view later_scenes = "scenes come later";
constexpr std::string_view later_disaster = "disaster mode comes with Soulseek, later";
constexpr std::string_view later_musicbrainz = "looking up MusicBrainz comes later";
constexpr std::string_view later_browse = "browsing other nodes comes later";
constexpr std::uint32_t max_kib = 100'000'000;
constexpr std::uint32_t max_path = 4096;

using t = value_type;

#define VSF_FIELD(member) [](settings& s) -> field_ref { return &s.member; }

std::vector<key_spec> node_keys() {
  return {
      {"node.data_dir", t::path, 1, max_path, "$XDG_DATA_HOME/vsf",
       "Folder of everything the node keeps: identity, store, downloads.", VSF_FIELD(node.data_dir), acts},
      {"node.listen", t::listen, 0, 0, "0.0.0.0:50315",
       "Address and port of the mesh, UDP and TCP alike. Open both in the firewall to be reachable.",
       VSF_FIELD(node.listen), acts},
      {"node.bootstrap", t::addresses, 0, 100, "[]",
       "Nodes to ask first, as host:port. Those met before are remembered and need not be here.",
       VSF_FIELD(node.bootstrap), acts},
      {"node.network", t::network, 1, 64, "vsf-1",
       "Name of the mesh; nodes of another name are another world, for tests. NAME/BITS sets the "
       "difficulty of its id puzzle, 0 to 40 bits.",
       VSF_FIELD(node.network), acts},
  };
}

std::vector<key_spec> mesh_keys() {
  return {
      {"mesh.enabled", t::boolean, 0, 0, "true",
       "Take part in the mesh. Off: a Soulseek client and nothing else.", VSF_FIELD(mesh.enabled), acts},
      {"mesh.capture.enabled", t::boolean, 0, 0, "true", "Learn who has which recording from what passes by.",
       VSF_FIELD(mesh.capture.enabled), later_capture},
      {"mesh.capture.anonymize_usernames", t::boolean, 0, 0, "true",
       "Keep pseudonyms instead of names in the local store.", VSF_FIELD(mesh.capture.anonymize_usernames),
       later_capture},
      {"mesh.capture.retention_days", t::number, 1, 3650, "30",
       "Days after which what was seen is forgotten.", VSF_FIELD(mesh.capture.retention_days), later_capture},
      {"mesh.shadow_index.enabled", t::boolean, 0, 0, "true",
       "Publish what the library has, signed, in the DHT.", VSF_FIELD(mesh.shadow_index.enabled), acts},
      {"mesh.shadow_index.publish_interval_minutes", t::number, 1, 1440, "15",
       "Minutes between rounds of publishing.", VSF_FIELD(mesh.shadow_index.publish_interval_minutes), acts},
      {"mesh.shadow_index.shard_ttl_hours", t::number, 1, 24, "1",
       "Hours that others hold what is published without hearing from the node.",
       VSF_FIELD(mesh.shadow_index.shard_ttl_hours), acts},
      {"mesh.shadow_index.max_shards_per_publish", t::number, 1, 10000, "100",
       "Batches of new or changed leaves a round; renewals don't count.",
       VSF_FIELD(mesh.shadow_index.max_shards_per_publish), acts},
      {"mesh.scenes.enabled", t::boolean, 0, 0, "true", "Take part in label, genre and private rooms.",
       VSF_FIELD(mesh.scenes.enabled), later_scenes},
      {"mesh.scenes.max_joined_scenes", t::number, 0, 1000, "20", "Rooms joined at the same time.",
       VSF_FIELD(mesh.scenes.max_joined_scenes), later_scenes},
      {"mesh.scenes.enable_chat", t::boolean, 0, 0, "false", "Send and show chat in rooms.",
       VSF_FIELD(mesh.scenes.enable_chat), later_scenes},
      {"mesh.disaster_mode.auto", t::boolean, 0, 0, "true",
       "Go over to the mesh when the Soulseek server is gone.", VSF_FIELD(mesh.disaster_mode.automatic),
       later_disaster},
      {"mesh.disaster_mode.force", t::boolean, 0, 0, "false", "Use the mesh alone, whatever the server does.",
       VSF_FIELD(mesh.disaster_mode.force), later_disaster},
      {"mesh.disaster_mode.unavailable_threshold_minutes", t::number, 1, 1440, "10",
       "Minutes without the server before the mesh takes over.",
       VSF_FIELD(mesh.disaster_mode.unavailable_threshold_minutes), later_disaster},
      {"mesh.privacy.anonymize_usernames", t::boolean, 0, 0, "true",
       "Off: your own proven Soulseek name is told to overlay peers. Never in the DHT.",
       VSF_FIELD(mesh.privacy.anonymize_usernames), later_soulseek},
      {"mesh.privacy.never_publish_paths", t::boolean, 0, 0, "true",
       "Off: overlay peers who browse see relative paths. Never in the DHT.",
       VSF_FIELD(mesh.privacy.never_publish_paths), later_browse},
      {"mesh.privacy.dht_rate_limit_per_minute", t::number, 1, 100000, "100",
       "Datagrams that write into the DHT, a minute.", VSF_FIELD(mesh.privacy.dht_rate_limit_per_minute),
       acts},
  };
}

std::vector<key_spec> network_keys() {
  return {
      {"network.bind", t::text, 0, 64, "\"\"",
       "Go out and listen by this network interface (tun0) or address of this machine only, as for a VPN; "
       "empty: the system's choice. Names are still looked up as the system does.",
       VSF_FIELD(network.bind), acts},
      {"network.port_mapping",
       t::choice,
       0,
       0,
       "auto",
       "Ask the router to let others reach the node's ports: by UPnP or NAT-PMP, whichever answers.",
       VSF_FIELD(network.port_mapping),
       acts,
       {"auto", "upnp", "nat-pmp", "off"}},
      {"network.router", t::text, 0, 256, "\"\"",
       "The router, if it isn't found: http:// and the rest of its UPnP description's address, or its IP "
       "address for NAT-PMP.",
       VSF_FIELD(network.router), acts},
  };
}

std::vector<key_spec> file_keys() {
  return {
      {"library.paths", t::paths, 0, 100, "[]", "Folders with the music to share.", VSF_FIELD(library.paths),
       acts},
      {"library.scan_interval_minutes", t::number, 0, 10080, "60",
       "Minutes between looks at these folders; 0: at the start and on request only.",
       VSF_FIELD(library.scan_interval_minutes), acts},
      {"library.watch", t::boolean, 0, 0, "true", "Notice changes as they happen, too.",
       VSF_FIELD(library.watch), acts},
      {"transfers.download_dir",
       t::path,
       1,
       max_path,
       "$XDG_DATA_HOME/vsf/downloads",
       "Folder of finished downloads; `downloads` in node.data_dir unless said otherwise.",
       VSF_FIELD(transfers.download_dir),
       acts,
       {},
       true},
      {"transfers.incomplete_dir",
       t::path,
       1,
       max_path,
       "$XDG_DATA_HOME/vsf/incomplete",
       "Folder of downloads on their way; `incomplete` in node.data_dir unless said otherwise. Best on the "
       "same disk.",
       VSF_FIELD(transfers.incomplete_dir),
       acts,
       {},
       true},
      {"transfers.upload_limit_kib", t::number, 0, max_kib, "0",
       "KiB a second to all peers together; 0: no limit.", VSF_FIELD(transfers.upload_limit_kib), acts},
      {"transfers.download_limit_kib", t::number, 0, max_kib, "0",
       "KiB a second from all peers together; 0: no limit.", VSF_FIELD(transfers.download_limit_kib), acts},
      {"transfers.upload_limit_per_peer_kib", t::number, 0, max_kib, "0",
       "KiB a second to any one peer; 0: no limit.", VSF_FIELD(transfers.upload_limit_per_peer_kib), acts},
      {"transfers.upload_slots", t::number, 1, 512, "8",
       "Peers that are served at the same time; others are told to come back.",
       VSF_FIELD(transfers.upload_slots), acts},
      {"transfers.active_downloads", t::number, 1, 256, "8",
       "Downloads that run at the same time; others wait for their turn.",
       VSF_FIELD(transfers.active_downloads), acts},
      {"transfers.sources_per_download", t::number, 1, 32, "8",
       "Peers that one download asks at the same time.", VSF_FIELD(transfers.sources_per_download), acts},
      {"transfers.share_partial", t::boolean, 0, 0, "true",
       "Serve what a download has so far to others that fetch the same file, and tell such peers of each "
       "other.",
       VSF_FIELD(transfers.share_partial), acts},
      {"transfers.min_free_mib", t::number, 0, max_kib, "256",
       "MiB to leave free on the disks of downloads; before that they stop and say so.",
       VSF_FIELD(transfers.min_free_mib), acts},
  };
}

std::vector<key_spec> service_keys() {
  return {
      {"gateway.listen", t::listen, 0, 0, "127.0.0.1:5030",
       "Address and port of the page and the HTTP API. Anything but loopback needs gateway.api_key.",
       VSF_FIELD(gateway.listen), acts},
      {"gateway.api_key", t::secret, 0, 256, "\"\"",
       "Key that HTTP clients must send, at least 8 characters; empty: none.", VSF_FIELD(gateway.api_key),
       acts},
      {"gateway.tls_cert", t::path, 0, max_path, "\"\"", "Certificate file (PEM) for HTTPS.",
       VSF_FIELD(gateway.tls_cert), acts},
      {"gateway.tls_key", t::path, 0, max_path, "\"\"", "Key file (PEM) of that certificate.",
       VSF_FIELD(gateway.tls_key), acts},
      {"log.level",
       t::choice,
       0,
       0,
       "info",
       "How much is said.",
       VSF_FIELD(log.level),
       acts,
       {"debug", "info", "warning", "error"}},
      {"log.file", t::path, 0, max_path, "\"\"", "File to write to; empty: standard error.",
       VSF_FIELD(log.file), acts},
      {"log.json", t::boolean, 0, 0, "false", "One JSON object a line instead of text.", VSF_FIELD(log.json),
       acts},
  };
}

std::vector<key_spec> soulseek_keys() {
  return {
      {"soulseek.enabled", t::boolean, 0, 0, "false", "Log in to a Soulseek server.",
       VSF_FIELD(soulseek.enabled), acts},
      {"soulseek.server", t::address, 0, 0, "server.slsknet.org:2242", "The server, as host:port.",
       VSF_FIELD(soulseek.server), acts},
      {"soulseek.username", t::text, 0, 30, "\"\"", "Your name there.", VSF_FIELD(soulseek.username), acts},
      {"soulseek.password", t::secret, 0, 256, "\"\"", "Your password there.", VSF_FIELD(soulseek.password),
       acts},
      {"soulseek.listen", t::listen, 0, 0, "0.0.0.0:50300", "Address and port for Soulseek peers.",
       VSF_FIELD(soulseek.listen), acts},
      {"soulseek.obfuscation", t::boolean, 0, 0, "true",
       "Listen on a second port for peers that hide what they say, and reach those that can so.",
       VSF_FIELD(soulseek.obfuscation), acts},
      {"soulseek.obfuscated_port", t::number, 0, 65535, "0",
       "That port; 0: the one after soulseek.listen's, or any other if it is taken.",
       VSF_FIELD(soulseek.obfuscated_port), acts},
      {"soulseek.description", t::text, 0, 4096, "\"\"", "What other users read about you.",
       VSF_FIELD(soulseek.description), acts},
      {"soulseek.upload_slots", t::number, 1, 100, "2", "Uploads at the same time.",
       VSF_FIELD(soulseek.upload_slots), acts},
      {"soulseek.buddies", t::texts, 0, 10000, "[]",
       "Users who may see and have what is in soulseek.buddy_paths.", VSF_FIELD(soulseek.buddies), acts},
      {"soulseek.buddy_paths", t::paths, 0, 100, "[]", "Folders that only buddies see, beside library.paths.",
       VSF_FIELD(soulseek.buddy_paths), acts},
      {"soulseek.banned", t::texts, 0, 10000, "[]",
       "Who gets no files: users by name, addresses as 192.0.2.7 or 192.0.2.0/24.",
       VSF_FIELD(soulseek.banned), acts},
  };
}

std::vector<key_spec> musicbrainz_keys() {
  return {
      {"musicbrainz.url", t::url, 1, 1024, "https://musicbrainz.org", "The MusicBrainz web service.",
       VSF_FIELD(musicbrainz.url), later_musicbrainz},
      {"musicbrainz.acoustid_url", t::url, 1, 1024, "https://api.acoustid.org", "The AcoustID web service.",
       VSF_FIELD(musicbrainz.acoustid_url), later_musicbrainz},
      {"musicbrainz.acoustid_key", t::secret, 0, 256, "\"\"",
       "Your AcoustID key; empty: AcoustID is not asked.", VSF_FIELD(musicbrainz.acoustid_key),
       later_musicbrainz},
      {"musicbrainz.canonical_file", t::path, 0, max_path, "\"\"",
       "canonical_musicbrainz_data.csv of MetaBrainz (plain, .gz or .zst), to look up without a network.",
       VSF_FIELD(musicbrainz.canonical_file), later_musicbrainz},
      {"musicbrainz.strictness",
       t::choice,
       0,
       0,
       "normal",
       "How sure a match must be.",
       VSF_FIELD(musicbrainz.strictness),
       later_musicbrainz,
       {"loose", "normal", "strict"}},
  };
}

#undef VSF_FIELD

std::string_view leaf_of(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

}  // namespace

const std::vector<key_spec>& schema() {
  static const auto all = [] {
    std::vector<key_spec> out;
    for (auto&& part : {node_keys(), network_keys(), mesh_keys(), file_keys(), service_keys(),
                        soulseek_keys(), musicbrainz_keys()})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }();
  return all;
}

const std::vector<section_spec>& sections() {
  static const std::vector<section_spec> all{
      {"node", "The node itself."},
      {"network", "How the node reaches others, and they it."},
      {"mesh", "The network of nodes that needs no server."},
      {"mesh.capture", "What is learnt from Soulseek traffic."},
      {"mesh.shadow_index", "Who has which recording, in the DHT."},
      {"mesh.scenes", "Rooms over the mesh."},
      {"mesh.disaster_mode", "When the Soulseek server is gone."},
      {"mesh.privacy", "What others may learn, and how fast the node talks."},
      {"library", "The music you share."},
      {"transfers", "Downloads and uploads."},
      {"gateway", "The page and the HTTP API."},
      {"log", "What the node says about itself."},
      {"soulseek", "The Soulseek network."},
      {"musicbrainz", "Names and identifiers of recordings."},
  };
  return all;
}

const key_spec* find_key(std::string_view key) {
  const auto& all = schema();
  const auto it = std::find_if(all.begin(), all.end(), [&](const auto& spec) { return spec.key == key; });
  return it == all.end() ? nullptr : &*it;
}

bool is_section(std::string_view key) {
  const auto& all = sections();
  return std::any_of(all.begin(), all.end(), [&](const auto& section) { return section.key == key; });
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string nearest_key(std::string_view unknown) {
  if (unknown.size() > 200) return {};
  std::vector<std::string_view> candidates;
  for (const auto& section : sections()) candidates.push_back(section.key);
  for (const auto& spec : schema()) candidates.push_back(spec.key);
  const auto parent = unknown.substr(0, unknown.size() - leaf_of(unknown).size());
  std::string_view best;
  std::size_t best_cost = 0;
  for (const auto candidate : candidates) {
    const auto leaf = leaf_of(candidate);
    const auto distance = edit_distance(leaf_of(unknown), leaf);
    if (distance > std::max<std::size_t>(leaf.size() / 3, 1)) continue;
    // A key of the same section first, unless another section has exactly this word.
    const bool same_parent = candidate.substr(0, candidate.size() - leaf.size()) == parent;
    const auto cost = distance * 2 + (same_parent ? 0 : 3);
    if (best.empty() || cost < best_cost) {
      best = candidate;
      best_cost = cost;
    }
  }
  return std::string(best);
}

std::string expectation(const key_spec& spec) {
  const auto range = [&](std::string_view unit) {
    return std::to_string(spec.min) + " to " + std::to_string(spec.max) + std::string(unit);
  };
  switch (spec.type) {
    case t::boolean:
      return "true or false";
    case t::number:
      return "a whole number from " + range("");
    case t::text:
    case t::secret:
      return "a text of " + range(" bytes");
    case t::network:
      return range("") + " of a-z, 0-9, '.', '_' and '-', or such a name with /BITS";
    case t::choice: {
      std::string out = "one of";
      for (const auto& choice : spec.choices) out += (out.ends_with("of") ? " " : ", ") + std::string(choice);
      return out;
    }
    case t::listen:
      return "an IP address and port, as 127.0.0.1:5030 or [::]:5030";
    case t::address:
      return "a host and port, as example.org:50315";
    case t::addresses:
      return "a list of at most " + std::to_string(spec.max) + " hosts with ports, as [example.org:50315]";
    case t::path:
      return "an absolute path, or one that begins with ~, $HOME or $XDG_...";
    case t::paths:
      return "a list of at most " + std::to_string(spec.max) +
             " paths, each absolute or beginning with ~, $HOME or $XDG_...";
    case t::texts:
      return "a list of at most " + std::to_string(spec.max) + " texts, each of 1 to 256 bytes";
    case t::url:
      return "an address that begins with http:// or https://";
  }
  return {};
}

std::string_view program_version() { return VSF_VERSION; }

}  // namespace vsf::config
