import { useState } from "preact/hooks";

import { type ApiError, sentence } from "./api";

/** Asks for the API key; where no key would help, says what to do instead. */
export function KeyForm({ why, tried, onKey }: { why: ApiError; tried: boolean; onKey: (key: string) => void }) {
  const [key, setKey] = useState("");
  const submit = (e: Event) => {
    e.preventDefault();
    if (key.trim()) onKey(key);
  };
  return (
    <main class="key" id="content">
      <h1>Virtual Soulfind</h1>
      {why.code === "no_key_set" ? (
        <p class="banner bad" role="alert">{sentence(why)}</p>
      ) : (
        <form class="card" onSubmit={submit}>
          <p role={tried ? "alert" : undefined}>
            {tried ? "That is not this node's API key." : "This node asks for its API key (gateway.api_key in its configuration)."}
          </p>
          <label for="key">API key</label>
          <input id="key" type="password" autocomplete="current-password" value={key} required
            onInput={(e) => setKey(e.currentTarget.value)} />
          <button type="submit" class="main">Continue</button>
          <p class="quiet">Kept in this tab until it is closed.</p>
        </form>
      )}
    </main>
  );
}
