// Notifications of alerts in this browser: asks the browser for a subscription and gives it to the desk.

import { ask } from "./app.js";
import { gettext } from "./words.js";

const form = document.getElementById("device-form");
const said = document.getElementById("device-said");
const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

async function digest(endpoint) {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(bytes)].map((one) => one.toString(16).padStart(2, "0")).join("");
}

/** A subscription that is bound to the desk's key; one that is bound to another key is ended. */
async function subscribed(key) {
  const { pushManager } = await navigator.serviceWorker.ready;
  const kept = await pushManager.getSubscription();
  const bound = kept?.options?.applicationServerKey;
  if (kept && bound && text(bound) === key) return kept;
  await kept?.unsubscribe();
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
}

async function turnOn() {
  if ((await Notification.requestPermission()) !== "granted") {
    blocked();
    return;
  }
  const key = await ask("/account/devices/key", {});
  if (key === null) {
    said.textContent = gettext("Not turned on: the desk can't be reached, or you are no longer signed in");
    return;
  }
  const subscription = await subscribed(key);
  form.elements.endpoint.value = subscription.endpoint;
  form.elements.p256dh.value = text(subscription.getKey("p256dh"));
  form.elements.auth.value = text(subscription.getKey("auth"));
  form.submit();
}

function blocked() {
  form.hidden = true;
  said.textContent = gettext("This browser blocks the desk's notifications: allow them in its settings for this site, then load this page again");
}

/** Mark this device in the list; it needs no second registration. */
async function recognise() {
  const registration = await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.getSubscription();
  const known = subscription && document.querySelector(`[data-browser="${await digest(subscription.endpoint)}"]`);
  if (!known) {
    form.hidden = false;
    return;
  }
  known.querySelector(".this").hidden = false;
  const off = known.querySelector('form[action="/account/devices/remove"]');
  off.addEventListener("submit", (event) => {
    event.preventDefault();
    subscription.unsubscribe().finally(() => off.submit());
  });
}

if (!able) {
  said.textContent = gettext("This browser can't be notified: it must reach the desk over HTTPS, and on an iPhone or iPad the desk must be on the home screen");
} else if (Notification.permission === "denied") {
  blocked();
} else {
  form.elements.label.value ||= navigator.userAgentData?.platform || navigator.platform || "";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    said.textContent = "";
    turnOn()
      .catch(() => {
        said.textContent = gettext("Not turned on: the browser's push service can't be reached");
      })
      .finally(() => {
        button.disabled = false;
      });
  });
  recognise().catch(() => {
    form.hidden = false;
  });
}
