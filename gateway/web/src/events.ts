// The node's events over a WebSocket that comes back after a loss.

import { apiKey } from "./api";
import type { NodeEvent } from "./types";

const shortestMs = 1_000;
const longestMs = 30_000;

export type StreamState = "connecting" | "live" | "lost";

/** Calls back until the returned function ends it. `onState("live")` also after each reconnection. */
export function followEvents(onEvent: (event: NodeEvent) => void, onState: (state: StreamState) => void): () => void {
  let ended = false;
  let socket: WebSocket | null = null;
  let pauseMs = shortestMs;
  let timer = 0;

  const connect = () => {
    onState("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = apiKey() ? `?api_key=${encodeURIComponent(apiKey())}` : "";
    socket = new WebSocket(`${scheme}//${location.host}/api/v1/events${query}`);
    socket.onopen = () => {
      pauseMs = shortestMs;
      onState("live");
    };
    socket.onmessage = (message) => {
      try {
        const event: unknown = JSON.parse(String(message.data));
        if (typeof event === "object" && event !== null && "kind" in event) onEvent(event as NodeEvent);
      } catch {
        // A text that is no JSON tells us nothing.
      }
    };
    socket.onclose = () => {
      if (ended) return;
      onState("lost");
      // A little chance, so that several pages don't come back at the same moment.
      timer = window.setTimeout(connect, pauseMs * (0.75 + Math.random() / 2));
      pauseMs = Math.min(pauseMs * 2, longestMs);
    };
  };
  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket?.close();
  };
}
