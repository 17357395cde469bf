import { counted, duration } from "../../format";
import { soulseek } from "../../soulseek/api";
import type { SoulseekStatus } from "../../soulseek/types";
import type { Live } from "../../state";
import type { Act } from ".";

const words: Record<SoulseekStatus["state"], string> = {
  off: "off",
  connecting: "connecting",
  logging_in: "logging in",
  online: "online",
  waiting: "waiting to try again",
  stopped: "stopped",
};

export function SessionPanel({ status, act }: { status: Live<SoulseekStatus>; act: Act }) {
  const s = status.data;
  if (!s) return status.problem ? <p class="banner bad" role="alert">{status.problem}</p> : <p class="quiet">Asking the node.</p>;
  const tone = s.state === "online" ? "good" : s.state === "stopped" ? "bad" : "busy";
  const run = async (what: Promise<unknown>, done: string) => {
    await act(what, done);
    status.refresh();
  };
  return (
    <section class="card" aria-labelledby="session">
      <div class="head">
        <h3 id="session">{s.username || "No user name is set"}</h3>
        <span class={`state ${tone}`}>
          {words[s.state]}
          {s.away && ", away"}
        </span>
      </div>
      {s.reason && <p class={s.state === "stopped" ? "bad" : ""}>{s.reason}</p>}
      {s.until_ms > 0 && <p class="quiet">Next try at {new Date(s.until_ms).toLocaleTimeString()}.</p>}
      <div class="row">
        {(s.state === "off" || s.state === "stopped" || s.state === "waiting") && (
          <button type="button" class="main" onClick={() => void run(soulseek.login(), "The node logs in.")}>Log in</button>
        )}
        {s.state !== "off" && s.state !== "stopped" && (
          <button type="button" onClick={() => void run(soulseek.logout(), "The node leaves the server.")}>Log out</button>
        )}
        {s.state === "online" && (
          <button type="button" onClick={() => void run(soulseek.setAway(!s.away), s.away ? "You are shown as here." : "You are shown as away.")}>
            {s.away ? "Be here" : "Be away"}
          </button>
        )}
      </div>
      <Facts status={s} />
    </section>
  );
}

function Facts({ status: s }: { status: SoulseekStatus }) {
  const facts: [string, string, string?][] = [
    ["Server", s.server || "-", s.server_answers ? `answers in ${s.server_latency_ms} ms` : undefined],
    ["Listens at", s.listen || "-"],
    ["Shares", counted(s.shared_files, "file"), `in ${counted(s.shared_folders, "folder")}`],
    ["Downloads", `${s.downloads_active} active`],
    ["Uploads", `${s.uploads_active} active`, `${s.uploads_queued} queued`],
    ["Links to users", String(s.peer_links)],
    ["Search tree", s.parent ? `below ${s.parent}` : "no parent", `${s.children} children${s.branch_root ? `, branch of ${s.branch_root}` : ""}`],
    ["Privileges", s.privileged_s > 0 ? duration(s.privileged_s * 1000) : "none"],
  ];
  return (
    <dl class="tiles">
      {facts.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="long">
            {value}
            {more && <small>{more}</small>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
