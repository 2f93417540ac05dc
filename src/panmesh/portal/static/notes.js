// Comfort for writing notes: pictures by pasting or dropping, tags by a click, a look beforehand. The form works without it.
for (const form of document.querySelectorAll("form[data-notes]")) {
  const text = form.elements.text, shown = form.querySelector(".preview"), fault = form.querySelector(".fault");
  const tell = (words) => { fault.textContent = words; fault.hidden = !words; };
  const send = (path, fields) => {
    const data = new FormData();
    data.append("csrf", form.elements.csrf.value);
    for (const [name, value] of fields) data.append(name, value);
    return fetch(path, { method: "POST", body: data });
  };

  let waiting, asked = 0;
  const look = () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = ++asked;
      if (!text.value.trim()) { shown.hidden = true; return; }
      const answer = await send("/notes/preview", [["about", form.dataset.notes], ["text", text.value]]).catch(() => null);
      if (!answer || !answer.ok || mine !== asked) return; // without a line there is no look beforehand; the words stay
      shown.innerHTML = await answer.text(); // sanitised by the server
      shown.hidden = false;
    }, 300);
  };
  const insert = (words) => {
    text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
    look();
  };
  const add = async (files) => {
    tell("");
    const answer = await send(`${form.dataset.notes}/pictures`, files.map((file) => ["picture", file])).catch(() => null);
    const said = (answer && await answer.json().catch(() => null)) || { detail: say("unsent") };
    if (said.markdown) insert(`${said.markdown.join("\n")}\n`);
    else tell(said.detail);
  };
  const pictures = (list) => [...list].filter((file) => file.type.startsWith("image/"));

  text.addEventListener("input", look);
  text.addEventListener("paste", (event) => {
    const files = pictures(event.clipboardData.files);
    if (files.length) { event.preventDefault(); add(files); }
  });
  text.addEventListener("dragover", (event) => event.preventDefault());
  text.addEventListener("drop", (event) => {
    const files = pictures(event.dataTransfer.files);
    if (files.length) { event.preventDefault(); add(files); }
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tag]");
    if (!button) return;
    const tags = form.elements.tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    if (!tags.includes(button.dataset.tag)) form.elements.tags.value = [...tags, button.dataset.tag].join(", ");
  });
}
