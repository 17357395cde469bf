// Run inside the page, in a browser: uses the downloads view as a person would.
import { drive, enter, labelled, seen, text } from "/page_look.js";

async function run() {
  const saw = {};
  location.hash = "#downloads";
  const row = await seen("the running download", () => text("ul.downloads > li", "song-one"));
  saw.facts = row.querySelector("p").textContent;
  saw.closed = row.querySelector(".panel") === null;
  const summary = row.querySelector("summary");
  saw.marked = summary.textContent;
  // What Enter on the focused element does.
  summary.focus();
  saw.focused = document.activeElement === summary;
  summary.click();
  const panel = await seen("its panel", () => row.querySelector(".panel"));
  saw.map = panel.querySelector(".chunks").getAttribute("aria-label");
  saw.cells = [...panel.querySelectorAll(".chunks i")].map((c) => Number(getComputedStyle(c).opacity).toFixed(2));
  saw.sources = [...panel.querySelectorAll("tbody tr")].map((tr) => ({
    culprit: tr.classList.contains("culprit"),
    cells: [...tr.cells].map((c) => c.textContent),
    share: tr.querySelector("progress").value,
  }));
  saw.rejections = panel.querySelector(".rejections").textContent;
  saw.wasted = text(".panel p", "of no use").textContent;
  labelled("Pause song-one").click();
  await seen("it is paused", () => labelled("Resume song-one"));
  labelled("Resume song-one").click();
  await seen("it goes on", () => labelled("Pause song-one"));
  enter(labelled("Priority of song-one"), "high");
  await seen("the new priority", () => text("ul.downloads > li", "song-one").textContent.includes("high priority"));
  const waiting = text("ul.downloads > li", "song-two");
  waiting.querySelector("summary").click();
  const move = await seen("the form to move it", () => waiting.querySelector("form"));
  enter(move.querySelector("input"), "4");
  await seen("the entered place", () => move.querySelector("input").value === "4");
  move.requestSubmit();
  await seen("the new place", () => text("ul.downloads > li", "number 4 in the queue"));
  labelled("Cancel song-two").click();
  await seen("it is cancelled", () => text("ul.downloads > li .state", "cancelled"));
  text("summary", "Limits").click();
  const limits = await seen("the limits", () => document.querySelector("form.limits"));
  saw.slots = limits.elements.upload_slots.value;
  saw.note = limits.querySelector("p").textContent;
  enter(limits.elements.download_limit_kib, "700");
  await seen("the entered limit", () => limits.elements.download_limit_kib.value === "700");
  limits.requestSubmit();
  await seen("the limits are set", () => text("[role=status]", "The limits hold from now on"));
  return saw;
}

drive(run);
