// Comfort only: every page works without this file.

// A page that lives: when something happens, the parts that it names are asked for again. While it is looked at only:
// each stream is a connection, and browsers have few for one site.
(() => {
  const place = document.querySelector("[data-live]");
  if (!place || !window.EventSource) return;
  const said = document.getElementById("live-said");
  let stream = null;
  let timer = null;
  const renew = async () => {
    timer = null;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of place.dataset.liveParts.split(" ")) {
      const here = document.getElementById(id);
      const there = fresh.getElementById(id);
      if (here && there && !here.contains(document.activeElement)) here.replaceChildren(...there.childNodes);
    }
  };
  const happened = (event) => {
    const { type, run } = JSON.parse(event.data);
    if (said && type === "run.created" && run) said.textContent = `New run: ${run.title || run.pid}`;
    if (said && type === "run.complete" && run) said.textContent = `Complete: ${run.title || run.pid}`;
    if (!timer) timer = setTimeout(renew, 200);
  };
  const listen = () => {
    if (document.hidden) {
      if (stream) stream.close();
      stream = null;
    } else if (!stream) {
      stream = new EventSource(place.dataset.live);
      for (const type of ["run.created", "run.updated", "run.complete", "run.corrected", "run.withdrawn", "opened"]) {
        stream.addEventListener(type, happened);
      }
    }
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) renew(); listen(); });
  window.addEventListener("pagehide", () => { if (stream) stream.close(); });
  listen();
})();
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const before = button.textContent;
  button.textContent = "copied";
  setTimeout(() => { button.textContent = before; }, 1500);
});
