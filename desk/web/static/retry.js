// The page that is shown without a connection: try again by hand, and when the connection is back.

const again = () => location.reload();
document.getElementById("retry").addEventListener("click", again);
addEventListener("online", again);
