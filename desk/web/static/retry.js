// The page that is shown without a connection: try again by hand, and as soon as the desk answers.

const PAUSE_MS = 3_000;
const again = () => location.reload();
document.getElementById("retry").addEventListener("click", again);

async function look() {
  try {
    // A network that is back does not mean that the desk can be reached.
    if ((await fetch("/healthz")).ok) again();
  } catch {
    // Not yet.
  }
}
addEventListener("online", look);
setInterval(look, PAUSE_MS);
