// While a site is being searched, reload the results every two seconds.

const place = document.getElementById("found");

async function again() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.getElementById("found");
  place.replaceChildren(...next.childNodes);
  place.dataset.over = next.dataset.over;
  wait();
}

function wait() {
  if (place.dataset.over !== "yes") setTimeout(again, 2_000);
}
wait();
