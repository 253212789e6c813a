// What every page has: theme, clock, ages, dialogs, keyboard.

import { gettext, number } from "./words.js";

const token = document.querySelector('meta[name="form-token"]')?.content ?? "";

const send = (address, values) =>
  fetch(address, { method: "POST", headers: { "X-Form-Token": token }, body: new URLSearchParams(values) });

/** Send a form's values. Returns true if the desk accepted them. */
export async function post(address, values) {
  try {
    const answer = await send(address, values);
    if (answer.ok) return true;
    const signedOut = answer.status === 401 || answer.status === 403;
    say(signedOut ? gettext("Not saved: sign in again") : gettext("Not saved: try again"));
  } catch {
    say(gettext("Not saved: the desk can't be reached"));
  }
  return false;
}

/** Send a form's values. Returns the desk's answer, or null if it refused them. */
export async function ask(address, values) {
  try {
    const answer = await send(address, values);
    return answer.ok ? await answer.text() : null;
  } catch {
    return null;
  }
}

/** Announce something, to screen readers too. */
export function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

/** How long ago, in one unit; the same words as the server's. */
export function age(at, now) {
  const seconds = Math.max(0, Math.floor((now - at) / 1000));
  if (seconds < 60) return gettext("now");
  if (seconds < 3600) return gettext("%(num)s min", { num: number(Math.floor(seconds / 60)) });
  if (seconds < 86400) return gettext("%(num)s h", { num: number(Math.floor(seconds / 3600)) });
  return gettext("%(num)s d", { num: number(Math.floor(seconds / 86400)) });
}

const clock = document.getElementById("clock");
// Ages use the desk's clock, not that of the reader's computer.
const ahead = clock ? Date.parse(clock.dateTime) - Date.now() : 0;
const hours = clock && new Intl.DateTimeFormat("en-GB", { timeZone: clock.dataset.zone, hour: "2-digit", minute: "2-digit" });

/** Bring all ages and the clock up to date. */
export function tick() {
  const now = Date.now() + ahead;
  if (clock) clock.textContent = hours.format(now);
  for (const one of document.querySelectorAll(".age[data-at]")) {
    const text = age(Number(one.dataset.at), now);
    if (one.textContent !== text) one.textContent = text;
  }
}
setInterval(tick, 10_000);
tick();

// On a phone, the links to pages are a row that scrolls: the link of the open page must be visible.
const row = document.querySelector(".top nav");
const openPage = row?.querySelector("[aria-current]");
if (openPage) row.scrollLeft += openPage.getBoundingClientRect().left - row.getBoundingClientRect().left - 24;

// The service worker shows a page if there is no connection. Browsers allow it only over HTTPS and on this machine.
if (navigator.serviceWorker) navigator.serviceWorker.register("/service-worker.js").catch(() => {});

const THEMES = ["system", "light", "dark"];
const theme = document.getElementById("theme");
function showTheme() {
  const now = document.documentElement.dataset.theme ?? "system";
  theme.textContent = { system: gettext("Auto"), light: gettext("Light"), dark: gettext("Dark") }[now];
}
theme?.addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? "system";
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // The choice then applies to this page only.
  }
  showTheme();
});
if (theme) showTheme();

/** Open a dialog by its id. */
export function open(name) {
  document.getElementById(name)?.showModal();
}
document.getElementById("help-open")?.addEventListener("click", () => open("help"));

const keys = new Map([
  ["?", () => open("help")],
  [
    "/",
    () => {
      const field = document.querySelector("[data-search], #find");
      if (field) field.focus();
      else if (document.querySelector('nav a[href="/search"]')) location.href = "/search";
    },
  ],
]);

/** Bind an action to a key, except while a person types into a field. */
export function on(key, act) {
  keys.set(key, act);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const act = keys.get(event.key);
  if (!act) return;
  event.preventDefault();
  act();
});
