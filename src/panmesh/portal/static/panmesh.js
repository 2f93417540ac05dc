// Comfort only: every page works without this file.

// What is said here comes with the page, in the reader's language: say("frame", 3, 9).
const SAID = JSON.parse(document.getElementById("said").textContent);
const say = (name, ...values) => SAID[name].replace(/\{(\d)\}/g, (_, place) => values[place - 1]);

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
    const again = fresh.querySelector("[data-live]");
    if (again) place.dataset.live = again.dataset.live; // a stream that is opened later begins where these parts end
    for (const id of place.dataset.liveParts.split(" ")) {
      const here = document.getElementById(id);
      const there = fresh.getElementById(id);
      if (!here || !there || here.contains(document.activeElement)) continue;
      for (const one of here.querySelectorAll("input[type=checkbox]:checked")) {
        const same = there.querySelector(`input[name="${one.name}"][value="${CSS.escape(one.value)}"]`);
        if (same) same.setAttribute("checked", "");
      }
      const open = [...here.querySelectorAll("details")].map((one) => one.open);
      const folded = [...there.querySelectorAll("details")];
      if (folded.length === open.length) folded.forEach((one, place) => { one.open = open[place]; });
      here.replaceChildren(...there.childNodes);
    }
  };
  const happened = (event) => {
    const { type, run } = JSON.parse(event.data);
    if (said && type === "run.created" && run) said.textContent = say("came", run.title || run.pid);
    if (said && type === "read.failed") said.textContent = say("failed", run ? run.title || run.pid : say("file"));
    if (said && type === "run.complete" && run) said.textContent = say("complete", run.title || run.pid);
    if (!timer) timer = setTimeout(renew, Number(place.dataset.liveWait) || 200);
  };
  const listen = () => {
    if (document.hidden) {
      if (stream) stream.close();
      stream = null;
    } else if (!stream) {
      stream = new EventSource(place.dataset.live);
      stream.addEventListener("open", () => { place.dataset.liveOpen = ""; });
      for (const type of ["run.created", "run.updated", "run.complete", "run.corrected", "run.withdrawn", "read.failed", "opened"]) {
        stream.addEventListener(type, happened);
      }
    }
  };
  document.addEventListener("visibilitychange", async () => {
    if (!document.hidden) await renew().catch(() => {}); // without an answer: from where the page was drawn
    listen();
  });
  window.addEventListener("pagehide", () => { if (stream) stream.close(); });
  listen();
})();
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const before = button.textContent;
  button.textContent = say("copied");
  setTimeout(() => { button.textContent = before; }, 1500);
});
document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });

