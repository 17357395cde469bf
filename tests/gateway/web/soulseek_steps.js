// Run inside the page, in a browser: uses the Soulseek view as a person would.
import { drive, enter, labelled, seen, text } from "/page_look.js";

/** The node changes something and tells of it by an event. */
const happen = (what) => fetch("/happen", { method: "POST", body: JSON.stringify({ what }) });
const said = (words) => seen(`it says ${words}`, () => text("[role=status]", words));

async function search(saw) {
  location.hash = "#soulseek/search";
  const form = await seen("the search form", () => document.querySelector("form[role=search]"));
  enter(form.querySelector("#slsk-query"), "some words");
  enter(form.querySelector("#slsk-user"), "bert");
  await seen("what was entered", () => form.querySelector("#slsk-user").value === "bert");
  form.requestSubmit();
  await seen("results", () => document.querySelector("ul.downloads > li"));
  saw.address = location.hash;
  saw.results = [...document.querySelectorAll("ul.downloads > li b")].map((b) => b.textContent);
  saw.facts = document.querySelector("ul.downloads > li p").textContent;
  saw.elements_from_users = document.querySelectorAll("main img, main script").length;
  labelled("Download best.flac of bert").click();
  await said("best.flac is being downloaded");
  labelled("Download the folder of best.flac of bert").click();
  await said("2 files of the folder");
  enter(document.querySelector("#slsk-filter"), "-best flac");
  await seen("fewer results", () => document.querySelectorAll("ul.downloads > li").length === 1);
  saw.filtered = document.querySelector("ul.downloads > li b").textContent;
}

async function browse(saw) {
  location.hash = "#soulseek/browse/bert";
  const summary = await seen("the tree", () => document.querySelector(".tree summary"));
  saw.top = summary.textContent;
  saw.closed = document.querySelector(".tree table") === null;
  summary.focus();
  saw.focused = document.activeElement === summary;
  summary.click();
  (await seen("an artist", () => text(".tree .tree summary", "Artist"))).click();
  (await seen("an album", () => text(".tree .tree .tree summary", "Album"))).click();
  saw.about = (await seen("what bert says", () => text(".said", "shares"))).textContent;
  (await seen("its file", () => labelled("Download 01 Song.mp3"))).click();
  await said("01 Song.mp3 is being downloaded");
  labelled("Download folder music\\Artist\\Album").click();
  await said("2 files of the folder");
}

async function transfers(saw) {
  location.hash = "#soulseek/transfers";
  const row = await seen("the download", () => text("ul.downloads > li", "song.flac"));
  saw.progress = row.textContent;
  await happen("completed");
  await seen("it is complete, by the event", () => text("ul.downloads > li .state", "completed"));
  labelled("Remove song.flac from this list").click();
  await said("Removed from the list");
  labelled("Cancel upload.mp3").click();
  await said("The upload was cancelled");
}

async function chat(saw) {
  location.hash = "#soulseek/messages";
  (await seen("a conversation", () => text(".names a", "bert"))).click();
  await seen("its message", () => text("[role=log] li", "hello <b>you</b>"));
  await happen("message");
  await seen("the next message, by the event", () => text("[role=log] li", "are you there?"));
  const form = document.querySelector("[role=log] ~ form");
  enter(form.querySelector("input"), "yes");
  await seen("what was entered", () => form.querySelector("input").value === "yes");
  form.requestSubmit();
  await said("Sent to bert");
  location.hash = "#soulseek/rooms";
  (await seen("a room", () => labelled("Join Indie"))).click();
  await seen("what was said there", () => text("[role=log] li", "welcome"));
  saw.room = location.hash;
}

async function others() {
  location.hash = "#soulseek/wishes";
  enter(await seen("the form of a wish", () => document.querySelector("#slsk-wish")), "rare song");
  await seen("what was entered", () => document.querySelector("#slsk-wish").value === "rare song");
  document.querySelector("#slsk-wish").form.requestSubmit();
  await said("You wish for rare song");
  location.hash = "#soulseek/people";
  (await seen("a person", () => labelled("carl is banned"))).click();
  await said("Changed for carl");
}

drive(async () => {
  const saw = {};
  await seen("that it began", () => text("nav a", "Soulseek"));
  location.hash = "#soulseek";
  (await seen("the session", () => text("button", "Be away"))).click();
  await said("You are shown as away");
  await search(saw);
  await browse(saw);
  await transfers(saw);
  await chat(saw);
  await others();
  return saw;
});
