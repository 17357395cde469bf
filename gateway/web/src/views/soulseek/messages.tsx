import { useEffect, useState } from "preact/hooks";

import { addressOf, go } from "../../soulseek/address";
import { soulseek } from "../../soulseek/api";
import { useLive } from "../../state";
import type { Act, PanelProps } from ".";
import { Chat } from "./chat";

const quietMs = 60_000;
const conversationsAtOnce = 200;
const messagesAtOnce = 100;
const maxMessages = 1000;

export function Messages({ subject: user, news, act }: PanelProps) {
  const { data, problem, refresh } = useLive("conversations", news.message, quietMs, () => soulseek.conversations(conversationsAtOnce));
  const [name, setName] = useState("");
  const begin = (e: Event) => {
    e.preventDefault();
    if (name.trim()) go("messages", name.trim());
  };
  return (
    <>
      <form class="row" onSubmit={begin}>
        <label for="slsk-whom">User</label>
        <input id="slsk-whom" value={name} spellcheck={false} required onInput={(e) => setName(e.currentTarget.value)} />
        <button type="submit">Open</button>
      </form>
      {problem && <p class="banner bad" role="alert">{problem}</p>}
      <div class="sides">
        <nav class="names" aria-label="Conversations">
          {data?.conversations.length === 0 && <p class="quiet">No messages yet.</p>}
          {data?.conversations.map((c) => (
            <a key={c.user} href={addressOf("messages", c.user)} aria-current={c.user === user ? "page" : undefined}>
              <span class="long">{c.user}</span>
              {c.unread > 0 && <span class="count">{c.unread} new</span>}
            </a>
          ))}
        </nav>
        {user && <WithUser key={user} user={user} news={news.message} act={act} onChanged={refresh} />}
      </div>
    </>
  );
}

function WithUser({ user, news, act, onChanged }: { user: string; news: number; act: Act; onChanged: () => void }) {
  const [limit, setLimit] = useState(messagesAtOnce);
  const { data, problem, refresh } = useLive(`with ${user} ${limit}`, news, quietMs, () => soulseek.conversation(user, limit));
  const unread = data?.messages.filter((m) => m.unread).length ?? 0;
  // Those that were shown count as read; the list of conversations is to know it.
  useEffect(() => {
    if (unread > 0) onChanged();
  }, [unread, onChanged]);
  const say = async (text: string) => {
    const said = await act(soulseek.say(user, text), `Sent to ${user}.`);
    refresh();
    return said;
  };
  const forget = async () => {
    if (!(await act(soulseek.forgetConversation(user), `The messages with ${user} are forgotten.`))) return;
    onChanged();
    go("messages");
  };
  const lines = (data?.messages ?? []).map((m) => ({ key: String(m.id), who: m.from_us ? "you" : user, at_ms: m.at_ms, text: m.text }));
  return (
    <section class="card" aria-labelledby="with">
      <div class="head">
        <h3 id="with" class="long">{user}</h3>
        <a href={addressOf("browse", user)}>Browse</a>
        <button type="button" onClick={() => void forget()}>Forget these messages</button>
      </div>
      {problem && <p class="bad" role="alert">{problem}</p>}
      {data?.more && limit < maxMessages && (
        <button type="button" onClick={() => setLimit(Math.min(limit * 3, maxMessages))}>Show older ones</button>
      )}
      <Chat label={`Messages with ${user}`} lines={lines} onSay={say} />
    </section>
  );
}
