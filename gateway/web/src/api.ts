// Asks the node this page came from. Every failure is a sentence in an ApiError.

import type { DownloadList, Download, EventList, Library, Limits, Priority, SearchResult, Status } from "./types";

const keyName = "vsf-api-key";
const timeoutMs = 15_000;

export class ApiError extends Error {
  /** HTTP status; 0: the node was not reached. */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

let key = sessionStorage.getItem(keyName) ?? "";
let onKeyWanted: (why: ApiError) => void = () => {};

export function apiKey(): string {
  return key;
}
/** Kept until the tab is closed. */
export function setApiKey(value: string): void {
  key = value.trim();
  sessionStorage.setItem(keyName, key);
}
/** Called for every answer that asks for a key. */
export function whenKeyIsWanted(callback: (why: ApiError) => void): void {
  onKeyWanted = callback;
}

async function failure(answer: Response): Promise<ApiError> {
  try {
    const body = (await answer.json()) as { error?: { code?: unknown; message?: unknown } };
    if (typeof body.error?.message === "string")
      return new ApiError(answer.status, String(body.error.code ?? ""), body.error.message);
  } catch {
    // No JSON: what answered is not the node itself.
  }
  return new ApiError(answer.status, "", `The node answered with HTTP ${answer.status}.`);
}

async function send(method: string, path: string, body: unknown, patienceMs: number): Promise<Response> {
  const headers: Record<string, string> = {};
  if (key) headers["X-API-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), patienceMs);
  try {
    const answer = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: patience.signal,
      cache: "no-store",
    });
    if (answer.ok) return answer;
    const why = await failure(answer);
    if (why.status === 401) onKeyWanted(why);
    throw why;
  } catch (why) {
    if (why instanceof ApiError) throw why;
    throw new ApiError(0, "unreachable", "The node does not answer. Is vsfd running?");
  } finally {
    clearTimeout(timer);
  }
}

export async function ask<T>(method: string, path: string, body?: unknown, patienceMs = timeoutMs): Promise<T> {
  const answer = await send(method, path, body, patienceMs);
  return (await answer.json()) as T;
}

const download = (id: string) => `/api/v1/downloads/${encodeURIComponent(id)}`;

export const api = {
  status: () => ask<Status>("GET", "/api/v1/status"),
  downloads: (offset = 0, limit = 100) => ask<DownloadList>("GET", `/api/v1/downloads?offset=${offset}&limit=${limit}`),
  startDownload: (mbid: string) => ask<Download>("POST", "/api/v1/downloads", { mbid }),
  cancelDownload: (id: string) => ask<Download>("POST", `${download(id)}/cancel`),
  pauseDownload: (id: string) => ask<Download>("POST", `${download(id)}/pause`),
  resumeDownload: (id: string) => ask<Download>("POST", `${download(id)}/resume`),
  prioritizeDownload: (id: string, priority: Priority) => ask<Download>("POST", `${download(id)}/priority`, { priority }),
  moveDownload: (id: string, place: number) => ask<Download>("POST", `${download(id)}/move`, { place }),
  limits: () => ask<Limits>("GET", "/api/v1/transfers/limits"),
  setLimits: (all: Limits) => ask<Limits>("PUT", "/api/v1/transfers/limits", all),
  retryDownload: (id: string) => ask<Download>("POST", `${download(id)}/retry`),
  forgetDownload: (id: string) => ask<Download>("DELETE", download(id)),
  library: (after: string, limit: number) =>
    ask<Library>("GET", `/api/v1/library?limit=${limit}&after=${encodeURIComponent(after)}`),
  rescan: () => ask<unknown>("POST", "/api/v1/library/rescan"),
  search: (query: string) => ask<SearchResult>("GET", `/api/v1/search?q=${encodeURIComponent(query)}`),
  events: (limit: number) => ask<EventList>("GET", `/api/v1/events/history?limit=${limit}`),
  contentPath: (id: string) => `${download(id)}/content`,
};

export function sentence(why: unknown): string {
  const text = why instanceof Error ? why.message : String(why);
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
