import { useMemo, useRef, useState } from "preact/hooks";

import { bytes, count, counted, length, rate } from "../../format";
import { addressOf, go } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import { type Filter, type Found, folderOf, nameOf, quality, ranked } from "../../soulseek/files";
import type { Results } from "../../soulseek/types";
import { useLive } from "../../state";
import { type Act, type PanelProps, folderBegun } from ".";

const pageSize = 1000;
const maxUsers = 10_000; // a node keeps fewer
const shownAtOnce = 100;
const runningMs = 2_000;
const overMs = 60_000;

/** All results of a search; those known already if their count has not changed. */
async function resultsOf(search: number, known: Results | null): Promise<Results> {
  const counts = await soulseek.results(search, 0, 1);
  if (known && known.search === search && known.files === counts.files) return { ...counts, results: known.results };
  const all = await soulseek.results(search, 0, pageSize);
  for (let offset = pageSize; offset < Math.min(all.users, maxUsers); offset += pageSize)
    all.results.push(...(await soulseek.results(search, offset, pageSize)).results);
  return all;
}

export function SoulseekSearch({ subject, act }: PanelProps) {
  const [text, setText] = useState("");
  const [user, setUser] = useState("");
  const [room, setRoom] = useState("");
  const search = /^\d+$/.test(subject) ? Number(subject) : 0;
  const begin = (e: Event) => {
    e.preventDefault();
    const wanted = { text: text.trim(), user: user.trim() || undefined, room: room.trim() || undefined };
    if (!wanted.text) return;
    void act(soulseek.search(wanted), (begun) => {
      go("search", begun.search);
      return "The search has begun; results appear as they come.";
    });
  };
  return (
    <>
      <form class="row" role="search" onSubmit={begin}>
        <label for="slsk-query">Words</label>
        <input id="slsk-query" type="search" value={text} maxLength={512} required onInput={(e) => setText(e.currentTarget.value)} />
        <label class="check">
          only user
          <input id="slsk-user" class="short" value={user} spellcheck={false} onInput={(e) => setUser(e.currentTarget.value)} />
        </label>
        <label class="check">
          only room
          <input id="slsk-room" class="short" value={room} spellcheck={false} onInput={(e) => setRoom(e.currentTarget.value)} />
        </label>
        <button type="submit" class="main">Search</button>
      </form>
      <p class="quiet">-word leaves out, *word stands for its end. Only a few searches a minute are sent; others wait for their turn.</p>
      {search > 0 && <FoundList key={search} search={search} act={act} />}
    </>
  );
}

function FoundList({ search, act }: { search: number; act: Act }) {
  const known = useRef<Results | null>(null);
  const [everyMs, setEveryMs] = useState(runningMs);
  // Results are many and small: no event tells of them, so a search that runs is asked about.
  const { data, problem, refresh } = useLive(`search ${search}`, 0, everyMs, async () => {
    known.current = await resultsOf(search, known.current);
    setEveryMs(known.current.running ? runningMs : overMs);
    return known.current;
  });
  const [filter, setFilter] = useState<Filter>({ words: "", freeSlot: false, losslessOnly: false });
  const [most, setMost] = useState(shownAtOnce);
  const results = data?.results;
  const all = useMemo(() => ranked(results ?? [], filter), [results, filter]);
  if (!data) return problem ? <p class="banner bad" role="alert">{problem}</p> : <p class="quiet">Asking the node.</p>;
  const stop = () => void act(soulseek.stopSearch(search), () => (refresh(), "The search takes no further results."));
  const end = () => void act(soulseek.endSearch(search), () => (go("search"), "The search is over; its results are forgotten."));
  return (
    <section aria-labelledby="found">
      <div class="head">
        <h3 id="found" class="long">Found for {data.text}</h3>
        <span class={`state ${data.running ? "busy" : ""}`}>{data.running ? "running" : "over"}</span>
        {data.running && <button type="button" onClick={stop}>Stop</button>}
      </div>
      <p class="quiet">
        {counted(data.files, "file")} of {counted(data.users, "user")}
        {data.dropped > 0 && `; ${count(data.dropped)} more were left out, as there are too many`}
        {problem && `. ${problem}`}
      </p>
      <FilterForm filter={filter} onFilter={setFilter} onEnd={end} />
      {data.files > 0 && all.length === 0 && <p class="quiet">The filter leaves nothing over.</p>}
      <ul class="downloads">
        {all.slice(0, most).map((f) => (
          <Row key={`${f.owner.user}\\${f.file.path}`} found={f} act={act} />
        ))}
      </ul>
      {all.length > most && (
        <button type="button" onClick={() => setMost(most + shownAtOnce)}>
          Show more ({count(all.length - most)} left)
        </button>
      )}
    </section>
  );
}

function FilterForm({ filter, onFilter, onEnd }: { filter: Filter; onFilter: (f: Filter) => void; onEnd: () => void }) {
  return (
    <div class="row" role="group" aria-label="Filter">
      <label for="slsk-filter">Filter</label>
      <input id="slsk-filter" value={filter.words} placeholder="words, -words" onInput={(e) => onFilter({ ...filter, words: e.currentTarget.value })} />
      <label class="check">
        <input type="checkbox" checked={filter.freeSlot} onChange={(e) => onFilter({ ...filter, freeSlot: e.currentTarget.checked })} />
        free slot
      </label>
      <label class="check">
        <input type="checkbox" checked={filter.losslessOnly} onChange={(e) => onFilter({ ...filter, losslessOnly: e.currentTarget.checked })} />
        lossless
      </label>
      <button type="button" onClick={onEnd}>Forget this search</button>
    </div>
  );
}

function Row({ found: { owner, file }, act }: { found: Found; act: Act }) {
  const name = nameOf(file.path);
  const folder = folderOf(file.path);
  const facts = [
    quality(file),
    file.duration_s > 0 ? length(file.duration_s * 1000) : "",
    bytes(file.size),
    owner.free_slot ? "free slot" : `${count(owner.queue)} waiting`,
    owner.speed_bytes_per_s > 0 ? rate(owner.speed_bytes_per_s) : "",
    file.restricted ? "for some only" : "",
  ];
  return (
    <li class="card">
      <div class="head">
        <b class="long">{name}</b>
        <a class="long" href={addressOf("browse", owner.user)} aria-label={`Browse ${owner.user}`}>{owner.user}</a>
      </div>
      <p class="quiet">{facts.filter(Boolean).join(" \u00b7 ")}</p>
      {folder && <p class="quiet long">{folder}</p>}
      <div class="row">
        <button type="button" class="main" aria-label={`Download ${name} of ${owner.user}`}
          onClick={() => void act(soulseek.download(owner.user, file.path, file.size), `${name} is being downloaded; see Transfers.`)}>
          Download
        </button>
        {folder && (
          <button type="button" aria-label={`Download the folder of ${name} of ${owner.user}`}
            onClick={() => void act(soulseek.downloadFolder(owner.user, folder), folderBegun)}>
            Download folder
          </button>
        )}
      </div>
    </li>
  );
}
