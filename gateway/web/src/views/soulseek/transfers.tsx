import { useState } from "preact/hooks";

import { bytes, count, duration, percent, rate } from "../../format";
import { addressOf } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import { folderOf, nameOf } from "../../soulseek/files";
import type { Transfer, Transfers as List } from "../../soulseek/types";
import { type Live, useLive } from "../../state";
import type { Act, PanelProps } from ".";

const movingMs = 2_000;
const quietMs = 30_000;
const pageSize = 100;
const maxShown = 1000;

/** States come as events; while bytes move their number is asked for, too. */
function useTransfers(kind: "downloads" | "uploads", news: number): Live<List> & { limit: number; more: () => void } {
  const [limit, setLimit] = useState(pageSize);
  const [everyMs, setEveryMs] = useState(movingMs);
  const live = useLive(`${kind} ${limit}`, news, everyMs, async () => {
    const list = await soulseek[kind](limit);
    setEveryMs(list.transfers.some((t) => t.state === "transferring") ? movingMs : quietMs);
    return list;
  });
  return { ...live, limit, more: () => setLimit(Math.min(limit + pageSize, maxShown)) };
}

export function Transfers({ news, act }: PanelProps) {
  return (
    <>
      <Section title="Downloads" kind="downloads" none="There are no downloads from Soulseek users yet." news={news.transfers} act={act} />
      <Section title="Uploads" kind="uploads" none="Nobody fetches anything now." news={news.transfers} act={act} />
    </>
  );
}

interface SectionProps {
  title: string;
  kind: "downloads" | "uploads";
  none: string;
  news: number;
  act: Act;
}

function Section({ title, kind, none, news, act }: SectionProps) {
  const { data, problem, refresh, limit, more } = useTransfers(kind, news);
  const run = async (what: Promise<unknown>, done: string) => {
    await act(what, done);
    refresh();
  };
  return (
    <section aria-labelledby={kind}>
      <h3 id={kind}>
        {title}
        {data && data.total > 0 && <span class="count">{count(data.total)}</span>}
      </h3>
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      {data?.transfers.length === 0 && <p class="quiet">{none}</p>}
      <ul class="downloads">
        {data?.transfers.map((t) => (
          <Row key={t.id} transfer={t} run={run} />
        ))}
      </ul>
      {data && data.total > data.transfers.length && limit < maxShown && (
        <button type="button" onClick={more}>Show more</button>
      )}
    </section>
  );
}

const over = (t: Transfer) => t.state === "completed" || t.state === "failed" || t.state === "cancelled";
const tones: Record<string, string> = { completed: "good", failed: "bad", cancelled: "", queued: "", paused: "" };

interface RowProps {
  transfer: Transfer;
  run: (what: Promise<unknown>, done: string) => Promise<void>;
}

function Row({ transfer: t, run }: RowProps) {
  const name = nameOf(t.path);
  const left = t.rate_bytes_per_s > 0 ? ((t.size - t.bytes_done) / t.rate_bytes_per_s) * 1000 : 0;
  const facts = [
    over(t) ? bytes(t.size) : `${bytes(t.bytes_done)} of ${bytes(t.size)}`,
    t.state === "transferring" ? rate(t.rate_bytes_per_s) : "",
    t.state === "transferring" && left > 0 ? `${duration(left)} left` : "",
    t.place > 0 ? `number ${count(t.place)} in ${t.upload ? "our" : "the user's"} queue` : "",
  ];
  return (
    <li class="card">
      <div class="head">
        <b class="long">{name}</b>
        <span class={`state ${tones[t.state] ?? "busy"}`}>{t.state}</span>
      </div>
      {!over(t) && t.size > 0 && (
        <div class="row">
          <progress max={t.size} value={Math.min(t.bytes_done, t.size)} aria-label={`Progress of ${name}`} />
          <span>{percent(t.bytes_done, t.size)}</span>
        </div>
      )}
      <p class="quiet">
        {t.upload ? "to " : "from "}
        <a href={addressOf("browse", t.user)}>{t.user}</a>
        {" \u00b7 "}
        {facts.filter(Boolean).join(" \u00b7 ")}
      </p>
      {t.reason && <p class={t.state === "failed" ? "bad long" : "long"}>{t.reason}</p>}
      <p class="quiet long">{t.file || folderOf(t.path)}</p>
      <div class="row">{t.upload ? !over(t) && <Cancel transfer={t} run={run} /> : <Buttons transfer={t} run={run} />}</div>
    </li>
  );
}

function Cancel({ transfer: t, run }: RowProps) {
  return (
    <button type="button" aria-label={`Cancel ${nameOf(t.path)}`}
      onClick={() => void run(soulseek.control(t, "cancel"), t.upload ? "The upload was cancelled." : "The download was cancelled.")}>
      Cancel
    </button>
  );
}

function Buttons({ transfer: t, run }: RowProps) {
  const name = nameOf(t.path);
  const waits = t.state === "queued" || t.state === "requested" || t.state === "waiting";
  return (
    <>
      {!over(t) && t.state !== "paused" && (
        <button type="button" aria-label={`Pause ${name}`} onClick={() => void run(soulseek.control(t, "pause"), "The download is paused.")}>
          Pause
        </button>
      )}
      {t.state === "paused" && (
        <button type="button" class="main" aria-label={`Resume ${name}`}
          onClick={() => void run(soulseek.control(t, "resume"), "The download goes on.")}>
          Resume
        </button>
      )}
      {!over(t) && <Cancel transfer={t} run={run} />}
      {(t.state === "failed" || t.state === "cancelled" || t.state === "waiting") && (
        <button type="button" aria-label={`Retry ${name}`} onClick={() => void run(soulseek.control(t, "retry"), "The node tries again.")}>
          Retry
        </button>
      )}
      {waits && (
        <button type="button" aria-label={`Make ${name} the next`} onClick={() => void run(soulseek.move(t.id, 1), "It is the next one now.")}>
          Next
        </button>
      )}
      {over(t) && (
        <button type="button" aria-label={`Remove ${name} from this list`}
          onClick={() => void run(soulseek.forget(t.id), "Removed from the list; a finished file stays.")}>
          Remove
        </button>
      )}
    </>
  );
}
