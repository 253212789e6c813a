// Runs before the first paint, so that a dark theme does not flash white.
(() => {
  try {
    const kept = localStorage.getItem("theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch {
    // Storage may be blocked: then the system's choice applies.
  }
})();
