// Asks the node about its Soulseek side.

import { ask } from "../api";
import type {
  Conversation, Conversations, FolderDownload, Interests, Marks, People, Person, Recommendations, Results, Room, Rooms, Shares, SimilarUsers,
  SoulseekStatus, SoulseekUser, Transfer, Transfers, Wish, WishRules, Wishes,
} from "./types";

/** Another user has to answer first; the node gives up on it after a minute. */
const patientMs = 75_000;

const at = (...parts: (string | number)[]) => ["/api/v1/soulseek", ...parts.map((p) => encodeURIComponent(p))].join("/");
const paged = (path: string, offset: number, limit: number) => `${path}?offset=${offset}&limit=${limit}`;

export const soulseek = {
  status: () => ask<SoulseekStatus>("GET", at()),
  login: () => ask<unknown>("POST", at("login")),
  logout: () => ask<unknown>("POST", at("logout")),
  setAway: (away: boolean) => ask<unknown>("POST", at("away"), { away }),

  search: (wanted: { text: string; user?: string; room?: string }) => ask<{ search: number }>("POST", at("searches"), wanted),
  results: (search: number, offset: number, limit: number) => ask<Results>("GET", paged(at("searches", search), offset, limit)),
  stopSearch: (search: number) => ask<unknown>("POST", at("searches", search, "stop")),
  endSearch: (search: number) => ask<unknown>("DELETE", at("searches", search)),

  user: (user: string) => ask<SoulseekUser>("GET", at("users", user), undefined, patientMs),
  shares: (user: string, offset: number, limit: number) =>
    ask<Shares>("GET", paged(at("users", user, "shares"), offset, limit), undefined, patientMs),

  downloads: (limit: number) => ask<Transfers>("GET", paged(at("downloads"), 0, limit)),
  uploads: (limit: number) => ask<Transfers>("GET", paged(at("uploads"), 0, limit)),
  download: (user: string, path: string, size: number) => ask<Transfer>("POST", at("downloads"), { user, path, size }),
  downloadFolder: (user: string, folder: string) =>
    ask<FolderDownload>("POST", at("downloads"), { user, folder }, patientMs),
  control: (t: Transfer, verb: "cancel" | "retry" | "pause" | "resume") =>
    ask<unknown>("POST", at(t.upload ? "uploads" : "downloads", t.id, verb)),
  move: (id: number, place: number) => ask<unknown>("POST", at("downloads", id, "move"), { place }),
  forget: (id: number) => ask<unknown>("DELETE", at("downloads", id)),

  conversations: (limit: number) => ask<Conversations>("GET", paged(at("messages"), 0, limit)),
  conversation: (user: string, limit: number) => ask<Conversation>("GET", `${at("messages", user)}?limit=${limit}`),
  forgetConversation: (user: string) => ask<unknown>("DELETE", at("messages", user)),
  say: (user: string, text: string) => ask<unknown>("POST", at("messages"), { user, text }),

  rooms: (limit: number) => ask<Rooms>("GET", paged(at("rooms"), 0, limit)),
  join: (room: string) => ask<unknown>("POST", at("rooms"), { room, private: false }),
  room: (room: string, limit: number) => ask<Room>("GET", paged(at("rooms", room), 0, limit)),
  leave: (room: string) => ask<unknown>("DELETE", at("rooms", room)),
  tell: (room: string, text: string) => ask<unknown>("POST", at("rooms", room, "messages"), { text }),
  setTicker: (room: string, text: string) => ask<unknown>("PUT", at("rooms", room, "ticker"), { text }),

  wishes: () => ask<Wishes>("GET", at("wishes")),
  wish: (text: string, download?: WishRules) => ask<Wish>("POST", at("wishes"), download ? { text, download } : { text }),
  unwish: (wish: number) => ask<unknown>("DELETE", at("wishes", wish)),

  interests: () => ask<Interests>("GET", at("interests")),
  setInterest: (kind: "likes" | "hates", item: string, on: boolean) =>
    ask<unknown>(on ? "PUT" : "DELETE", at("interests", kind, item), on ? {} : undefined),
  recommendations: () => ask<Recommendations>("GET", at("recommendations")),
  similarUsers: () => ask<SimilarUsers>("GET", at("similar-users")),

  people: () => ask<People>("GET", at("people")),
  mark: (name: string, marks: Marks) => ask<Person>("PUT", at("people", name), marks),
  unmark: (name: string) => ask<unknown>("DELETE", at("people", name)),
};
