// Search: keyboard, export, a click on a bar narrows to its days.

import { on, open } from "./app.js";

const links = [...document.querySelectorAll(".hit h2 a")];

function move(step) {
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step]?.focus();
}
on("j", () => move(1));
on("k", () => move(-1));
on("o", () => links.includes(document.activeElement) && document.activeElement.click());
on("e", () => document.getElementById("export-open") && open("export"));
document.getElementById("export-open")?.addEventListener("click", () => open("export"));

document.querySelector("svg[data-clickable]")?.addEventListener("click", (event) => {
  const bar = event.target.closest("g[data-start]");
  if (!bar) return;
  const address = new URL(location.href);
  for (const name of ["cursor", "at", "days"]) address.searchParams.delete(name);
  address.searchParams.set("since", bar.dataset.start.slice(0, 10));
  // The end of a bar is the beginning of the next one.
  address.searchParams.set("until", new Date(Date.parse(bar.dataset.end) - 1).toISOString().slice(0, 10));
  location.href = address.href;
});

// An empty date is left out of the address.
document.querySelector(".search-form").addEventListener("submit", (event) => {
  const dated = [...event.target.querySelectorAll('input[type="date"]')];
  if (dated.some((field) => field.value)) event.target.querySelector('input[name="days"]')?.remove();
  for (const field of event.target.elements) {
    if (field.name && field.name !== "q" && (!field.value || field.value === "newest")) field.disabled = true;
  }
});

const filters = document.getElementById("filters");
const wide = matchMedia("(min-width: 60rem)");
const room = () => (filters.open = wide.matches);
wide.addEventListener("change", room);
room();
