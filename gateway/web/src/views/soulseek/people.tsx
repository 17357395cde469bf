import { useState } from "preact/hooks";

import { counted } from "../../format";
import { addressOf } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import type { Marks, Person } from "../../soulseek/types";
import { useLive } from "../../state";
import type { Act, PanelProps } from ".";

const quietMs = 60_000;
const marks = ["buddy", "banned", "ignored"] as const;
type Run = (what: Promise<unknown>, done: string) => ReturnType<Act>;

export function People({ news, act }: PanelProps) {
  const { data, problem, refresh } = useLive("people", news.session, quietMs, soulseek.people);
  const [name, setName] = useState("");
  const run: Run = async (what, done) => {
    const ok = await act(what, done);
    refresh();
    return ok;
  };
  const mark = async (e: SubmitEvent) => {
    e.preventDefault();
    const as = e.submitter instanceof HTMLButtonElement ? e.submitter.value : "buddy";
    const whom = name.trim();
    const known = data?.people.find((p) => p.name === whom);
    const set = { buddy: false, banned: false, ignored: false, note: "", ...(known ? only(known) : {}), [as]: true };
    if (whom && (await run(soulseek.mark(whom, set), `${whom} is ${as === "buddy" ? "a buddy" : as} now.`))) setName("");
  };
  return (
    <>
      <form class="row" onSubmit={(e) => void mark(e)}>
        <label for="slsk-person">User, address or network</label>
        <input id="slsk-person" value={name} spellcheck={false} required onInput={(e) => setName(e.currentTarget.value)} />
        <button type="submit" class="main" value="buddy">Buddy</button>
        <button type="submit" value="banned">Ban</button>
        <button type="submit" value="ignored">Ignore</button>
      </form>
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      {data?.people.length === 0 && <p class="quiet">Nobody is a buddy, banned or ignored.</p>}
      <ul class="downloads">
        {data?.people.map((p) => (
          <Row key={p.name} person={p} run={run} />
        ))}
      </ul>
      <Taste act={act} />
    </>
  );
}

const only = ({ buddy, banned, ignored, note }: Marks): Marks => ({ buddy, banned, ignored, note });

function Row({ person: p, run }: { person: Person; run: Run }) {
  return (
    <li class="card">
      <div class="head">
        <b class="long">{p.name}</b>
        {p.buddy && <span class={`state ${p.status === "online" ? "good" : ""}`}>{p.status}</span>}
      </div>
      {p.buddy && <p class="quiet">{[counted(p.files, "file"), p.country].filter(Boolean).join(", ")}</p>}
      {p.note && <p class="long">{p.note}</p>}
      {p.configured && <p class="quiet">Named in the configuration, too; only there can that be undone.</p>}
      <div class="row">
        {marks.map((m) => (
          <label key={m} class="check">
            <input type="checkbox" checked={p[m]} aria-label={`${p.name} is ${m}`}
              onChange={(e) => void run(soulseek.mark(p.name, { ...only(p), [m]: e.currentTarget.checked }), `Changed for ${p.name}.`)} />
            {m}
          </label>
        ))}
        <a class="button" href={addressOf("browse", p.name)} aria-label={`Browse ${p.name}`}>Browse</a>
        <a class="button" href={addressOf("messages", p.name)} aria-label={`Write to ${p.name}`}>Message</a>
        <button type="button" aria-label={`Forget ${p.name}`} onClick={() => void run(soulseek.unmark(p.name), `${p.name} is forgotten.`)}>
          Forget
        </button>
      </div>
    </li>
  );
}

/** What one likes and hates; recommendations are asked for when they are opened. */
function Taste({ act }: { act: Act }) {
  const { data, problem, refresh } = useLive("interests", 0, quietMs, soulseek.interests);
  const [item, setItem] = useState("");
  const set = async (kind: "likes" | "hates", what: string, on: boolean) => {
    const ok = await act(soulseek.setInterest(kind, what, on), on ? `Added ${what}.` : `Removed ${what}.`);
    refresh();
    return ok;
  };
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    const kind = e.submitter instanceof HTMLButtonElement && e.submitter.value === "hates" ? "hates" : "likes";
    if (item.trim() && (await set(kind, item.trim(), true))) setItem("");
  };
  return (
    <section class="card" aria-labelledby="taste">
      <h3 id="taste">Interests</h3>
      {problem && <p class="bad" role="alert">{problem}</p>}
      <form class="row" onSubmit={(e) => void add(e)}>
        <label for="slsk-item">Something</label>
        <input id="slsk-item" value={item} required onInput={(e) => setItem(e.currentTarget.value)} />
        <button type="submit" value="likes">Like</button>
        <button type="submit" value="hates">Hate</button>
      </form>
      {(["likes", "hates"] as const).map((kind) => (
        <div key={kind}>
          <h4>{kind === "likes" ? "Liked" : "Hated"}</h4>
          <ul class="chips">
            {data?.[kind].map((what) => (
              <li key={what}>
                <span class="long">{what}</span>
                <button type="button" class="plain" aria-label={`Remove ${what} from what is ${kind === "likes" ? "liked" : "hated"}`}
                  onClick={() => void set(kind, what, false)}>
                  Remove
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
      <Recommended />
    </section>
  );
}

function Recommended() {
  const [open, setOpen] = useState(false);
  return (
    <details open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>Recommendations and similar users</summary>
      {open && <Told />}
    </details>
  );
}

function Told() {
  const items = useLive("recommendations", 0, 600_000, soulseek.recommendations);
  const users = useLive("similar", 0, 600_000, soulseek.similarUsers);
  const problem = items.problem ?? users.problem;
  return (
    <>
      {problem && <p class="bad" role="alert">{problem}</p>}
      <h4>Recommended</h4>
      <ul class="chips">{items.data?.recommended.map((r) => <li key={r.item} class="long">{r.item}</li>)}</ul>
      <h4>Users who like the same</h4>
      <ul class="chips">
        {users.data?.users.map((u) => (
          <li key={u.user}>
            <a class="long" href={addressOf("browse", u.user)}>{u.user}</a>
          </li>
        ))}
      </ul>
    </>
  );
}
