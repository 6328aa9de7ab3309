// Keys of the console, what is live and its pause, and files. All else works without this script.
(() => {
  "use strict";
  const find = (selector) => document.querySelector(selector);
  const isTyping = (element) => element.closest("input, textarea, select, [contenteditable]");
  let waitsForPage = false;

  const move = (step) => {
    const rows = [...document.querySelectorAll("[data-row] a, a[data-row]")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
    rows[Math.max(0, Math.min(rows.length - 1, next))].focus();
  };

  const keys = {
    "/": () => {
      const field = find("[data-search]");
      if (field) field.focus();
      else find("[data-go=m]")?.click();
    },
    "?": () => find("#keys")?.showModal(),
    j: () => move(1),
    k: () => move(-1),
    p: () => togglePause(),
    g: () => { waitsForPage = true; },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (waitsForPage) {
      waitsForPage = false;
      const link = find(`[data-go="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); return; }
    }
    const act = keys[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // A stream that is paused is closed, so that it costs the gateway nothing; on it comes back whole.
  // A tab that is opened behind the others begins when it is looked at: a browser keeps six
  // connections to a server, and with as many streams it could load no page any more.
  const state = find("#live-state");
  const button = find("#live-pause");
  const setState = (word) => { if (state) state.textContent = word; };
  const goOn = () => {
    const live = document.createElement("div");
    live.id = "live";
    live.setAttribute("hx-sse:connect", state.dataset.topics);
    live.setAttribute("hx-swap", "none");
    find("#live-host").append(live);
    htmx.process(live);
    setState("live");
    button.textContent = "Pause";
  };
  const pause = () => {
    const host = find("#live-host");
    htmx.swap({ target: host, text: "", swap: "innerHTML" });
    host.replaceChildren();
    setState("paused");
    button.textContent = "Go on";
  };
  const togglePause = () => {
    if (!state) return;
    if (find("#live")) pause();
    else goOn();
  };
  const beginOnceSeen = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", beginOnceSeen);
    if (!find("#live")) goOn();
  };
  if (state) {
    document.addEventListener("visibilitychange", beginOnceSeen);
    beginOnceSeen();
  }
  button?.addEventListener("click", togglePause);
  document.addEventListener("htmx:sse:error", () => setState("waits for the gateway"));
  document.addEventListener("htmx:sse:after:connection", () => setState("live"));

  // A file goes as the body of a post, so that the gateway reads it piece by piece.
  const types = { csv: "text/csv", jsonl: "application/x-ndjson",
    xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" };
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-upload]");
    if (!form) return;
    event.preventDefault();
    const file = form.querySelector("input[type=file]").files[0];
    const type = types[file.name.split(".").pop().toLowerCase()] ?? types.csv;
    const told = form.querySelector("[role=status]");
    told.textContent = "is read …";
    try {
      const answer = await fetch(form.action, { method: "POST", headers: { "content-type": type }, body: file });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page.querySelector("main");
      if (main) {
        find("main").replaceWith(main);
        main.scrollIntoView();
      } else told.textContent = `It was refused (${answer.status}). Nothing of the file counts.`;
    } catch {
      told.textContent = "The gateway did not answer. Nothing of the file counts; send it again.";
    }
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy);
  });
})();
