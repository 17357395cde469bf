// Shapes of openapi.json.

export interface Puzzle {
  tried: number;
  expected: number;
}

export interface Measure {
  name: string | null;
  label: string | null;
  value: number;
}

export interface Child {
  path: string | null;
  kind: string | null;
  running: boolean;
  restarts: number;
  last_error: string | null;
}

export interface Component {
  path: string | null;
  kind: string | null;
  mailbox: number;
  counters: Measure[];
  gauges: Measure[];
  children: Child[];
  notes: string[];
}

export interface Peer {
  node: string | null;
  address: string | null;
  inbound: boolean;
  since_ms: number;
  rtt_us: number;
  bytes_in: number;
  bytes_out: number;
  channels: number;
}

export interface Status {
  node: string | null;
  identity: string | null;
  network: string | null;
  version: string | null;
  ready: boolean;
  puzzle: Puzzle | null;
  started_ms: number;
  now_ms: number;
  components: Component[];
  peers: Peer[];
}

export interface Variant {
  root: string | null;
  sha256_prefix: string | null;
  size: number;
  bitrate_kbps: number;
  codec: string;
  quality: number;
}

export interface Source {
  node: string | null;
  address: string | null;
  state: string;
  bytes: number;
  bad_leaves: number;
  rate_bytes_per_s: number;
  bytes_asked: number;
  reason: string | null;
}

export interface Rejection {
  publisher: string | null;
  node: string | null;
  root: string | null;
  reason: string | null;
  at_ms: number;
}

export const priorities = ["low", "normal", "high"] as const;
export type Priority = (typeof priorities)[number];

export type DownloadState =
  | "queued"
  | "resolving"
  | "connecting"
  | "transferring"
  | "finishing"
  | "done"
  | "failed"
  | "cancelled"
  | "paused"
  | "checking";

export interface Download {
  id: string;
  mbid: string | null;
  state: DownloadState;
  variant: Variant | null;
  bytes_total: number;
  bytes_verified: number;
  bytes_received: number;
  bytes_kept: number;
  bytes_wasted: number;
  rate_bytes_per_s: number;
  priority: Priority;
  /** 1 is next; null: it does not wait for its turn. */
  place: number | null;
  /** How much of each equal part of the file is verified, 0 to 255. */
  chunks: number[];
  sources: Source[];
  rejections: Rejection[];
  path: string | null;
  sha256: string | null;
  /** What the check of the complete file's content found. */
  content: string | null;
  reason: string | null;
  created_ms: number;
  finished_ms: number | null;
}

export interface DownloadList {
  downloads: Download[];
  next_offset: number | null;
}

export interface Limits {
  upload_limit_kib: number;
  download_limit_kib: number;
  upload_limit_per_peer_kib: number;
  upload_slots: number;
  active_downloads: number;
  note: string;
}

export interface LibraryFile {
  path: string | null;
  size: number;
  container: string | null;
  codec: string | null;
  sample_rate_hz: number;
  bit_depth: number;
  channels: number;
  bitrate_kbps: number;
  duration_ms: number;
  recording: string | null;
  release: string | null;
  artist: string | null;
  album: string | null;
  title: string | null;
  disc: number;
  track: number;
  sha256: string | null;
  root: string | null;
  problem: string | null;
}

export interface Library {
  files: LibraryFile[];
  next_after: string | null;
}

export interface Candidate extends Partial<Variant> {
  node: string | null;
  publisher: string | null;
  address: string | null;
  issued_at_s: number;
}

export interface Resolved {
  mbid: string | null;
  kind: string;
  candidates: Candidate[];
  publishers: number;
  replicas: number;
  asked: number;
  cached: boolean;
  elapsed_us: number;
}

export interface SearchResult {
  query: string;
  library: LibraryFile[];
  mesh: Resolved | null;
}

export interface NodeEvent {
  // Both are missing where the node says that it left events out for a slow reader.
  seq?: number;
  time_ms?: number;
  kind: string;
  subject?: string | null;
  text: string | null;
}

export interface EventList {
  events: NodeEvent[];
}
