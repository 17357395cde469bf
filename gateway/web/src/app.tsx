import { useCallback, useEffect, useState } from "preact/hooks";

import { type ApiError, apiKey, setApiKey, whenKeyIsWanted } from "./api";
import { KeyForm } from "./key_form";
import { useDownloads, useEvents, useStatus } from "./state";
import type { NodeEvent } from "./types";
import { Downloads } from "./views/downloads";
import { Events } from "./views/events";
import { LibraryView } from "./views/library";
import { Overview } from "./views/overview";
import { Peers } from "./views/peers";
import { Search } from "./views/search";
import { type News, Soulseek } from "./views/soulseek";

const views = ["overview", "search", "downloads", "soulseek", "library", "peers", "events"] as const;
type View = (typeof views)[number];

function viewOf(hash: string): View {
  const name = hash.slice(1).split("/")[0];
  return views.find((v) => v === name) ?? "overview";
}

function useHash(): string {
  const [hash, setHash] = useState(() => location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    // The address may have changed between the first look and now.
    changed();
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash;
}

/** Which part of the Soulseek side an event is about, by its subject: soulseek/message/USER; null: another component. */
function soulseekPart(event: NodeEvent): keyof News | null {
  const [component, what] = (event.subject ?? "").split("/");
  if (component !== "soulseek") return null;
  if (event.kind === "transfer_changed") return "transfers";
  return what === "message" || what === "room" || what === "wish" ? what : "session";
}

const title = (view: View) => view.charAt(0).toUpperCase() + view.slice(1);

export function App() {
  const [session, setSession] = useState(0);
  const [wanted, setWanted] = useState<ApiError | null>(null);
  useEffect(() => whenKeyIsWanted(setWanted), []);
  const enter = useCallback((key: string) => {
    setApiKey(key);
    setWanted(null);
    setSession((n) => n + 1);
  }, []);
  if (wanted) return <KeyForm why={wanted} tried={apiKey() !== ""} onKey={enter} />;
  return <Page session={session} />;
}

function Page({ session }: { session: number }) {
  const hash = useHash();
  const view = viewOf(hash);
  const { status, problem, samples } = useStatus();
  const downloads = useDownloads();
  const [libraryVersion, setLibraryVersion] = useState(0);
  const [news, setNews] = useState<News>({ session: 0, transfers: 0, message: 0, room: 0, wish: 0 });
  const onEvent = (event: NodeEvent) => {
    const part = soulseekPart(event);
    if (part) setNews((old) => ({ ...old, [part]: old[part] + 1 }));
    if (event.kind === "transfer_changed" && part === null) downloads.refresh();
    if (event.kind === "library_changed") setLibraryVersion((n) => n + 1);
  };
  const { events, stream } = useEvents(session, onEvent);
  const [said, say] = useState("");
  useEffect(() => {
    document.title = view === "overview" ? "Virtual Soulfind" : `${title(view)} - Virtual Soulfind`;
  }, [view]);
  const running = downloads.downloads.filter((d) => d.state === "transferring").length;
  return (
    <>
      <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); document.getElementById("content")?.focus(); }}>
        Skip to the content
      </a>
      <header class="top">
        <h1>Virtual Soulfind</h1>
        <nav aria-label="Sections">
          {views.map((v) => (
            <a key={v} href={`#${v}`} aria-current={v === view ? "page" : undefined}>
              {title(v)}
              {v === "downloads" && running > 0 && <span class="count">{running}</span>}
              {v === "peers" && status && status.peers.length > 0 && <span class="count">{status.peers.length}</span>}
            </a>
          ))}
        </nav>
      </header>
      <main id="content" tabIndex={-1}>
        {problem && <p class="banner bad" role="alert">{problem} Trying again.</p>}
        <p class={said ? "banner said" : "silent"} role="status">
          <span>{said}</span>
          {said && <button type="button" class="plain" onClick={() => say("")}>Close</button>}
        </p>
        {view === "overview" && <Overview status={status} samples={samples} downloads={downloads.downloads} stream={stream} />}
        {view === "search" && <Search onStarted={downloads.refresh} say={say} />}
        {view === "downloads" && <Downloads state={downloads} say={say} />}
        {view === "soulseek" && <Soulseek hash={hash} news={news} say={say} />}
        {view === "library" && <LibraryView version={libraryVersion} say={say} />}
        {view === "peers" && <Peers status={status} />}
        {view === "events" && <Events events={events} stream={stream} />}
      </main>
      <footer>
        <a href="/api/v1/openapi.json">The HTTP interface, described</a>
      </footer>
    </>
  );
}
