import { useEffect, useMemo, useState } from "preact/hooks";

import { sentence } from "../../api";
import { bytes, count, counted, length } from "../../format";
import { addressOf, go } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import { type Branch, nameOf, quality, treeOf } from "../../soulseek/files";
import type { Folder, Shares, SoulseekFile, SoulseekUser } from "../../soulseek/types";
import { type Act, type PanelProps, folderBegun } from ".";

// A list may be of a million files: so many folders are here at a time, and of a folder so many files.
const foldersAtOnce = 500;
const filesAtOnce = 200;

export function Browse({ subject: user, act }: PanelProps) {
  const [name, setName] = useState(user);
  useEffect(() => setName(user), [user]);
  const begin = (e: Event) => {
    e.preventDefault();
    if (name.trim()) go("browse", name.trim());
  };
  return (
    <>
      <form class="row" onSubmit={begin}>
        <label for="slsk-browse">User</label>
        <input id="slsk-browse" value={name} spellcheck={false} required onInput={(e) => setName(e.currentTarget.value)} />
        <button type="submit" class="main">Browse</button>
      </form>
      {user && <Profile key={`about ${user}`} user={user} />}
      {user && <ShareList key={`shares ${user}`} user={user} act={act} />}
    </>
  );
}

function Profile({ user }: { user: string }) {
  const [about, setAbout] = useState<SoulseekUser | null>(null);
  useEffect(() => {
    let current = true;
    // The list below tells why a user can't be reached.
    soulseek.user(user).then((a) => current && setAbout(a), () => {});
    return () => {
      current = false;
    };
  }, [user]);
  return (
    <section class="card" aria-label={`About ${user}`}>
      <div class="head">
        <h3 class="long">{user}</h3>
        <a href={addressOf("messages", user)}>Write a message</a>
      </div>
      {about && (
        <>
          <p class="quiet">
            {about.free_slot ? "A free slot" : "No free slot"} of {about.upload_slots}, {count(about.queue)} waiting
          </p>
          {about.description && <p class="long said">{about.description}</p>}
        </>
      )}
    </section>
  );
}

function ShareList({ user, act }: { user: string; act: Act }) {
  const [offset, setOffset] = useState(0);
  const [shares, setShares] = useState<Shares | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let current = true;
    setShares(null);
    setProblem(null);
    soulseek
      .shares(user, offset, foldersAtOnce)
      .then((page) => current && setShares(page))
      .catch((why) => current && setProblem(sentence(why)));
    return () => {
      current = false;
    };
  }, [user, offset, tries]);
  const tree = useMemo(() => (shares ? treeOf(shares.folders) : []), [shares]);
  if (problem)
    return (
      <p class="banner bad" role="alert">
        <span>{problem}</span>
        <button type="button" onClick={() => setTries(tries + 1)}>Try again</button>
      </p>
    );
  if (!shares) return <p class="quiet" role="status">Asking {user}; a long list takes a while.</p>;
  const last = offset + shares.folders.length;
  return (
    <section class="card" aria-label={`Files of ${user}`}>
      <p class="quiet">
        {counted(shares.files_total, "file")} in {counted(shares.folders_total, "folder")}
        {shares.folders_total > shares.folders.length && `; these are folders ${count(offset + 1)} to ${count(last)}`}
      </p>
      <ul class="tree">
        {tree.map((b) => (
          <BranchRow key={b.path} branch={b} user={user} act={act} />
        ))}
      </ul>
      <div class="row">
        {offset > 0 && (
          <button type="button" onClick={() => setOffset(Math.max(0, offset - foldersAtOnce))}>Previous page</button>
        )}
        {last < shares.folders_total && (
          <button type="button" onClick={() => setOffset(offset + foldersAtOnce)}>Next page</button>
        )}
      </div>
    </section>
  );
}

interface BranchProps {
  branch: Branch;
  user: string;
  act: Act;
}

/** Its contents are made when it is opened. */
function BranchRow({ branch, user, act }: BranchProps) {
  const [open, setOpen] = useState(false);
  const { folder } = branch;
  return (
    <li>
      <details open={open} onToggle={(e) => e.target === e.currentTarget && setOpen(e.currentTarget.open)}>
        <summary>
          <span class="long">{branch.name || "(no name)"}</span>
          <span class="quiet">
            {folder && counted(folder.files.length, "file")}
            {folder?.restricted && ", for some only"}
          </span>
        </summary>
        {open && (
          <>
            <div class="row">
              <button type="button" aria-label={`Download folder ${branch.path}`}
                onClick={() => void act(soulseek.downloadFolder(user, branch.path), folderBegun)}>
                Download folder
              </button>
            </div>
            {branch.branches.length > 0 && (
              <ul class="tree">
                {branch.branches.map((b) => (
                  <BranchRow key={b.path} branch={b} user={user} act={act} />
                ))}
              </ul>
            )}
            {folder && <Files folder={folder} user={user} act={act} />}
          </>
        )}
      </details>
    </li>
  );
}

function Files({ folder, user, act }: { folder: Folder; user: string; act: Act }) {
  const [most, setMost] = useState(filesAtOnce);
  if (folder.files.length === 0) return null;
  const get = (f: SoulseekFile) =>
    // In a share list a file has only its name.
    void act(soulseek.download(user, `${folder.path}\\${f.path}`, f.size), `${nameOf(f.path)} is being downloaded; see Transfers.`);
  return (
    <div class="scroll">
      <table>
        <caption class="silent">Files in {folder.path}</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Quality</th>
            <th scope="col" class="number">Length</th>
            <th scope="col" class="number">Size</th>
            <th scope="col"><span class="silent">Action</span></th>
          </tr>
        </thead>
        <tbody>
          {folder.files.slice(0, most).map((f, i) => (
            <tr key={`${i} ${f.path}`}>
              <td class="long">{f.path}</td>
              <td>{quality(f)}</td>
              <td class="number">{f.duration_s > 0 ? length(f.duration_s * 1000) : "-"}</td>
              <td class="number">{bytes(f.size)}</td>
              <td>
                <button type="button" aria-label={`Download ${f.path}`} onClick={() => get(f)}>Download</button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {folder.files.length > most && (
        <button type="button" onClick={() => setMost(most + filesAtOnce)}>Show more ({count(folder.files.length - most)} left)</button>
      )}
    </div>
  );
}
