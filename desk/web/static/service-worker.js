// Without a connection, a page that says so. Nothing else is kept: what the desk shows is not for whoever holds the machine later.

// The desk writes the digest of what is kept here, so a browser installs this script, and keeps it, again after an upgrade.
const KEPT = "offline-DIGEST";
const SHELL = ["/offline", "/static/desk.css", "/static/icon.svg", "/static/theme.js", "/static/retry.js"];

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
  // Pages and the shell's own files: from the desk, and only if it can't be reached from what was kept.
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match("/offline")));
  else if (shell) event.respondWith(fetch(request).catch(() => caches.match(request, { ignoreSearch: true })));
});
