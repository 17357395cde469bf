// Looks at the page and uses it, for the steps of a test.
const patienceMs = 20_000;

/** What `look` gives once it gives something; looks again whenever the page changes. */
export function seen(what, look) {
  return new Promise((resolve, reject) => {
    const first = look();
    if (first) return resolve(first);
    const timer = setTimeout(() => {
      observer.disconnect();
      reject(new Error(`not seen: ${what}`));
    }, patienceMs);
    const observer = new MutationObserver(() => {
      const found = look();
      if (!found) return;
      observer.disconnect();
      clearTimeout(timer);
      resolve(found);
    });
    observer.observe(document.documentElement, { subtree: true, childList: true, attributes: true, characterData: true });
  });
}
export const text = (selector, words) =>
  [...document.querySelectorAll(selector)].find((e) => e.textContent.includes(words));
export const labelled = (label) =>
  [...document.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === label) ?? null;

export function enter(input, value) {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Does the steps and sends what they saw to /driven. */
export function drive(run) {
  run()
    .then((saw) => ({ saw }))
    .catch((why) => ({ problem: String(why), page: document.body.innerText }))
    .then((result) => fetch("/driven", { method: "POST", body: JSON.stringify(result) }));
}
