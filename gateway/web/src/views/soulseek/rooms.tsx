import { useState } from "preact/hooks";

import { count, counted } from "../../format";
import { addressOf, go } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import type { Room } from "../../soulseek/types";
import { useLive } from "../../state";
import type { Act, PanelProps } from ".";
import { Chat } from "./chat";

const quietMs = 60_000;
const roomsAtOnce = 1000;
const roomsShown = 100;
const usersAtOnce = 1000;

export function Rooms({ subject: room, news, act }: PanelProps) {
  const { data, problem, refresh } = useLive("rooms", news.room, quietMs, () => soulseek.rooms(roomsAtOnce));
  const [name, setName] = useState("");
  const join = async (which: string) => {
    if (!(await act(soulseek.join(which), `Joining ${which}.`))) return;
    refresh();
    go("rooms", which);
  };
  const submit = (e: Event) => {
    e.preventDefault();
    if (name.trim()) void join(name.trim());
  };
  const wanted = name.trim().toLowerCase();
  const all = (data?.rooms ?? []).filter((r) => r.joined || !wanted || r.room.toLowerCase().includes(wanted));
  return (
    <>
      <form class="row" onSubmit={submit}>
        <label for="slsk-join">Room</label>
        <input id="slsk-join" value={name} spellcheck={false} required placeholder="name, or a part to look for"
          onInput={(e) => setName(e.currentTarget.value)} />
        <button type="submit" class="main">Join</button>
      </form>
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      <div class="sides">
        <nav class="names" aria-label="Rooms">
          {all.slice(0, roomsShown).map((r) =>
            r.joined ? (
              <a key={r.room} href={addressOf("rooms", r.room)} aria-current={r.room === room ? "page" : undefined}>
                <b class="long">{r.room}</b>
                <span class="count">{count(r.users)}</span>
              </a>
            ) : (
              <button key={r.room} type="button" aria-label={`Join ${r.room}`} onClick={() => void join(r.room)}>
                <span class="long">{r.room}</span>
                <span class="count">{count(r.users)}</span>
              </button>
            ),
          )}
          {data && data.total > roomsShown && <p class="quiet">{count(data.total)} rooms in all; look for one by a part of its name.</p>}
        </nav>
        {room && <OneRoom key={room} name={room} news={news.room} act={act} onLeft={refresh} />}
      </div>
    </>
  );
}

function OneRoom({ name, news, act, onLeft }: { name: string; news: number; act: Act; onLeft: () => void }) {
  const { data, problem, refresh } = useLive(`room ${name}`, news, quietMs, () => soulseek.room(name, usersAtOnce));
  const tell = async (text: string) => {
    const said = await act(soulseek.tell(name, text), `Said in ${name}.`);
    refresh();
    return said;
  };
  const leave = async () => {
    if (!(await act(soulseek.leave(name), `You left ${name}.`))) return;
    onLeft();
    go("rooms");
  };
  const lines = (data?.messages ?? []).map((m, i) => ({ key: `${m.at_ms} ${m.user} ${i}`, who: m.user, at_ms: m.at_ms, text: m.text }));
  return (
    <section class="card" aria-labelledby="room">
      <div class="head">
        <h3 id="room" class="long">{name}</h3>
        {data && !data.joined && <span class="state busy">not let in yet</span>}
        <button type="button" onClick={() => void leave()}>Leave</button>
      </div>
      {problem && <p class="bad" role="alert">{problem}</p>}
      {data && <Chat label={`Room ${name}`} lines={lines} onSay={tell} />}
      {data && <Around room={data} act={act} onChanged={refresh} />}
    </section>
  );
}

function Around({ room, act, onChanged }: { room: Room; act: Act; onChanged: () => void }) {
  const [ticker, setTicker] = useState("");
  const set = async (e: Event) => {
    e.preventDefault();
    await act(soulseek.setTicker(room.room, ticker.trim()), ticker.trim() ? "Your ticker is set." : "Your ticker is removed.");
    onChanged();
  };
  return (
    <>
      <details>
        <summary>{counted(room.users_total, "user")}</summary>
        <ul class="people">
          {room.users.map((u) => (
            <li key={u.user}>
              <a class="long" href={addressOf("browse", u.user)}>{u.user}</a>{" "}
              <span class="quiet">{[u.status === "online" ? "" : u.status, u.country, counted(u.files, "file")].filter(Boolean).join(", ")}</span>
            </li>
          ))}
        </ul>
        {room.users_total > room.users.length && <p class="quiet">These are the first {count(room.users.length)}.</p>}
      </details>
      <details>
        <summary>{counted(room.tickers.length, "ticker")}</summary>
        <ul class="people">
          {room.tickers.map((t) => (
            <li key={t.user}>
              <b>{t.user}</b> <span class="long">{t.text}</span>
            </li>
          ))}
        </ul>
        <form class="row" onSubmit={(e) => void set(e)}>
          <label for="slsk-ticker">Your ticker; an empty one removes it</label>
          <input id="slsk-ticker" value={ticker} maxLength={1000} onInput={(e) => setTicker(e.currentTarget.value)} />
          <button type="submit">Set</button>
        </form>
      </details>
    </>
  );
}
