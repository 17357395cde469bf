import { useEffect, useState } from "preact/hooks";

import { api, sentence } from "../api";
import { bytes, count, length, percent } from "../format";
import type { LibraryFile } from "../types";

const pageSize = 100;
const countedPages = 10;
const countedPageSize = 1000;

interface Props {
  /** Changes when the library did. */
  version: number;
  say: (text: string) => void;
}

export function LibraryView({ version, say }: Props) {
  // The `after` of each page up to the shown one.
  const [trail, setTrail] = useState<string[]>([""]);
  const [files, setFiles] = useState<LibraryFile[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const after = trail[trail.length - 1] ?? "";
  useEffect(() => {
    let current = true;
    api
      .library(after, pageSize)
      .then((page) => {
        if (!current) return;
        setFiles(page.files);
        setNext(page.next_after);
        setProblem(null);
      })
      .catch((why) => current && setProblem(sentence(why)));
    return () => {
      current = false;
    };
  }, [after, version]);
  const rescan = () =>
    api
      .rescan()
      .then(() => say("The node looks through its folders now."))
      .catch((why) => say(sentence(why)));
  return (
    <>
      <div class="head">
        <h2>Library</h2>
        <button type="button" onClick={() => void rescan()}>Look for changes now</button>
      </div>
      <Coverage version={version} />
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      {files && files.length === 0 && <p class="quiet">No files. Name your music folders in library.paths of the configuration.</p>}
      {files && files.length > 0 && <Files files={files} first={(trail.length - 1) * pageSize} />}
      <div class="row">
        {trail.length > 1 && (
          <button type="button" onClick={() => setTrail(trail.slice(0, -1))}>
            Previous page
          </button>
        )}
        {next !== null && (
          <button type="button" onClick={() => setTrail([...trail, next])}>
            Next page
          </button>
        )}
      </div>
    </>
  );
}

interface Counted {
  files: number;
  bytes: number;
  recordings: number;
  releases: number;
  problems: number;
  all: boolean;
}

/** How much of the library the mesh can know: counted over the listing, at most 10,000 files. */
function Coverage({ version }: { version: number }) {
  const [counted, setCounted] = useState<Counted | null>(null);
  useEffect(() => {
    let current = true;
    const run = async () => {
      const sum: Counted = { files: 0, bytes: 0, recordings: 0, releases: 0, problems: 0, all: false };
      let after: string | null = "";
      for (let i = 0; i < countedPages && after !== null && current; ++i) {
        const page: { files: LibraryFile[]; next_after: string | null } = await api.library(after, countedPageSize);
        for (const f of page.files) {
          sum.files += 1;
          sum.bytes += f.size;
          sum.recordings += f.recording ? 1 : 0;
          sum.releases += f.release ? 1 : 0;
          sum.problems += f.problem ? 1 : 0;
        }
        after = page.next_after;
      }
      sum.all = after === null;
      if (current) setCounted(sum);
    };
    // A scan changes the library many times a second; once it is quiet is soon enough.
    const timer = window.setTimeout(() => run().catch(() => {}), version === 0 ? 0 : 2000);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [version]);
  if (!counted || counted.files === 0) return null;
  const share = (n: number) => `${count(n)} (${percent(n, counted.files)})`;
  return (
    <dl class="tiles">
      <div>
        <dt>{counted.all ? "Files" : "Of the first"}</dt>
        <dd>
          {count(counted.files)}
          <small>{bytes(counted.bytes)}</small>
        </dd>
      </div>
      <div>
        <dt>With a recording MBID</dt>
        <dd>
          {share(counted.recordings)}
          <progress max={counted.files} value={counted.recordings} aria-label="Files with a recording MBID" />
          <small>only these can be found through the mesh</small>
        </dd>
      </div>
      <div>
        <dt>With a release MBID</dt>
        <dd>{share(counted.releases)}</dd>
      </div>
      <div>
        <dt>With a problem</dt>
        <dd>{share(counted.problems)}</dd>
      </div>
    </dl>
  );
}

function Files({ files, first }: { files: LibraryFile[]; first: number }) {
  return (
    <div class="scroll card">
      <table>
        <caption>
          Files {count(first + 1)} to {count(first + files.length)}, by path
        </caption>
        <thead>
          <tr>
            <th scope="col">Title</th>
            <th scope="col">Artist</th>
            <th scope="col">Album</th>
            <th scope="col">Codec</th>
            <th scope="col" class="number">Bitrate</th>
            <th scope="col" class="number">Length</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">MBID</th>
          </tr>
        </thead>
        <tbody>
          {files.map((f) => (
            <tr key={f.path}>
              <td class="long" title={f.path ?? ""}>
                {f.title ?? f.path}
                {f.problem && <small class="bad">{f.problem}</small>}
              </td>
              <td>{f.artist}</td>
              <td>{f.album}</td>
              <td>{f.codec}</td>
              <td class="number">{f.bitrate_kbps || "-"}</td>
              <td class="number">{length(f.duration_ms)}</td>
              <td class="number">{bytes(f.size)}</td>
              <td>{f.recording ? <code title={f.recording}>{f.recording.slice(0, 8)}</code> : <span class="quiet">none</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
