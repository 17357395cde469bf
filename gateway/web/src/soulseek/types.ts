// Shapes of openapi.json, those of the Soulseek side.

export interface SoulseekFile {
  path: string;
  size: number;
  bitrate_kbps: number;
  duration_s: number;
  sample_rate_hz: number;
  bit_depth: number;
  vbr: boolean;
  restricted: boolean;
}

export interface SoulseekStatus {
  state: "off" | "connecting" | "logging_in" | "online" | "waiting" | "stopped";
  reason: string;
  until_ms: number;
  username: string;
  server: string;
  listen: string;
  shared_files: number;
  shared_folders: number;
  peer_links: number;
  parent: string;
  branch_level: number;
  branch_root: string;
  children: number;
  downloads_active: number;
  uploads_active: number;
  uploads_queued: number;
  privileged_s: number;
  server_answers: boolean;
  server_latency_ms: number;
  away: boolean;
}

export interface UserResult {
  user: string;
  free_slot: boolean;
  speed_bytes_per_s: number;
  queue: number;
  files: SoulseekFile[];
}

export interface Results {
  search: number;
  text: string;
  running: boolean;
  users: number;
  files: number;
  dropped: number;
  results: UserResult[];
}

export interface Folder {
  path: string;
  restricted: boolean;
  files: SoulseekFile[];
}

export interface Shares {
  user: string;
  folders_total: number;
  files_total: number;
  folders: Folder[];
}

export interface SoulseekUser {
  user: string;
  description: string;
  picture_size: number;
  upload_slots: number;
  queue: number;
  free_slot: boolean;
}

export interface Transfer {
  id: number;
  upload: boolean;
  user: string;
  path: string;
  file: string;
  size: number;
  bytes_done: number;
  rate_bytes_per_s: number;
  state: "queued" | "requested" | "waiting" | "starting" | "transferring" | "completed" | "failed" | "paused" | "cancelled";
  place: number;
  reason: string;
}

export interface Transfers {
  total: number;
  transfers: Transfer[];
}

export interface FolderDownload {
  files: number;
  bytes: number;
  refused: number;
  reason: string;
}

export interface Message {
  id: number;
  from_us: boolean;
  at_ms: number;
  text: string;
  unread: boolean;
}

export interface Conversations {
  total: number;
  unread: number;
  conversations: { user: string; messages: number; unread: number; last: Message }[];
}

export interface Conversation {
  user: string;
  more: boolean;
  messages: Message[];
}

export interface Rooms {
  total: number;
  rooms: { room: string; users: number; kind: "public" | "owned" | "private"; operated: boolean; joined: boolean }[];
}

export interface Room {
  room: string;
  joined: boolean;
  private: boolean;
  owner: string;
  users_total: number;
  users: { user: string; status: string; files: number; country: string }[];
  tickers: { user: string; text: string }[];
  messages: { user: string; at_ms: number; text: string }[];
}

export interface WishRules {
  extensions?: string[];
  min_bitrate_kbps?: number;
  max_downloads?: number;
  free_slot?: boolean;
}

export interface Wish {
  wish: number;
  text: string;
  search: number;
  users: number;
  files: number;
  searched_ms: number;
  downloaded: number;
  download: WishRules | null;
}

export interface Wishes {
  interval_s: number;
  wishes: Wish[];
}

export interface Interests {
  likes: string[];
  hates: string[];
}

export interface Recommendations {
  recommended: { item: string; score: number }[];
  discouraged: { item: string; score: number }[];
}

export interface SimilarUsers {
  users: { user: string; score: number }[];
}

export interface Marks {
  buddy: boolean;
  banned: boolean;
  ignored: boolean;
  note: string;
}

export interface Person extends Marks {
  name: string;
  configured: boolean;
  status: string;
  speed_bytes_per_s: number;
  files: number;
  country: string;
}

export interface People {
  people: Person[];
}
