import { useState } from "preact/hooks";

import { api, apiKey, sentence } from "../api";
import { bytes, duration, fileName, mbidPattern, percent, rate } from "../format";
import { type DownloadsState, ended } from "../state";
import type { Download } from "../types";
import { DownloadPanel } from "./download_panel";
import { LimitsForm } from "./limits_form";

interface Props {
  state: DownloadsState;
  say: (text: string) => void;
}

export function Downloads({ state, say }: Props) {
  const [mbid, setMbid] = useState("");
  const act = async (what: Promise<Download>, done: string) => {
    try {
      await what;
      say(done);
    } catch (why) {
      say(sentence(why));
    }
    state.refresh();
  };
  const start = (e: Event) => {
    e.preventDefault();
    if (!mbidPattern.test(mbid.trim())) {
      say("An MBID looks like 8f3471b5-7e6a-48da-86a9-c1c07a0f47ae.");
      return;
    }
    void act(api.startDownload(mbid.trim()), "The download has begun.");
    setMbid("");
  };
  return (
    <>
      <h2>Downloads</h2>
      <form class="row" onSubmit={start}>
        <label for="mbid">MusicBrainz recording id</label>
        <input id="mbid" value={mbid} spellcheck={false} placeholder="8f3471b5-7e6a-48da-86a9-c1c07a0f47ae"
          onInput={(e) => setMbid(e.currentTarget.value)} />
        <button type="submit" class="main">Download</button>
      </form>
      <LimitsForm say={say} />
      {state.problem && <p class="banner bad" role="alert">{state.problem}</p>}
      {state.downloads.length === 0 && !state.problem && <p class="quiet">There are no downloads yet.</p>}
      <ul class="downloads">
        {state.downloads.map((d) => (
          <Row key={d.id} download={d} act={act} say={say} />
        ))}
      </ul>
      {state.more && <p class="quiet">These are the newest 100.</p>}
    </>
  );
}

const tones: Record<string, string> = { done: "good", failed: "bad", cancelled: "", queued: "", paused: "" };

interface RowProps {
  download: Download;
  act: (what: Promise<Download>, done: string) => Promise<void>;
  say: (text: string) => void;
}

function Row({ download: d, act, say }: RowProps) {
  const [open, setOpen] = useState(false);
  const name = d.path ? fileName(d.path) : (d.mbid ?? d.id);
  const active = d.sources.filter((s) => s.state === "active").length;
  const culprits = d.sources.filter((s) => s.state === "banned").length;
  const speed = d.rate_bytes_per_s;
  const facts = [
    d.variant ? `${d.variant.codec}${d.variant.bitrate_kbps ? ` ${d.variant.bitrate_kbps} kbit/s` : ""}` : null,
    d.bytes_total > 0 ? (ended(d) ? bytes(d.bytes_total) : `${bytes(d.bytes_verified)} of ${bytes(d.bytes_total)}`) : null,
    d.state === "transferring" ? rate(speed) : null,
    d.state === "transferring" && speed > 0 ? `${duration(((d.bytes_total - d.bytes_verified) / speed) * 1000)} left` : null,
    !ended(d) && d.sources.length > 0 ? `${active} of ${d.sources.length} sources active` : null,
    d.place !== null ? `number ${d.place} in the queue` : null,
    !ended(d) && d.priority !== "normal" ? `${d.priority} priority` : null,
    d.finished_ms ? `ended ${new Date(d.finished_ms).toLocaleString()}` : null,
  ].filter((x) => x !== null);
  return (
    <li class="card">
      <div class="head">
        <b class="long">{name}</b>
        <span class={`state ${tones[d.state] ?? "busy"}`}>{d.state}</span>
      </div>
      {!ended(d) && d.bytes_total > 0 && (
        <div class="row">
          <progress max={d.bytes_total} value={d.bytes_verified} aria-label={`Progress of ${name}`} />
          <span>{percent(d.bytes_verified, d.bytes_total)}</span>
        </div>
      )}
      <p class="quiet">{facts.join(" \u00b7 ")}</p>
      {d.reason && <p class={d.state === "failed" ? "bad" : ""}>{d.reason}</p>}
      {d.path && <p class="quiet long">{d.path}</p>}
      <div class="row">
        <Buttons download={d} name={name} act={act} say={say} />
      </div>
      <details open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>
          <span>Details</span>
          {culprits > 0 && <span class="state bad">{culprits === 1 ? "1 culprit" : `${culprits} culprits`}</span>}
          {d.rejections.length > 0 && <span class="state bad">{d.rejections.length} rejected</span>}
        </summary>
        {open && <DownloadPanel download={d} name={name} act={act} />}
      </details>
    </li>
  );
}

function Buttons({ download: d, name, act, say }: RowProps & { name: string }) {
  const over = ended(d);
  const retry = d.state === "failed" || d.state === "cancelled" || (d.state === "resolving" && d.reason !== null);
  return (
    <>
      {!over && d.state !== "paused" && (
        <button type="button" aria-label={`Pause ${name}`} onClick={() => void act(api.pauseDownload(d.id), "The download is paused.")}>
          Pause
        </button>
      )}
      {d.state === "paused" && (
        <button type="button" class="main" aria-label={`Resume ${name}`}
          onClick={() => void act(api.resumeDownload(d.id), "The download goes on.")}>
          Resume
        </button>
      )}
      {!over && (
        <button type="button" aria-label={`Cancel ${name}`} onClick={() => void act(api.cancelDownload(d.id), "The download was cancelled.")}>
          Cancel
        </button>
      )}
      {retry && (
        <button type="button" aria-label={`Retry ${name}`} onClick={() => void act(api.retryDownload(d.id), "The node tries again.")}>
          Retry
        </button>
      )}
      {d.state === "done" && d.path && <Save id={d.id} name={fileName(d.path)} say={say} />}
      {over && (
        <button type="button" aria-label={`Remove ${name} from this list`}
          onClick={() => void act(api.forgetDownload(d.id), "Removed from the list; the file stays.")}>
          Remove
        </button>
      )}
    </>
  );
}

/** A link can't carry the API key; with one the file goes through the page's memory. */
function Save({ id, name, say }: { id: string; name: string; say: (text: string) => void }) {
  const path = api.contentPath(id);
  if (!apiKey()) {
    return (
      <a class="button" href={path} download={name}>
        Save
      </a>
    );
  }
  const save = async () => {
    try {
      const answer = await fetch(path, { headers: { "X-API-Key": apiKey() } });
      if (!answer.ok) throw new Error(`The node answered with HTTP ${answer.status}.`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (why) {
      say(sentence(why));
    }
  };
  return (
    <button type="button" onClick={() => void save()}>
      Save
    </button>
  );
}
