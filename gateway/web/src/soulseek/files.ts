// What a search or a share list tells of files, ordered and put into words.

import type { Folder, SoulseekFile, UserResult } from "./types";

/** Above every bitrate. */
const lossless = 2 ** 40;

export const isLossless = (f: SoulseekFile) => f.bit_depth > 0 || /\.(flac|wav|ape|wv|aiff?)$/i.test(f.path);

export function qualityRank(f: SoulseekFile): number {
  return isLossless(f) ? lossless + f.bit_depth * f.sample_rate_hz : f.bitrate_kbps;
}

export function quality(f: SoulseekFile): string {
  if (f.bit_depth > 0) return `${f.sample_rate_hz > 0 ? `${f.sample_rate_hz / 1000} kHz/` : ""}${f.bit_depth} bit`;
  if (f.bitrate_kbps > 0) return `${f.vbr ? "~" : ""}${f.bitrate_kbps} kbit/s`;
  return /\.(\w{1,5})$/.exec(f.path)?.[1] ?? "";
}

/** Paths are the owner's, with backslashes. */
export const nameOf = (path: string) => path.slice(path.lastIndexOf("\\") + 1);
export const folderOf = (path: string) => path.slice(0, Math.max(path.lastIndexOf("\\"), 0));

export interface Found {
  owner: UserResult;
  file: SoulseekFile;
}

export interface Filter {
  words: string;
  freeSlot: boolean;
  losslessOnly: boolean;
}

/** Best first: free slot, then speed, then quality. Words must all be in the path or the user's name; -word in neither. */
export function ranked(results: UserResult[], filter: Filter): Found[] {
  const wanted: string[] = [];
  const unwanted: string[] = [];
  for (const word of filter.words.toLowerCase().split(/\s+/).filter(Boolean))
    if (word.startsWith("-")) unwanted.push(word.slice(1));
    else wanted.push(word);
  const out: Found[] = [];
  for (const owner of results) {
    if (filter.freeSlot && !owner.free_slot) continue;
    for (const file of owner.files) {
      if (filter.losslessOnly && !isLossless(file)) continue;
      const text = `${owner.user}\\${file.path}`.toLowerCase();
      if (wanted.every((w) => text.includes(w)) && !unwanted.some((w) => w && text.includes(w))) out.push({ owner, file });
    }
  }
  return out.sort(
    (a, b) =>
      Number(b.owner.free_slot) - Number(a.owner.free_slot) ||
      b.owner.speed_bytes_per_s - a.owner.speed_bytes_per_s ||
      qualityRank(b.file) - qualityRank(a.file),
  );
}

export interface Branch {
  /** The part of the path below its parent; several components where there is nothing to choose between. */
  name: string;
  path: string;
  folder: Folder | null;
  branches: Branch[];
}

const deepest = 40;

/** Folders as the tree that their paths make. */
export function treeOf(folders: Folder[]): Branch[] {
  interface Making extends Branch {
    below: Map<string, Making>;
  }
  const make = (name: string, path: string): Making => ({ name, path, folder: null, branches: [], below: new Map() });
  const root = make("", "");
  for (const folder of folders) {
    let here = root;
    const parts = folder.path.split("\\");
    // Whoever shares it chose the names: they may be made to be endless.
    if (parts.length > deepest) parts.splice(deepest - 1, parts.length, parts.slice(deepest - 1).join("\\"));
    for (const part of parts) {
      let next = here.below.get(part);
      if (!next) {
        next = make(part, here === root ? part : `${here.path}\\${part}`);
        here.below.set(part, next);
        here.branches.push(next);
      }
      here = next;
    }
    here.folder = folder;
  }
  const join = (b: Branch): Branch => {
    const only = b.branches[0];
    if (b.folder === null && b.branches.length === 1 && only) return join({ ...only, name: `${b.name}\\${only.name}` });
    return { name: b.name, path: b.path, folder: b.folder, branches: b.branches.map(join) };
  };
  return root.branches.map(join);
}