// Quantities as somebody types: the server's list under the field, by mouse and keyboard. Without it, the browser's own list.
(() => {
  const field = document.querySelector("input[data-suggest]");
  if (!field) return;
  const place = field.parentElement.querySelector(".suggestions");
  const said = field.parentElement.querySelector("[role=status]");
  field.removeAttribute("list");
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "quantity-list" })) field.setAttribute(name, value);
  let timer = null;
  let asked = null;
  let current = -1;
  const options = () => [...place.querySelectorAll("[role=option]")];
  const close = () => {
    if (asked) asked.abort();
    clearTimeout(timer);
    place.hidden = true;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    current = -1;
  };
  const mark = (number) => {
    const all = options();
    if (!all.length) return;
    current = (number + all.length) % all.length;
    all.forEach((option, place) => option.setAttribute("aria-selected", String(place === current)));
    all[current].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", all[current].id);
  };
  const choose = (option) => {
    field.value = option.dataset.value;
    close();
    field.focus();
    field.setSelectionRange(field.value.indexOf(":") + 1, field.value.length);
  };
  const ask = async () => {
    if (asked) asked.abort();
    if (field.value.includes(":")) return close();
    asked = new AbortController();
    const url = new URL(field.dataset.suggest, location.href);
    url.searchParams.set("typed", field.value);
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" }, signal: asked.signal });
      if (!answer.ok || document.activeElement !== field) return;
      place.innerHTML = await answer.text();
      const list = place.querySelector("[role=listbox]");
      said.textContent = list ? list.dataset.said : "";
      current = -1;
      place.hidden = !options().length;
      field.setAttribute("aria-expanded", String(!place.hidden));
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  };
  const soon = () => { clearTimeout(timer); timer = setTimeout(ask, 120); };
  field.addEventListener("input", soon);
  field.addEventListener("focus", () => { if (!field.value) soon(); });
  field.addEventListener("blur", () => setTimeout(close, 100));
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (place.hidden) ask();
      else mark(event.key === "ArrowDown" ? current + 1 : current < 0 ? -1 : current - 1);
    } else if (event.key === "Enter" && current >= 0 && !place.hidden) {
      event.preventDefault();
      choose(options()[current]);
    } else if (event.key === "Escape" && !place.hidden) {
      event.preventDefault();
      close();
    }
  });
  place.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    event.preventDefault();
    if (option) choose(option);
  });
})();
// The viewer of a run's files is loaded when it is asked for, never before.
document.addEventListener("click", async (event) => {
  const button = event.target.closest(".open-viewer");
  if (!button) return;
  const place = button.closest("[data-viewer]");
  const stage = document.getElementById(button.getAttribute("aria-controls"));
  const choice = place.querySelector("[name=view]");
  stage.hidden = false;
  stage.tabIndex = -1;
  stage.textContent = say("loading");
  stage.focus({ preventScroll: true }); // the button that had it goes
  button.setAttribute("aria-expanded", "true");
  button.hidden = true;
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = place.dataset.style;
  const styled = new Promise((resolve) => { style.onload = style.onerror = resolve; });
  document.head.append(style);
  try {
    const [island] = await Promise.all([import(place.dataset.viewer), styled]);
    stage.textContent = "";
    const { url, path, growing } = place.dataset;
    const show = island.open(stage, { url, file: choice.value, path, growing: Boolean(growing), words: { grown: say("grown") } });
    choice.addEventListener("change", () => show({ file: choice.value, path: "/" }));
  } catch (error) {
    console.error(error);
    stage.textContent = say("unloaded");
  }
});

// Frames of a stack: the next picture is shown when it has come, and only the last one that was asked for.
document.addEventListener("input", (event) => {
  const slider = event.target.closest("[data-frames] [type=range]");
  if (!slider) return;
  const form = slider.form;
  const picture = form.parentElement.querySelector("picture");
  form.querySelector("output").textContent = say("frame", slider.value, Number(slider.max).toLocaleString("en"));
  clearTimeout(form.waiting);
  form.waiting = setTimeout(async () => {
    const frame = slider.value;
    const narrow = picture.querySelector("source");
    const address = `${form.dataset.frames}?${matchMedia(narrow.media).matches ? "size=narrow&" : ""}frame=${frame}`;
    const fresh = new Image();
    fresh.src = address;
    await fresh.decode().catch(() => {});
    if (frame !== slider.value) return;
    narrow.srcset = `${form.dataset.frames}?size=narrow&frame=${frame}`;
    picture.querySelector("img").src = `${form.dataset.frames}?frame=${frame}`;
    const here = new URL(location.href);
    here.searchParams.set("frame", frame);
    history.replaceState(null, "", here);
  }, 60);
});

// Parameters that contain what is typed, without asking the server.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-filter]");
  if (!field) return;
  const part = document.getElementById(field.dataset.filter);
  const word = field.value.trim().toLowerCase();
  for (const body of part.querySelectorAll("tbody")) {
    const place = body.querySelector(".place");
    const placed = place && place.textContent.toLowerCase().includes(word);
    let any = false;
    for (const row of body.rows) {
      if (row.contains(place)) continue;
      const title = row.cells[0].title.toLowerCase();
      row.hidden = !placed && !row.textContent.toLowerCase().includes(word) && !title.includes(word);
      any ||= !row.hidden;
    }
    if (place) body.hidden = !any;
  }
  const all = part.querySelector("details");
  if (all && word) all.open = true;
});
document.addEventListener("submit", (event) => { if (event.target.querySelector("[data-filter]")) event.preventDefault(); });

// Menus close when something else is pressed, when the focus leaves them, and with Escape, which leads back to what opened them.
(() => {
  const menus = [...document.querySelectorAll("details.menu")];
  document.addEventListener("click", (event) => {
    for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
  });
  for (const menu of menus) {
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
    });
  }
  document.addEventListener("keydown", (event) => {
    const menu = menus.find((one) => one.open);
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
})();
