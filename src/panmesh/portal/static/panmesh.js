// Comfort only: every page works without this file.

// What is said here comes with the page, in the reader's language: say("frame", 3, 9).
const SAID = JSON.parse(document.getElementById("said").textContent);
const say = (name, ...values) => SAID[name].replace(/\{(\d)\}/g, (_, place) => values[place - 1]);

// For those who do not see that something changed.
const aloud = (words) => { document.getElementById("aloud").textContent = words; };

// Browsers give pages their clipboard over TLS only; many a beamline has none.
const copy = async (text) => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "hidden";
  const before = document.activeElement;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  before.focus();
};

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
  // Without an answer the page stays as it was drawn; the stream says when there is a server again.
  const renewed = () => renew().catch(() => {});
  const happened = (event) => {
    const { type, run } = JSON.parse(event.data);
    if (said && type === "run.created" && run) said.textContent = say("came", run.title || run.pid);
    if (said && type === "read.failed") said.textContent = say("failed", run ? run.title || run.pid : say("file"));
    if (said && type === "run.complete" && run) said.textContent = say("complete", run.title || run.pid);
    if (!timer) timer = setTimeout(renewed, Number(place.dataset.liveWait) || 200);
  };
  // A browser comes back by itself after a lost connection, but gives up after an answer that is no stream: of a proxy
  // whose server starts again, or of one that is full. Then it is asked for again, less and less often.
  let pause = 0;
  const line = document.createElement("p");
  line.className = "lost";
  line.setAttribute("role", "status");
  document.body.append(line);
  const tellLost = (words) => { line.textContent = words; };
  let lost = false;
  const stop = () => {
    if (stream) stream.close();
    stream = null;
  };
  const again = () => {
    if (!lost) tellLost(say("notlive"));
    lost = true;
    delete place.dataset.liveOpen;
    if (!stream || stream.readyState !== EventSource.CLOSED) return;
    stop();
    pause = Math.min((pause || 1000) * 2, 60000);
    setTimeout(listen, pause);
  };
  const opened = () => {
    place.dataset.liveOpen = "";
    pause = 0;
    if (!lost) return;
    lost = false;
    tellLost("");
    if (said) said.textContent = say("liveagain");
    renewed(); // what happened meanwhile may be more than a stream repeats
  };
  const listen = () => {
    if (document.hidden) {
      stop();
    } else if (!stream) {
      stream = new EventSource(place.dataset.live);
      stream.addEventListener("open", opened);
      stream.addEventListener("error", again);
      for (const type of ["run.created", "run.updated", "run.complete", "run.corrected", "run.withdrawn", "read.failed", "opened"]) {
        stream.addEventListener(type, happened);
      }
    }
  };
  document.addEventListener("visibilitychange", async () => {
    if (!document.hidden) await renewed();
    listen();
  });
  window.addEventListener("online", async () => {
    await renewed();
    stop();
    listen();
  });
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) renewed().then(listen); }); // back to it
  listen();
})();
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copy(button.dataset.copy);
  aloud(say("copied"));
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
  form.querySelector("output").textContent = say("frame", slider.value, Number(slider.max).toLocaleString(document.documentElement.lang));
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
  aloud(word ? say("fitting", part.querySelectorAll("tbody tr:not([hidden])").length) : "");
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

// What somebody wrote: kept in this tab until it was sent, though the browser is closed over it or the line is lost; asked about
// before the page is left; sent once, however often the button is pressed.
(() => {
  const forms = [...document.querySelectorAll("main form")].filter((form) => form.method === "post" && !form.querySelector("[type=password]"));
  const written = (form) => [...form.elements].filter((field) => field.matches("textarea, input:is([type=text], :not([type]))"));
  const differs = (field) => field.value !== field.defaultValue;
  const place = (field) => `draft ${document.body.dataset.who} ${new URL(field.form.action).pathname} ${field.name}`;
  const kept = (form) => [...form.querySelectorAll("textarea")];
  let sent = null; // the form that is on its way

  const page = () => location.href.split("#")[0];
  const drafts = () => Object.keys(sessionStorage).filter((name) => name.startsWith("draft ")).map((name) => [name, JSON.parse(sessionStorage[name])]);

  // This page is the answer to what was sent, if the form's page led here and nothing failed; or it holds the form itself.
  const answers = document.body.dataset.status < 400 && performance.getEntriesByType("navigation")[0]?.type !== "back_forward";
  const holds = document.querySelector("[data-held]");
  for (const [name, draft] of drafts()) {
    if (draft.sent && answers && (draft.from === document.referrer || holds)) delete sessionStorage[name];
  }
  for (const field of forms.flatMap(kept)) {
    const draft = sessionStorage[place(field)] && JSON.parse(sessionStorage[place(field)]);
    if (!draft || draft.text === field.value || draft.over !== field.defaultValue || differs(field)) continue;
    field.value = draft.text;
    const line = document.createElement("p");
    line.className = "note line";
    line.setAttribute("role", "status");
    const drop = document.createElement("button");
    drop.type = "button";
    drop.textContent = say("drop");
    drop.addEventListener("click", () => {
      field.value = field.defaultValue;
      delete sessionStorage[place(field)];
      line.remove();
      field.focus();
    });
    line.append(draft.sent ? say("unsure") : say("draft"), " ", drop);
    field.closest("label, div, form").before(line);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("textarea") || !forms.includes(target.form)) return;
    if (differs(target)) sessionStorage[place(target)] = JSON.stringify({ text: target.value, over: target.defaultValue });
    else delete sessionStorage[place(target)];
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || (event.submitter && event.submitter.formMethod === "get") || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    sent = form;
    setTimeout(() => { delete form.dataset.sent; sent = null; }, 20000); // no answer: to try once more is right
    for (const field of kept(form)) {
      const draft = sessionStorage[place(field)];
      if (draft) sessionStorage[place(field)] = JSON.stringify({ ...JSON.parse(draft), sent: true, from: page() });
    }
  });
  window.addEventListener("pageshow", (event) => { // back from where it was sent to
    sent = null;
    for (const [name, draft] of drafts()) {
      if (draft.from === page() && (event.persisted || !answers)) sessionStorage[name] = JSON.stringify({ ...draft, sent: false });
    }
    for (const form of forms) delete form.dataset.sent;
  });
  window.addEventListener("beforeunload", (event) => {
    if (forms.some((form) => form !== sent && written(form).some(differs))) event.preventDefault();
  });
  // Whoever signs out leaves nothing behind for the next person at this screen.
  document.querySelector("form[action='/sign-out']")?.addEventListener("submit", () => {
    for (const [name] of drafts()) delete sessionStorage[name];
  });
})();
// What is written into one of several changes is meant to be made.
document.addEventListener("input", ({ target }) => {
  const box = target.form && target.form.elements[`set-${target.name}`];
  if (box && target.value) box.checked = true;
});
