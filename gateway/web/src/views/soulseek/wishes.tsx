import { useState } from "preact/hooks";

import { counted, duration } from "../../format";
import { addressOf } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import type { Wish, WishRules } from "../../soulseek/types";
import { useLive } from "../../state";
import type { Act, PanelProps } from ".";

const quietMs = 30_000;

export function Wishes({ news, act }: PanelProps) {
  const { data, problem, refresh } = useLive("wishes", news.wish, quietMs, soulseek.wishes);
  const run = async (what: Promise<unknown>, done: string) => {
    const ok = await act(what, done);
    refresh();
    return ok;
  };
  return (
    <>
      <WishForm run={run} />
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      {data?.wishes.length === 0 && <p class="quiet">No wishes yet. A wish is searched for again and again until somebody has it.</p>}
      {data && data.wishes.length > 0 && <p class="quiet">One of them is searched for every {duration(data.interval_s * 1000)}.</p>}
      <ul class="downloads">
        {data?.wishes.map((w) => (
          <Row key={w.wish} wish={w} run={run} />
        ))}
      </ul>
    </>
  );
}

function WishForm({ run }: { run: (what: Promise<unknown>, done: string) => ReturnType<Act> }) {
  const [text, setText] = useState("");
  const [byItself, setByItself] = useState(false);
  const [extensions, setExtensions] = useState("flac");
  const [kbps, setKbps] = useState("0");
  const [most, setMost] = useState("1");
  const add = async (e: Event) => {
    e.preventDefault();
    const rules: WishRules | undefined = byItself
      ? {
          extensions: extensions.split(/[\s,]+/).filter(Boolean),
          min_bitrate_kbps: Number(kbps),
          max_downloads: Number(most),
        }
      : undefined;
    if (await run(soulseek.wish(text.trim(), rules), `You wish for ${text.trim()}.`)) setText("");
  };
  return (
    <form class="card" onSubmit={(e) => void add(e)}>
      <div class="row">
        <label for="slsk-wish">Wish for</label>
        <input id="slsk-wish" value={text} maxLength={512} required onInput={(e) => setText(e.currentTarget.value)} />
        <button type="submit" class="main">Add</button>
      </div>
      <label class="check">
        <input type="checkbox" checked={byItself} onChange={(e) => setByItself(e.currentTarget.checked)} />
        download by itself what fits
      </label>
      {byItself && (
        <div class="limits">
          <label>
            Kinds of file, like flac mp3
            <input value={extensions} onInput={(e) => setExtensions(e.currentTarget.value)} />
          </label>
          <label>
            Least bitrate, kbit/s
            <input type="number" min={0} max={100_000} value={kbps} onInput={(e) => setKbps(e.currentTarget.value)} />
          </label>
          <label>
            So many files at most
            <input type="number" min={1} max={1000} required value={most} onInput={(e) => setMost(e.currentTarget.value)} />
          </label>
        </div>
      )}
    </form>
  );
}

function Row({ wish: w, run }: { wish: Wish; run: (what: Promise<unknown>, done: string) => ReturnType<Act> }) {
  return (
    <li class="card">
      <div class="head">
        <b class="long">{w.text}</b>
        {w.download && <span class="state busy">downloads by itself</span>}
      </div>
      <p class="quiet">
        {counted(w.files, "file")} of {counted(w.users, "user")}
        {w.searched_ms > 0 ? ` \u00b7 asked last ${new Date(w.searched_ms).toLocaleString()}` : " \u00b7 not asked yet"}
        {w.download && ` \u00b7 ${counted(w.downloaded, "download")} begun`}
      </p>
      <div class="row">
        {w.search > 0 && <a class="button" href={addressOf("search", w.search)} aria-label={`Results for ${w.text}`}>Results</a>}
        <button type="button" aria-label={`End the wish ${w.text}`} onClick={() => void run(soulseek.unwish(w.wish), "The wish is over.")}>
          Remove
        </button>
      </div>
    </li>
  );
}
