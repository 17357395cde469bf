#include "tests/gateway/sample_records.hpp"

#include <algorithm>

namespace vsf::gateway::test {

namespace {

template <class Fixed>
Fixed filled(std::uint8_t with) {
  Fixed out;
  std::fill(out.begin(), out.end(), with);
  return out;
}

fb::Variant sample_variant() {
  return {to_fb(filled<digest>(1)), fb::Bytes16(to_fb(filled<mbid>(2))), 5'000'000, 320, fb::Codec::mp3, 185};
}

std::unique_ptr<fb::ComponentReportT> sample_report() {
  auto report = std::make_unique<fb::ComponentReportT>();
  report->path = "shadow_index/publisher";
  report->kind = "publisher";
  report->mailbox = 3;
  auto counter = std::make_unique<fb::CounterT>();
  counter->name = "leaves refused";
  counter->label = "reason=\"bad_mac\"";
  counter->value = 12;
  report->counters.push_back(std::move(counter));
  auto gauge = std::make_unique<fb::GaugeT>();
  gauge->name = "keys_alive";
  gauge->value = -4;
  report->gauges.push_back(std::move(gauge));
  auto child = std::make_unique<fb::ChildReportT>();
  child->path = "shadow_index/publisher/put-1";
  child->kind = "put";
  child->running = true;
  child->restarts = 2;
  child->last_error = "it fell over";
  report->children.push_back(std::move(child));
  report->notes.emplace_back("the port is in use; set node.listen");
  return report;
}

}  // namespace

fb::TransferStatusT full_transfer() {
  fb::TransferStatusT out;
  out.transfer = std::string(32, 'a');
  out.mbid = box(*parse_mbid(sample_mbid));
  out.state = fb::TransferState::done;
  out.variant = std::make_unique<fb::Variant>(sample_variant());
  out.bytes_total = out.bytes_verified = out.bytes_received = 5'000'000;
  out.bytes_kept = 16'384;
  auto source = std::make_unique<fb::SourceStatusT>();
  source->node = box(filled<node_id>(7));
  source->address = box(endpoint::v4(0x7F000001, 50315));
  source->state = fb::SourceState::banned;
  source->bytes = 4'000'000;
  source->bad_leaves = 1;
  source->rate_bytes_per_s = 250'000;
  source->bytes_asked = 98'304;
  source->reason = "sent bytes that are not the file's";
  out.sources.push_back(std::move(source));
  out.priority = fb::Priority::high;
  out.place = 3;
  out.bytes_wasted = 32'768;
  out.rate_bytes_per_s = 750'000;
  out.chunks = {255, 0, 128};
  auto rejection = std::make_unique<fb::RejectionT>();
  rejection->publisher = box(filled<public_key>(3));
  rejection->node = box(filled<node_id>(7));
  rejection->root = box(filled<digest>(4));
  rejection->reason = "it lasts 31 s, the recording 245 s";
  rejection->at_ms = 1'700'000'050'000;
  out.rejections.push_back(std::move(rejection));
  out.path = "/srv/downloads/Artist - Title.mp3";
  out.sha256 = box(filled<digest>(9));
  out.reason = "done";
  out.content = "its tags name the recording";
  out.created_ms = 1'700'000'000'000;
  out.finished_ms = 1'700'000'060'000;
  return out;
}

fb::TransferLimitsT full_limits() {
  fb::TransferLimitsT out;
  out.upload_limit_kib = 500;
  out.download_limit_kib = 2000;
  out.upload_limit_per_peer_kib = 100;
  out.upload_slots = 12;
  out.active_downloads = 4;
  return out;
}

fb::NodeStatusT full_status() {
  fb::NodeStatusT out;
  out.node = box(filled<node_id>(5));
  out.identity = box(filled<public_key>(6));
  out.network = "vsf-main";
  out.version = "0.1.0";
  out.ready = true;
  out.started_ms = 1'700'000'000'000;
  out.now_ms = 1'700'000'090'500;
  out.reports.push_back(sample_report());
  auto peer = std::make_unique<fb::PeerInfoT>();
  peer->id = box(filled<node_id>(8));
  peer->address = box(endpoint::v4(0xC6336403, 50315));
  peer->inbound = true;
  peer->since_ms = 1'700'000'010'000;
  peer->rtt_us = 23'000;
  peer->bytes_in = 10;
  peer->bytes_out = 20;
  peer->channels = 1;
  out.peers.push_back(std::move(peer));
  return out;
}

fb::ResolveResultT full_resolve() {
  fb::ResolveResultT out;
  out.id = 1;
  out.mbid = box(*parse_mbid(sample_mbid));
  out.kind = fb::LeafKind::recording;
  auto candidate = std::make_unique<fb::CandidateT>();
  candidate->publisher = box(filled<public_key>(3));
  candidate->node = box(filled<node_id>(4));
  candidate->contact = box(contact{filled<node_id>(4), filled<static_key>(5), endpoint::v4(0x7F000001, 1)});
  candidate->variant = std::make_unique<fb::Variant>(sample_variant());
  candidate->issued_at_s = 1'700'000'000;
  out.candidates.push_back(std::move(candidate));
  // Of a release, and of a node that is known by its id only.
  auto bare = std::make_unique<fb::CandidateT>();
  bare->publisher = box(filled<public_key>(13));
  bare->node = box(filled<node_id>(14));
  out.candidates.push_back(std::move(bare));
  out.tracks.emplace_back(to_fb(*parse_mbid(sample_mbid)), 245'000, std::uint16_t{1}, std::uint16_t{4});
  out.publishers = 2;
  out.replicas = 4;
  out.asked = 9;
  out.cached = true;
  out.elapsed_us = 231'000;
  return out;
}

fb::FileEntryT full_file() {
  fb::FileEntryT out;
  out.path = "/music/Artist/Album/04 Title.flac";
  out.size = 23'000'000;
  out.container = "flac";
  out.codec = fb::Codec::flac;
  out.codec_name = "flac";
  out.sample_rate_hz = 44'100;
  out.bit_depth = 16;
  out.channels = 2;
  out.bitrate_kbps = 866;
  out.duration_ms = 245'000;
  out.recording = box(*parse_mbid(sample_mbid));
  out.release = box(*parse_mbid(sample_mbid));
  out.artist = "Artist";
  out.album = "Album";
  out.title = "Title";
  out.disc = 1;
  out.track = 4;
  out.sha256 = box(filled<digest>(1));
  out.root = box(filled<digest>(2));
  out.problem = "truncated: its end is missing";
  return out;
}

fb::EventT full_event() {
  fb::EventT out;
  out.seq = 17;
  out.time_ms = 1'700'000'000'000;
  out.kind = fb::EventKind::actor_restarted;
  out.subject = "dht/lookup-17";
  out.text = "it was restarted: the store answered nothing";
  return out;
}

}  // namespace vsf::gateway::test
