import { Chart } from "../chart";
import { bytes, count, duration, percent, shortId, words } from "../format";
import type { Sample } from "../state";
import type { StreamState } from "../events";
import type { Component, Download, Measure, Status } from "../types";

interface Props {
  status: Status | null;
  samples: Sample[];
  downloads: Download[];
  stream: StreamState;
}

export function Overview({ status, samples, downloads, stream }: Props) {
  if (!status) return <p class="quiet">Asking the node.</p>;
  return (
    <>
      <h2 class="silent">Overview</h2>
      <Notes components={status.components} />
      <Tiles status={status} downloads={downloads} stream={stream} />
      <section class="card" aria-labelledby="traffic">
        <h3 id="traffic">Mesh traffic</h3>
        <Chart samples={samples} />
      </section>
      <Restarts components={status.components} />
      <Components components={status.components} />
    </>
  );
}

/** What a person should know and do something about. */
function Notes({ components }: { components: Component[] }) {
  const notes = components.flatMap((c) => c.notes.map((text) => ({ where: c.path ?? "?", text })));
  if (notes.length === 0) return null;
  return (
    <section class="notes" aria-labelledby="notes">
      <h3 id="notes">What needs your attention</h3>
      <ul>
        {notes.map((n) => (
          <li key={`${n.where} ${n.text}`}>
            <b>{n.where}</b> {n.text}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tiles({ status, downloads, stream }: Omit<Props, "samples" | "status"> & { status: Status }) {
  const running = downloads.filter((d) => d.state === "transferring").length;
  const done = downloads.filter((d) => d.state === "done").length;
  const library = status.components.find((c) => c.path === "library");
  const inbound = status.peers.filter((p) => p.inbound).length;
  return (
    <dl class="tiles">
      <div>
        <dt>Mesh</dt>
        <dd>
          <Readiness status={status} />
        </dd>
      </div>
      <div>
        <dt>Node</dt>
        <dd>
          {status.node ? <code title={status.node}>{shortId(status.node)}</code> : "no id yet"}
          <small>network {status.network ?? "?"}, version {status.version ?? "?"}</small>
        </dd>
      </div>
      <div>
        <dt>Up for</dt>
        <dd>
          {duration(status.now_ms - status.started_ms)}
          <small>events: {stream === "live" ? "live" : stream === "lost" ? "connection lost, trying again" : "connecting"}</small>
        </dd>
      </div>
      <div>
        <dt>Peers</dt>
        <dd>
          {count(status.peers.length)}
          <small>{inbound} called us</small>
        </dd>
      </div>
      <div>
        <dt>Downloads</dt>
        <dd>
          {running} running
          <small>{done} done of the newest {downloads.length}</small>
        </dd>
      </div>
      <div>
        <dt>Library</dt>
        <dd>
          {library ? `${count(gauge(library, "files"))} files` : "not up"}
          {library && (
            <small>
              {count(gauge(library, "files_shareable"))} shareable, {bytes(gauge(library, "bytes_shareable"))}
              {gauge(library, "files_to_analyze") > 0 && `, ${count(gauge(library, "files_to_analyze"))} to look into`}
              {gauge(library, "scanning") > 0 && ", scanning"}
            </small>
          )}
        </dd>
      </div>
    </dl>
  );
}

function Readiness({ status }: { status: Status }) {
  if (status.ready) return <span class="state good">up</span>;
  if (!status.puzzle) return <span class="state">not up</span>;
  const { tried, expected } = status.puzzle;
  return (
    <>
      <span class="state busy">starting</span>
      <progress max={expected} value={Math.min(tried, expected)} aria-label="Work on the node's id" />
      <small>
        The node works out its id, once: {percent(tried, expected)} of the tries this takes on average.
      </small>
    </>
  );
}

function Restarts({ components }: { components: Component[] }) {
  const rows = components.flatMap((c) => c.children).filter((c) => c.restarts > 0);
  if (rows.length === 0) return null;
  return (
    <section class="card" aria-labelledby="restarts">
      <h3 id="restarts">Restarted actors</h3>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Actor</th>
              <th scope="col">Kind</th>
              <th scope="col">State</th>
              <th scope="col" class="number">Restarts</th>
              <th scope="col">Last error</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((c) => (
              <tr key={c.path}>
                <td>{c.path}</td>
                <td>{c.kind}</td>
                <td>{c.running ? "runs" : "stopped"}</td>
                <td class="number">{c.restarts}</td>
                <td class="long">{c.last_error}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function gauge(component: Component, name: string): number {
  return component.gauges.find((g) => g.name === name)?.value ?? 0;
}

function measure(m: Measure): string {
  const value = /(^|_)bytes(_|$)/.test(m.name ?? "") ? bytes(m.value) : count(m.value);
  return `${words(m.name)}${m.label ? ` (${m.label})` : ""}: ${value}`;
}

function load(c: Component): string {
  const running = c.children.filter((x) => x.running).length;
  const parts = [running === 1 ? "1 actor below it" : `${running} actors below it`, `${c.mailbox} messages waiting`];
  return parts.filter((_, i) => [running, c.mailbox][i]).join(", ");
}

function Components({ components }: { components: Component[] }) {
  const sorted = [...components].sort((a, b) => (a.path ?? "").localeCompare(b.path ?? ""));
  return (
    <section class="card" aria-labelledby="components">
      <h3 id="components">Components</h3>
      {sorted.length === 0 && <p class="quiet">None has reported yet.</p>}
      {sorted.map((c) => (
        <details key={c.path}>
          <summary>
            <b>{c.path}</b>
            <span class="quiet">{load(c)}</span>
            {c.notes.length > 0 && <span class="state busy">{c.notes.length === 1 ? "1 note" : `${c.notes.length} notes`}</span>}
          </summary>
          <div class="measures">
            <List title="State" items={c.gauges.map(measure)} />
            <List title="Counters" items={c.counters.filter((m) => m.value > 0).map(measure)} />
            <List title="Actors" items={c.children.map((x) => `${x.path}${x.running ? "" : " (stopped)"}${x.restarts ? `, ${x.restarts} restarts` : ""}`)} />
          </div>
        </details>
      ))}
    </section>
  );
}

const longestList = 100;

function List({ title, items }: { title: string; items: string[] }) {
  if (items.length === 0) return null;
  return (
    <div>
      <h4>{title}</h4>
      <ul>
        {items.slice(0, longestList).map((text) => (
          <li key={text}>{text}</li>
        ))}
        {items.length > longestList && <li>and {items.length - longestList} more</li>}
      </ul>
    </div>
  );
}
