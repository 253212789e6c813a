// Alerts as a work list: move, acknowledge, claim and mark by keyboard, without losing the place in the list.

import { on, post, say } from "./app.js";
import { gettext } from "./words.js";

const list = document.getElementById("alerts");
const rows = () => [...list.querySelectorAll(".alert-row:not([hidden])")];
const headline = (row) => row.querySelector(".headline");
const current = () => document.activeElement?.closest?.(".alert-row") ?? null;

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
  if (next) headline(next).focus();
}

/** Send a row's form in the background; then remove the row, or show in it what was done. */
async function send(row, form, words) {
  const values = new FormData(form);
  if (!(await post(form.getAttribute("action"), values))) return;
  const all = rows();
  const next = all[all.indexOf(row) + 1] ?? all[all.indexOf(row) - 1];
  row.dataset.state = words;
  const note = document.createElement("span");
  note.textContent = words;
  row.querySelector(".facts").append(note);
  for (const button of row.querySelectorAll(".do button")) button.disabled = true;
  say(words);
  if (next) headline(next).focus();
}

function press(selector, words) {
  const row = current();
  const form = row?.querySelector(selector);
  if (form && !form.querySelector("button").disabled) send(row, form, words);
}

on("j", () => move(1));
on("k", () => move(-1));
on("a", () => press('form[data-act="acknowledge"]', gettext("acknowledged")));
on("c", () => press('form[data-act="claim"]', gettext("claimed")));
on("x", () => press('form[action="/alerts/mark"]', gettext("marked not relevant")));
on("o", () => current()?.querySelector(".do a.button")?.click());
