import { useEffect, useRef, useState } from "preact/hooks";

import { api, sentence } from "../api";
import { bytes, length, mbidPattern, shortId } from "../format";
import type { Candidate, LibraryFile, Resolved, SearchResult } from "../types";

interface Props {
  onStarted: () => void;
  say: (text: string) => void;
}

export function Search({ onStarted, say }: Props) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [found, setFound] = useState<SearchResult | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  const search = async (query: string) => {
    setText(query);
    setBusy(true);
    setProblem(null);
    try {
      setFound(await api.search(query.trim()));
    } catch (why) {
      setFound(null);
      setProblem(sentence(why));
    }
    setBusy(false);
  };
  const download = async (mbid: string) => {
    try {
      const started = await api.startDownload(mbid);
      say(`The download of ${started.mbid ?? mbid} has begun; see Downloads.`);
      onStarted();
    } catch (why) {
      say(sentence(why));
    }
  };
  return (
    <>
      <h2>Search</h2>
      <form
        class="row"
        role="search"
        onSubmit={(e) => {
          e.preventDefault();
          if (text.trim()) void search(text);
        }}
      >
        <label for="query">MusicBrainz recording id, or words</label>
        <input id="query" ref={field} type="search" value={text} maxLength={256} spellcheck={false}
          placeholder="8f3471b5-7e6a-48da-86a9-c1c07a0f47ae" onInput={(e) => setText(e.currentTarget.value)} />
        <button type="submit" class="main" disabled={busy}>
          {busy ? "Searching" : "Search"}
        </button>
      </form>
      <p class="quiet">An id asks the mesh who has that recording; words look through this node's own library.</p>
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      {found?.mesh && <Mesh mesh={found.mesh} onDownload={download} />}
      {found && <Own files={found.library} asked={found.mesh !== null} onSearch={search} />}
    </>
  );
}

function Mesh({ mesh, onDownload }: { mesh: Resolved; onDownload: (mbid: string) => void }) {
  const mbid = mesh.mbid;
  return (
    <section class="card" aria-labelledby="mesh">
      <h3 id="mesh">In the mesh</h3>
      {mesh.candidates.length === 0 ? (
        <p>Nobody in the mesh has this recording.</p>
      ) : (
        <>
          <div class="row">
            {mbid && (
              <button type="button" class="main" onClick={() => onDownload(mbid)}>
                Download
              </button>
            )}
            <span class="quiet">
              {mesh.candidates.length} offers from {mesh.publishers} publishers, found in {Math.round(mesh.elapsed_us / 1000)} ms
              {mesh.cached ? " (remembered)" : ""}
            </span>
          </div>
          <Candidates candidates={mesh.candidates} />
        </>
      )}
    </section>
  );
}

function Candidates({ candidates }: { candidates: Candidate[] }) {
  return (
    <div class="scroll">
      <table>
        <caption class="silent">Who serves it, best first</caption>
        <thead>
          <tr>
            <th scope="col">Codec</th>
            <th scope="col" class="number">Bitrate</th>
            <th scope="col" class="number">Size</th>
            <th scope="col" class="number">Quality</th>
            <th scope="col">Node</th>
            <th scope="col">Address</th>
          </tr>
        </thead>
        <tbody>
          {candidates.map((c) => (
            <tr key={`${c.publisher} ${c.root}`}>
              <td>{c.codec ?? "-"}</td>
              <td class="number">{c.bitrate_kbps ? `${c.bitrate_kbps} kbit/s` : "-"}</td>
              <td class="number">{c.size ? bytes(c.size) : "-"}</td>
              <td class="number">{c.quality ?? "-"}</td>
              <td>
                <code title={c.node ?? ""}>{shortId(c.node)}</code>
              </td>
              <td>{c.address ?? "not known yet"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Own({ files, asked, onSearch }: { files: LibraryFile[]; asked: boolean; onSearch: (mbid: string) => void }) {
  if (files.length === 0) return asked ? null : <p>Nothing in this node's library matches.</p>;
  return (
    <section class="card" aria-labelledby="own">
      <h3 id="own">In this node's library</h3>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Artist</th>
              <th scope="col">Title</th>
              <th scope="col">Album</th>
              <th scope="col">Codec</th>
              <th scope="col" class="number">Length</th>
              <th scope="col">Mesh</th>
            </tr>
          </thead>
          <tbody>
            {files.map((f) => {
              const mbid = f.recording;
              return (
                <tr key={f.path}>
                  <td>{f.artist}</td>
                  <td title={f.path ?? ""}>{f.title ?? f.path}</td>
                  <td>{f.album}</td>
                  <td>{f.codec}</td>
                  <td class="number">{length(f.duration_ms)}</td>
                  <td>
                    {mbid && mbidPattern.test(mbid) ? (
                      <button type="button" onClick={() => onSearch(mbid)} aria-label={`Who else has ${f.title ?? "this"}`}>
                        Who else has it
                      </button>
                    ) : (
                      <span class="quiet">no MBID</span>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
