// A story: keyboard, star.

import { on, post } from "./app.js";

const story = document.getElementById("story");
const button = story.querySelector(".star");

async function star() {
  const starred = !story.hasAttribute("data-starred");
  const show = (now) => {
    story.toggleAttribute("data-starred", now);
    button.setAttribute("aria-pressed", String(now));
  };
  show(starred);
  if (!(await post("/live/star", { story: story.dataset.id, starred }))) show(!starred);
}
button.addEventListener("click", star);

function move(step) {
  const links = [...story.querySelectorAll(".timeline ol a")];
  const at = links.indexOf(document.activeElement);
  const now = at < 0 ? links.findIndex((link) => link.hasAttribute("aria-current")) : at;
  links[now + step]?.focus();
}

on("j", () => move(1));
on("k", () => move(-1));
on("s", star);
on("u", async () => {
  if (await post("/live/read", { story: story.dataset.id })) location.href = "/";
});
const press = (...addresses) => {
  const found = addresses.map((one) => story.querySelector(`#work form[action="${one}"] button`));
  found.find(Boolean)?.click();
};
on("c", () => press("/handover/claim", "/handover/done"));
on("d", () => [...story.querySelectorAll('#work form[action="/handover/done"] button')].at(-1)?.click());
on("o", () => {
  const link = story.querySelector(".timeline a:focus") ?? document.getElementById("original");
  link?.click();
});
