import { useState } from "preact/hooks";

import { api, sentence } from "../api";
import type { Limits } from "../types";

type Field = Exclude<keyof Limits, "note">;
// The bounds are those of the node's configuration.
const fields: { name: Field; label: string; min: number; max: number }[] = [
  { name: "upload_limit_kib", label: "Upload, KiB/s (0: no limit)", min: 0, max: 100_000_000 },
  { name: "download_limit_kib", label: "Download, KiB/s (0: no limit)", min: 0, max: 100_000_000 },
  { name: "upload_limit_per_peer_kib", label: "Upload to one peer, KiB/s (0: no limit)", min: 0, max: 100_000_000 },
  { name: "upload_slots", label: "Peers served at the same time", min: 1, max: 512 },
  { name: "active_downloads", label: "Downloads that run at the same time", min: 1, max: 256 },
];

/** The limits of transfers; asked for when it is opened. */
export function LimitsForm({ say }: { say: (text: string) => void }) {
  const [limits, setLimits] = useState<Limits | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const load = async () => {
    try {
      setLimits(await api.limits());
      setProblem(null);
    } catch (why) {
      setProblem(sentence(why));
    }
  };
  const save = async (e: Event) => {
    e.preventDefault();
    if (!limits) return;
    try {
      setLimits(await api.setLimits(limits));
      say("The limits hold from now on, until the node ends.");
    } catch (why) {
      say(sentence(why));
    }
  };
  return (
    <details class="card" onToggle={(e) => e.currentTarget.open && void load()}>
      <summary>Limits</summary>
      {problem && <p class="bad" role="alert">{problem}</p>}
      {limits && (
        <form class="limits" onSubmit={(e) => void save(e)}>
          {fields.map(({ name, label, min, max }) => (
            <label key={name}>
              {label}
              <input type="number" name={name} min={min} max={max} step={1} required value={limits[name]}
                onInput={(e) => setLimits({ ...limits, [name]: e.currentTarget.valueAsNumber })} />
            </label>
          ))}
          <button type="submit" class="main">Set limits</button>
          <p class="quiet">{sentence(limits.note)}</p>
        </form>
      )}
    </details>
  );
}
