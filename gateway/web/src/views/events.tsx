import { useState } from "preact/hooks";

import type { StreamState } from "../events";
import { time, words } from "../format";
import type { NodeEvent } from "../types";

/** A download reports several times a second; among everything else only its newest word is of interest. */
function newestOfEachTransfer(events: NodeEvent[]): NodeEvent[] {
  const seen = new Set<string>();
  return events.filter((e) => {
    if (e.kind !== "transfer_changed" || !e.subject) return true;
    if (seen.has(e.subject)) return false;
    seen.add(e.subject);
    return true;
  });
}

const tones: Record<string, string> = { warning: "bad", actor_restarted: "bad", mesh_up: "good" };

export function Events({ events, stream }: { events: NodeEvent[]; stream: StreamState }) {
  const [kind, setKind] = useState("");
  const kinds = [...new Set(events.map((e) => e.kind))].sort();
  const shown = kind === "" ? newestOfEachTransfer(events) : events.filter((e) => e.kind === kind);
  return (
    <>
      <div class="head">
        <h2>Events</h2>
        <span class={`state ${stream === "live" ? "good" : "busy"}`}>
          {stream === "live" ? "live" : stream === "lost" ? "connection lost, trying again" : "connecting"}
        </span>
      </div>
      <div class="row">
        <label for="kind">Show</label>
        <select id="kind" value={kind} onChange={(e) => setKind(e.currentTarget.value)}>
          <option value="">everything</option>
          {kinds.map((k) => (
            <option key={k} value={k}>
              {words(k)}
            </option>
          ))}
        </select>
      </div>
      {shown.length === 0 && <p class="quiet">Nothing has happened yet.</p>}
      <ol class="events">
        {shown.map((e, i) => (
          <li key={e.seq ?? `-${i}`}>
            <time>{e.time_ms ? time(e.time_ms) : ""}</time>
            <span class={`state ${tones[e.kind] ?? ""}`}>{words(e.kind)}</span>
            <span class="long">
              {e.text}
              {e.subject && <small>{e.subject}</small>}
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
