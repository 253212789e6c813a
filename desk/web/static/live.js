// Live: changed stories replace their rows, new ones wait behind the pill, so that nothing moves while a person reads.

import { on, open, post, say, tick } from "./app.js";
import { gettext, ngettext } from "./words.js";

const MOST_ROWS = 400;
const list = document.getElementById("stories");
const pill = document.getElementById("pill");
const shown = document.getElementById("shown");
const empty = document.getElementById("empty");
const find = document.getElementById("find");
const title = document.title;
const waiting = new Map();
const FLAGS = { new: gettext("new"), changed: gettext("changed") };

const rowOf = (id) => document.getElementById(`story-${id}`);
const rows = () => [...list.children];

function made(html) {
  const holder = document.createElement("template");
  // The desk's own template: everything from outside is escaped in it, and the page's policy runs no script of a row.
  holder.innerHTML = html.trim();
  return holder.content.firstElementChild;
}

function setState(row, state) {
  row.dataset.state = state;
  row.querySelector(".flag").textContent = FLAGS[state] ?? "";
}

function setStar(row, starred) {
  row.toggleAttribute("data-starred", starred);
  row.querySelector(".star").setAttribute("aria-pressed", String(starred));
}

function told(event) {
  const story = JSON.parse(event.data);
  list.dataset.seq = String(Math.max(Number(list.dataset.seq), story.seq));
  const old = rowOf(story.id);
  if (!old) {
    // A page of older stories, or of the reader's stars, doesn't grow.
    if (list.hasAttribute("data-paged") || list.dataset.show === "starred") return;
    waiting.set(story.id, story);
    showPill();
    return;
  }
  if (Number(old.dataset.seq) >= story.seq) return;
  const row = made(story.html);
  setStar(row, old.hasAttribute("data-starred"));
  setState(row, old.dataset.state === "new" ? "new" : "changed");
  row.classList.add("just");
  const focused = old.contains(document.activeElement);
  old.replaceWith(row);
  if (focused) headline(row).focus({ preventScroll: true });
  narrow();
  tick();
}

function showPill() {
  pill.hidden = waiting.size === 0;
  const words = ngettext("%(num)s new", "%(num)s new", waiting.size);
  pill.textContent = words;
  document.title = waiting.size ? `(${waiting.size}) ${title}` : title;
  if (waiting.size) say(gettext("%(words)s: press n to show", { words }));
}

function showWaiting() {
  if (!waiting.size) return;
  for (const story of waiting.values()) list.append(made(story.html));
  waiting.clear();
  const ordered = rows().sort((a, b) => b.dataset.at - a.dataset.at || (a.dataset.id < b.dataset.id ? 1 : -1));
  list.append(...ordered.slice(0, MOST_ROWS));
  for (const late of ordered.slice(MOST_ROWS)) late.remove();
  empty.hidden = true;
  showPill();
  narrow();
  tick();
  scrollTo({ top: 0 });
}

function narrow() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows()) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    count += row.hidden ? 0 : 1;
  }
  shown.textContent = ngettext("%(num)s story", "%(num)s stories", count);
}

const headline = (row) => row.querySelector("h2 a");
const current = () => document.activeElement?.closest?.(".story") ?? null;

function move(step) {
  const seen = rows().filter((row) => !row.hidden);
  const at = seen.indexOf(current());
  const next = seen[at < 0 ? (step > 0 ? 0 : seen.length - 1) : at + step];
  if (next) headline(next).focus();
}

async function star(row) {
  const starred = !row.hasAttribute("data-starred");
  setStar(row, starred);
  if (!(await post("/live/star", { story: row.dataset.id, starred }))) setStar(row, !starred);
}

async function toggleRead(row) {
  const old = row.dataset.state;
  const read = old !== "read";
  setState(row, read ? "read" : "new");
  const values = read ? { story: row.dataset.id, seq: row.dataset.seq } : { story: row.dataset.id };
  if (!(await post("/live/read", values))) setState(row, old);
}

async function readAll() {
  if (await post("/live/read-all", { seq: list.dataset.seq })) for (const row of rows()) setState(row, "read");
}

function follow() {
  const source = new EventSource(list.dataset.events);
  source.addEventListener("story", told);
  source.addEventListener("hello", (event) => {
    // Something was taken down while no page listened: it may still be shown here.
    if (event.data !== list.dataset.takedowns) location.reload();
  });
  source.addEventListener("loaded", () => list.hasAttribute("data-loading") && location.reload());
  source.addEventListener("gone", (event) => {
    waiting.delete(event.data);
    rowOf(event.data)?.remove();
    showPill();
    narrow();
  });
  source.addEventListener("status", (event) => showStatus(event.data));
  source.addEventListener("signed-out", () => location.reload());
  source.addEventListener("open", () => document.body.classList.remove("cut-off"));
  source.addEventListener("error", () => {
    document.body.classList.add("cut-off");
    // The browser tries again by itself, unless the desk refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 5_000);
  });
}

function showStatus(html) {
  const place = document.getElementById("status-bar");
  const wasOpen = place.querySelector("details")?.open ?? false;
  place.replaceChildren(made(html));
  const now = place.querySelector("details");
  if (now) now.open = wasOpen;
}

list.addEventListener("click", (event) => {
  const row = event.target.closest(".story");
  if (!row) return;
  if (event.target.closest(".star")) star(row);
  else if (event.target.closest("h2 a")) setState(row, "read");
});
pill.addEventListener("click", showWaiting);
find.addEventListener("input", narrow);
document.getElementById("export-open").addEventListener("click", () => open("export"));
document.getElementById("read-all").addEventListener("click", (event) => {
  event.preventDefault();
  readAll();
});

on("j", () => move(1));
on("k", () => move(-1));
on("o", () => current() && headline(current()).click());
on("s", () => current() && star(current()));
on("u", () => current() && toggleRead(current()));
on("n", showWaiting);
on("A", readAll);
on("e", () => open("export"));

// On a wide screen there is room for the filters.
const filters = document.getElementById("filters");
const wide = matchMedia("(min-width: 60rem)");
const room = () => (filters.open = wide.matches);
wide.addEventListener("change", room);
room();

follow();
