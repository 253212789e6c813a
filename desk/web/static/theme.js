// Before the first paint, so that a dark room stays dark.
(() => {
  try {
    const kept = localStorage.getItem("theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch {
    // Storage may be forbidden: then the system's choice holds.
  }
})();
