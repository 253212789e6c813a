// The editor of a subscription: lint and backtest while a person types, explain, translate, test a channel.

import { say } from "./app.js";
import { gettext } from "./words.js";

const PAUSE_MS = 350;
const token = document.querySelector('meta[name="form-token"]').content;
const form = document.getElementById("editor");
const query = document.getElementById("query");
const lint = document.getElementById("lint");
const result = document.getElementById("preview");
const body = document.getElementById("preview-body");
let waiting = 0;
let asked = null;

function made(html) {
  const holder = document.createElement("template");
  // The desk's own template: everything from outside is escaped in it.
  holder.innerHTML = html;
  return holder.content;
}

async function ask(address, values, signal) {
  const answer = await fetch(address, { method: "POST", headers: { "X-Form-Token": token }, body: values, signal });
  if (answer.ok) return answer.text();
  const slow = gettext("Too many requests: wait a moment");
  throw new Error(answer.status === 429 ? slow : gettext("The desk answered with status %(status)s", { status: answer.status }));
}

const sent = (of) => new URLSearchParams(new FormData(of));

async function check() {
  asked?.abort();
  const mine = (asked = new AbortController());
  result.classList.add("busy");
  try {
    const part = made(await ask("/subscriptions/check", sent(form), mine.signal));
    lint.replaceChildren(...part.querySelector(".lint").childNodes);
    body.replaceChildren(...part.querySelector(".preview").childNodes);
  } catch (error) {
    if (error.name === "AbortError") return;
    body.textContent = error.message;
  }
  if (asked === mine) result.classList.remove("busy");
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(check, PAUSE_MS);
}

function use(text) {
  query.value = text;
  query.focus();
  check();
}

async function answer(of, place, more) {
  const values = sent(of);
  if (more) values.set("query", query.value);
  try {
    place.replaceChildren(made(await ask(of.getAttribute("action"), values)));
  } catch (error) {
    place.textContent = error.message;
  }
}

async function test(button) {
  const place = document.getElementById("tested");
  place.textContent = gettext("Sending a test to %(channel)s …", { channel: button.dataset.channel });
  button.disabled = true;
  try {
    const values = new URLSearchParams({ name: button.dataset.channel });
    const reply = await fetch("/channels/test", { method: "POST", headers: { "X-Form-Token": token }, body: values });
    const words = reply.headers.get("content-type")?.startsWith("text/plain");
    place.textContent = words ? await reply.text() : gettext("Not sent: the desk answered with status %(status)s", { status: reply.status });
  } catch {
    place.textContent = gettext("Not sent: the desk can't be reached");
  }
  button.disabled = false;
}

const explain = document.getElementById("explain");
form.addEventListener("input", soon);
explain.addEventListener("submit", (event) => {
  event.preventDefault();
  answer(explain, document.getElementById("explain-body"), true);
});
const translate = document.getElementById("translate");
translate.addEventListener("submit", (event) => {
  event.preventDefault();
  answer(translate, document.getElementById("translate-body"), false);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches(".use")) use(button.dataset.query);
  else if (button.matches(".test")) test(button);
  else if (button.matches(".why-not")) {
    explain.closest("details").open = true;
    explain.elements.document.value = button.dataset.article;
    answer(explain, document.getElementById("explain-body"), true);
    explain.scrollIntoView({ block: "nearest" });
    say(gettext("The explanation is shown"));
  }
});

// An invalid field can only be shown and corrected while its step is open.
form.addEventListener("invalid", () => (document.getElementById("how").open = true), true);

// Ask before unsaved work is lost.
let changed = false;
form.addEventListener("input", () => (changed = true));
form.addEventListener("submit", () => (changed = false));
addEventListener("beforeunload", (event) => changed && event.preventDefault());

if (query.value) check();
