import { useEffect, useRef, useState } from "preact/hooks";

export interface Line {
  key: string;
  who: string;
  at_ms: number;
  text: string;
}

/** What was said, the newest at the end and in sight; and a line to say something. */
export function Chat({ label, lines, onSay }: { label: string; lines: Line[]; onSay: (text: string) => Promise<boolean> }) {
  const [text, setText] = useState("");
  const log = useRef<HTMLOListElement>(null);
  const newest = lines[lines.length - 1]?.key;
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [newest]);
  const say = async (e: Event) => {
    e.preventDefault();
    if (text.trim() && (await onSay(text.trim()))) setText("");
  };
  return (
    <>
      <ol class="chat" role="log" aria-label={label} tabIndex={0} ref={log}>
        {lines.map((l) => (
          <li key={l.key}>
            <time>{new Date(l.at_ms).toLocaleString()}</time> <b>{l.who}</b> <span class="long">{l.text}</span>
          </li>
        ))}
      </ol>
      <form class="row" onSubmit={(e) => void say(e)}>
        <label class="silent" for="slsk-say">{label}</label>
        <input id="slsk-say" value={text} maxLength={1000} autocomplete="off" placeholder="Say something" required
          onInput={(e) => setText(e.currentTarget.value)} />
        <button type="submit" class="main">Send</button>
      </form>
    </>
  );
}
