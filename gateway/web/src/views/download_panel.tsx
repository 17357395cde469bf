import { useState } from "preact/hooks";

import { api } from "../api";
import { bytes, percent, rate, shortId } from "../format";
import { ended } from "../state";
import { type Download, type Priority, type Rejection, type Source, priorities } from "../types";

interface Props {
  download: Download;
  name: string;
  act: (what: Promise<Download>, done: string) => Promise<void>;
}

/** What is behind one download: its turn, which parts are here, who gave what, and what was of no use. */
export function DownloadPanel({ download: d, name, act }: Props) {
  return (
    <div class="panel">
      {!ended(d) && <Turn download={d} name={name} act={act} />}
      {d.chunks.length > 0 && <Chunks chunks={d.chunks} />}
      {d.sources.length > 0 ? <Sources sources={d.sources} total={d.bytes_total} /> : <p class="quiet">No sources yet.</p>}
      <Rejections rejections={d.rejections} />
      {d.content && <p class="quiet">Is it the music? {d.content}</p>}
      <p class="quiet">
        {d.bytes_received === 0
          ? "Nothing was received yet."
          : `${bytes(d.bytes_received)} received, of which ${bytes(d.bytes_wasted)} (${percent(d.bytes_wasted, d.bytes_received)}) were of no use.`}
      </p>
    </div>
  );
}

function Turn({ download: d, name, act }: Props) {
  const [place, setPlace] = useState("1");
  const move = (e: Event) => {
    e.preventDefault();
    void act(api.moveDownload(d.id, Number(place)), "The download was moved within the queue.");
  };
  const prioritize = (priority: Priority) =>
    void act(api.prioritizeDownload(d.id, priority), `The download has ${priority} priority now.`);
  return (
    <div class="row">
      <label for={`priority-${d.id}`}>Priority</label>
      <select id={`priority-${d.id}`} aria-label={`Priority of ${name}`} value={d.priority}
        onChange={(e) => prioritize(e.currentTarget.value as Priority)}>
        {priorities.map((p) => (
          <option key={p} value={p}>{p}</option>
        ))}
      </select>
      {d.place !== null && (
        <form class="row inner" onSubmit={move}>
          <label for={`place-${d.id}`}>Place among those of {d.priority} priority, 1 is next</label>
          <input id={`place-${d.id}`} class="short" type="number" min={1} max={1_000_000} required value={place}
            onInput={(e) => setPlace(e.currentTarget.value)} />
          <button type="submit" aria-label={`Move ${name}`}>Move</button>
        </form>
      )}
    </div>
  );
}

function Chunks({ chunks }: { chunks: number[] }) {
  const whole = chunks.filter((c) => c === 255).length;
  const begun = chunks.filter((c) => c > 0 && c < 255).length;
  const told = `${whole} of ${chunks.length} parts verified${begun > 0 ? `, ${begun} begun` : ""}`;
  return (
    <figure>
      <div class="chunks" role="img" aria-label={`Map of the file: ${told}`}>
        {chunks.map((c, i) => (
          // A part that has begun is told from one that has not, however little it is.
          <i key={i} style={{ opacity: c === 0 ? 0 : 0.25 + (0.75 * c) / 255 }} />
        ))}
      </div>
      <figcaption class="quiet">{told}</figcaption>
    </figure>
  );
}

function Sources({ sources, total }: { sources: Source[]; total: number }) {
  return (
    <div class="scroll">
      <table>
        <caption>Sources</caption>
        <thead>
          <tr>
            <th scope="col">Address</th>
            <th scope="col">Node</th>
            <th scope="col">State</th>
            <th scope="col">Share of the file</th>
            <th scope="col" class="number">Rate</th>
            <th scope="col" class="number">On the way</th>
            <th scope="col" class="number">Bad blocks</th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {sources.map((s) => (
            <SourceRow key={`${s.node} ${s.address}`} source={s} total={total} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SourceRow({ source: s, total }: { source: Source; total: number }) {
  const culprit = s.state === "banned";
  const who = s.address ?? shortId(s.node);
  return (
    <tr class={culprit ? "culprit" : undefined}>
      <td>{s.address ?? "unknown"}</td>
      <td>
        <code title={s.node ?? ""}>{shortId(s.node)}</code>
      </td>
      <td>
        {culprit ? <span class="state bad">culprit, banned</span> : s.state}
      </td>
      <td class="share">
        <progress max={Math.max(total, 1)} value={Math.min(s.bytes, total)} aria-label={`Share of ${who}`} />
        <small>
          {percent(s.bytes, total)}, {bytes(s.bytes)}
        </small>
      </td>
      <td class="number">{s.rate_bytes_per_s > 0 ? rate(s.rate_bytes_per_s) : "-"}</td>
      <td class="number">{s.bytes_asked > 0 ? bytes(s.bytes_asked) : "-"}</td>
      <td class={s.bad_leaves > 0 ? "number bad" : "number"}>{s.bad_leaves}</td>
      <td class={culprit ? "long bad" : "long"}>{s.reason}</td>
    </tr>
  );
}

function Rejections({ rejections }: { rejections: Rejection[] }) {
  if (rejections.length === 0) return null;
  return (
    <>
      <h4>Offers that were tried and not taken</h4>
      <ul class="rejections">
        {rejections.map((r) => (
          <li key={`${r.publisher} ${r.root}`}>
            <span class="bad">{r.reason ?? "no reason given"}</span>
            <small>
              {new Date(r.at_ms).toLocaleString()}, from node <code title={r.node ?? ""}>{shortId(r.node)}</code>, file{" "}
              <code title={r.root ?? ""}>{shortId(r.root)}</code>
            </small>
          </li>
        ))}
      </ul>
    </>
  );
}
