// Where in the page one is: #soulseek/PANEL/SUBJECT.

export const panels = ["status", "search", "browse", "transfers", "messages", "rooms", "wishes", "people"] as const;
export type Panel = (typeof panels)[number];

export interface Place {
  panel: Panel;
  /** A user, a room or the number of a search; "" is none. */
  subject: string;
}

export function placeOf(hash: string): Place {
  const [, panel, subject] = hash.replace(/^#/, "").split("/");
  let name = "";
  try {
    name = decodeURIComponent(subject ?? "");
  } catch {
    // Written by hand, and wrong: it is about nothing.
  }
  return { panel: panels.find((p) => p === panel) ?? "status", subject: name };
}

export function addressOf(panel: Panel, subject: string | number = ""): string {
  return `#soulseek/${panel}${subject === "" ? "" : `/${encodeURIComponent(subject)}`}`;
}

export function go(panel: Panel, subject: string | number = ""): void {
  location.hash = addressOf(panel, subject);
}
