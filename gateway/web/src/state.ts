// What the page knows: polled state, events, and the history behind the chart.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

import { ApiError, api, sentence } from "./api";
import { followEvents, type StreamState } from "./events";
import type { Download, NodeEvent, Status } from "./types";

const maxEvents = 300;
const maxSamples = 300; // ten minutes at one every two seconds

/** Runs `work` now and then every `everyMs` after it is done, not while the page is hidden. `again()` asks early. */
export function usePolling(work: () => Promise<void>, everyMs: number): () => void {
  const current = useRef(work);
  current.current = work;
  const wake = useRef(() => {});
  useEffect(() => {
    let ended = false;
    let running = false;
    let asked = false;
    let timer = 0;
    const step = async () => {
      clearTimeout(timer);
      if (ended) return;
      if (running) {
        asked = true;
        return;
      }
      running = true;
      asked = false;
      if (!document.hidden) await current.current();
      running = false;
      if (!ended) timer = window.setTimeout(step, asked ? 250 : everyMs);
    };
    const seen = () => {
      if (!document.hidden) void step();
    };
    wake.current = () => void step();
    document.addEventListener("visibilitychange", seen);
    void step();
    return () => {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [everyMs]);
  return useCallback(() => wake.current(), []);
}

export interface Live<T> {
  data: T | null;
  problem: string | null;
  refresh: () => void;
}

const settleMs = 300;

/** What `load` gives: asked for again when `news` changes, and every `everyMs` in case an event was lost. Another `key`
 * is about something else: what was known is dropped. */
export function useLive<T>(key: string, news: number, everyMs: number, load: () => Promise<T>): Live<T> {
  const [state, setState] = useState<{ key: string; data: T | null; problem: string | null }>({ key, data: null, problem: null });
  const asked = useRef(key);
  asked.current = key;
  const refresh = usePolling(async () => {
    try {
      const data = await load();
      if (asked.current === key) setState({ key, data, problem: null });
    } catch (why) {
      if (asked.current !== key) return;
      const text = why instanceof ApiError && why.status === 401 ? null : sentence(why);
      setState((old) => ({ key, data: old.key === key ? old.data : null, problem: text }));
    }
  }, everyMs);
  // The first look is the poll's own.
  const first = useRef(true);
  useEffect(() => {
    if (first.current) return;
    // Events come in bursts.
    const timer = window.setTimeout(refresh, settleMs);
    return () => clearTimeout(timer);
  }, [news, refresh]);
  useEffect(() => {
    if (!first.current) refresh();
    first.current = false;
  }, [key, refresh]);
  return state.key === key ? { ...state, refresh } : { data: null, problem: null, refresh };
}

export interface Sample {
  atS: number;
  inRate: number;
  outRate: number;
  peers: number;
}

/** Bytes per second between two states. Sessions that ended in between take their counters with them. */
function sampleBetween(before: Status, now: Status): Sample {
  const seconds = Math.max((now.now_ms - before.now_ms) / 1000, 0.001);
  const old = new Map(before.peers.map((p) => [`${p.node} ${p.since_ms}`, p]));
  let bytesIn = 0;
  let bytesOut = 0;
  for (const peer of now.peers) {
    const known = old.get(`${peer.node} ${peer.since_ms}`);
    bytesIn += Math.max(0, peer.bytes_in - (known?.bytes_in ?? 0));
    bytesOut += Math.max(0, peer.bytes_out - (known?.bytes_out ?? 0));
  }
  return { atS: now.now_ms / 1000, inRate: bytesIn / seconds, outRate: bytesOut / seconds, peers: now.peers.length };
}

export interface NodeState {
  status: Status | null;
  problem: string | null;
  samples: Sample[];
}

export function useStatus(): NodeState {
  const [state, setState] = useState<NodeState>({ status: null, problem: null, samples: [] });
  usePolling(async () => {
    try {
      const status = await api.status();
      setState((old) => {
        const same = old.status !== null && old.status.started_ms === status.started_ms;
        const samples = same && old.status ? [...old.samples, sampleBetween(old.status, status)] : [];
        return { status, problem: null, samples: samples.slice(-maxSamples) };
      });
    } catch (why) {
      setState((old) => ({ ...old, problem: why instanceof ApiError && why.status === 401 ? null : sentence(why) }));
    }
  }, 2_000);
  return state;
}

export interface DownloadsState {
  downloads: Download[];
  problem: string | null;
  more: boolean;
  refresh: () => void;
}

export const ended = (d: Download) => d.state === "done" || d.state === "failed" || d.state === "cancelled";

export function useDownloads(): DownloadsState {
  const [downloads, setDownloads] = useState<Download[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const [more, setMore] = useState(false);
  const active = downloads.some((d) => !ended(d));
  const refresh = usePolling(
    async () => {
      try {
        const list = await api.downloads();
        setDownloads(list.downloads);
        setMore(list.next_offset !== null);
        setProblem(null);
      } catch (why) {
        setProblem(why instanceof ApiError && why.status === 0 ? null : sentence(why));
      }
    },
    active ? 1_000 : 5_000,
  );
  return { downloads, problem, more, refresh };
}

export interface EventsState {
  /** Newest first. */
  events: NodeEvent[];
  stream: StreamState;
}

/** `session` changes when the API key does. */
export function useEvents(session: number, onEvent: (event: NodeEvent) => void): EventsState {
  const [events, setEvents] = useState<NodeEvent[]>([]);
  const [stream, setStream] = useState<StreamState>("connecting");
  const callback = useRef(onEvent);
  callback.current = onEvent;
  useEffect(() => {
    const add = (fresh: NodeEvent[]) =>
      setEvents((old) => {
        const known = new Set(old.map((e) => e.seq));
        const merged = [...fresh.filter((e) => e.seq === undefined || !known.has(e.seq)), ...old];
        merged.sort((a, b) => (b.time_ms ?? 0) - (a.time_ms ?? 0) || (b.seq ?? 0) - (a.seq ?? 0));
        return merged.slice(0, maxEvents);
      });
    return followEvents(
      (event) => {
        // Where the node left some out there is no time; it belongs to now.
        add([{ ...event, time_ms: event.time_ms ?? Date.now() }]);
        callback.current(event);
      },
      (state) => {
        setStream(state);
        // What happened before, or while the connection was lost.
        if (state === "live") api.events(100).then((list) => add(list.events)).catch(() => {});
      },
    );
  }, [session]);
  return { events, stream };
}
