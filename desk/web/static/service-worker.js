// Shows a page if there is no connection. Nothing else is kept, since a later user of the machine must not see what the desk showed.

// The desk writes the digest of what is kept here, so a browser installs this script, and keeps it, again after an upgrade.
const KEPT = "offline-DIGEST";
const ICON = "/static/icon.svg";
const SHELL = ["/offline", "/static/desk.css", ICON, "/static/theme.js", "/static/retry.js"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(KEPT)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const shell = SHELL.includes(new URL(request.url).pathname);
  // Pages and the shell's own files come from the desk; what was kept is used only if the desk can't be reached.
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match("/offline")));
  else if (shell) event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
});

// Alerts that the desk pushes. Their content comes from outside, so it is shown as text and never as an address: an alert is
// identified by its id, and only pages of this desk are opened.
self.addEventListener("push", (event) => {
  event.waitUntil(show(told(event.data)));
});

function told(data) {
  try {
    return data?.json() ?? {};
  } catch {
    return {};
  }
}

async function show(alert) {
  const tag = String(alert.tag ?? "");
  const [shown] = tag ? await self.registration.getNotifications({ tag }) : [];
  // A message may come twice: the second time it makes no sound.
  const again = shown !== undefined && shown.data?.id === alert.id;
  await self.registration.showNotification(String(alert.title || "Wirewatch"), {
    body: [alert.outlet, alert.subscription].filter(Boolean).join(" · "),
    icon: ICON,
    dir: "auto",
    tag,
    renotify: Boolean(tag) && !again,
    silent: again ? true : undefined,
    timestamp: Number(alert.at) || Date.now(),
    data: { id: String(alert.id ?? ""), path: pathOf(alert) },
  });
}

function pathOf(alert) {
  if (alert.kind === "test") return "/account";
  return alert.alert ? `/alerts/${encodeURIComponent(String(alert.alert))}` : "/alerts";
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.path));
});

async function open(path) {
  const address = new URL(path ?? "/alerts", self.location.origin);
  const target = address.origin === self.location.origin ? address.href : `${self.location.origin}/alerts`;
  const pages = await self.clients.matchAll({ type: "window" });
  const there = pages.find((page) => page.url === target);
  if (there) return there.focus();
  return self.clients.openWindow(target);
}
