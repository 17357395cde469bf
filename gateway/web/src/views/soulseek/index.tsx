import { sentence } from "../../api";
import { counted } from "../../format";
import { addressOf, panels, placeOf } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import type { FolderDownload } from "../../soulseek/types";
import { useLive } from "../../state";
import { Browse } from "./browse";
import { Messages } from "./messages";
import { People } from "./people";
import { Rooms } from "./rooms";
import { SoulseekSearch } from "./search";
import { SessionPanel } from "./session";
import { Transfers } from "./transfers";
import { Wishes } from "./wishes";

/** Grow with every event about what they name. */
export interface News {
  session: number;
  transfers: number;
  message: number;
  room: number;
  wish: number;
}

export interface PanelProps {
  subject: string;
  news: News;
  /** Awaits it and tells how it went. */
  act: Act;
}
export type Act = <T>(what: Promise<T>, done: string | ((answer: T) => string)) => Promise<boolean>;

export function folderBegun(d: FolderDownload): string {
  const refused = d.refused > 0 ? ` ${d.refused} were refused: ${d.reason}` : "";
  return `${counted(d.files, "file")} of the folder will be downloaded; see Transfers.${refused}`;
}

export function Soulseek({ hash, news, say }: { hash: string; news: News; say: (text: string) => void }) {
  const { panel, subject } = placeOf(hash);
  const status = useLive("status", news.session, 15_000, soulseek.status);
  const act: Act = async (what, done) => {
    try {
      const answer = await what;
      say(typeof done === "string" ? done : done(answer));
      return true;
    } catch (why) {
      say(sentence(why));
      return false;
    }
  };
  const props = { subject, news, act };
  return (
    <>
      <h2>Soulseek</h2>
      <nav class="tabs" aria-label="Soulseek">
        {panels.map((p) => (
          <a key={p} href={addressOf(p)} aria-current={p === panel ? "page" : undefined}>
            {p.charAt(0).toUpperCase() + p.slice(1)}
          </a>
        ))}
      </nav>
      {panel !== "status" && status.data && status.data.state !== "online" && (
        <p class="banner bad" role="alert">
          <span>
            Not logged in{status.data.reason && `: ${status.data.reason}`}. <a href={addressOf("status")}>See how it stands.</a>
          </span>
        </p>
      )}
      {panel === "status" && <SessionPanel status={status} act={act} />}
      {panel === "search" && <SoulseekSearch {...props} />}
      {panel === "browse" && <Browse {...props} />}
      {panel === "transfers" && <Transfers {...props} />}
      {panel === "messages" && <Messages {...props} />}
      {panel === "rooms" && <Rooms {...props} />}
      {panel === "wishes" && <Wishes {...props} />}
      {panel === "people" && <People {...props} />}
    </>
  );
}
