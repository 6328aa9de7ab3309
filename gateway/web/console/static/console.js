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

  // A page is live while somebody looks at it and has not paused it. Otherwise its stream is closed,
  // so that it costs the gateway nothing; on it comes back whole. A browser keeps six connections to
  // a server, and with as many streams it could load no page any more: so a few windows are live at
  // a time, and another waits until one of these ends.
  const MOST_LIVE = 4;
  const state = find("#live-state");
  const button = find("#live-pause");
  const signIn = find("#live-sign-in");
  let isPaused = false;
  let attempt = null; // aborted when the stream ends
  let timer = 0;
  let wasSignedOut = false;

  const takeAny = (signal) => new Promise((resolve, reject) => {
    const others = new AbortController();
    signal.addEventListener("abort", () => { others.abort(); reject(signal.reason); });
    const keep = () => {
      if (others.signal.aborted) return undefined; // another place was free first
      others.abort();
      return new Promise((release) => resolve(release));
    };
    for (let nth = 0; nth < MOST_LIVE; nth += 1) {
      navigator.locks.request(`console-live-${nth}`, { signal: others.signal }, keep).catch(() => {});
    }
  });
  const takePlace = async (signal) => {
    if (!navigator.locks) return () => {};
    const note = setTimeout(() => {
      state.textContent = `not live: ${MOST_LIVE} other windows are`;
    }, 300);
    try {
      return await takeAny(signal);
    } finally {
      clearTimeout(note);
    }
  };

  const end = () => {
    clearTimeout(timer);
    attempt?.abort();
    attempt = null;
    const live = find("#live");
    if (!live) return;
    htmx.trigger(live, "htmx:abort");
    htmx.swap({ target: find("#live-host"), text: "", swap: "innerHTML" });
    find("#live-host").replaceChildren();
  };
  const begin = async () => {
    if (attempt || isPaused || document.hidden) return;
    const own = new AbortController();
    attempt = own;
    let release;
    try {
      release = await takePlace(own.signal);
    } catch {
      return; // it was ended while it waited
    }
    if (own.signal.aborted) return release();
    own.signal.addEventListener("abort", release);
    const live = document.createElement("div");
    live.id = "live";
    live.setAttribute("hx-sse:connect", state.dataset.topics);
    live.setAttribute("hx-swap", "none");
    find("#live-host").append(live);
    htmx.process(live);
  };
  const togglePause = () => {
    if (!state) return;
    isPaused = !isPaused;
    button.textContent = isPaused ? "Go on" : "Pause";
    if (isPaused) {
      end();
      state.textContent = "paused";
    } else begin();
  };
  const follow = () => {
    if (document.hidden) end();
    else begin();
  };

  const isDirty = () => [...document.querySelectorAll("input:not([type=hidden]), textarea")]
    .some((field) => field.value !== field.defaultValue);
  // Whoever signed in meanwhile may be somebody else, who sees other things of this page.
  const comeBack = () => {
    if (wasSignedOut && !isDirty()) return location.reload();
    wasSignedOut = false;
    signIn.hidden = true;
    state.textContent = "live";
  };
  const fail = (status) => {
    end();
    wasSignedOut = wasSignedOut || status === 401;
    signIn.hidden = !wasSignedOut;
    const here = encodeURIComponent(location.pathname + location.search);
    signIn.href = `${signIn.dataset.address}?next=${here}`;
    state.textContent = wasSignedOut
      ? "You are signed out, so this page stays as it was."
      : "waits for the gateway";
    timer = setTimeout(begin, 2000 + Math.random() * 2000);
  };
  if (state) {
    document.addEventListener("visibilitychange", follow);
    button.addEventListener("click", togglePause);
    document.addEventListener("htmx:sse:after:connection", comeBack);
    document.addEventListener("htmx:sse:error", (event) => fail(event.detail.status));
    document.addEventListener("htmx:response:error", (event) => fail(event.detail.ctx.response.status));
    document.addEventListener("htmx:error", () => fail(0));
    begin();
  }

  // What can be done is not live, so that no form changes under whoever fills it in.
  const comparePhases = () => {
    const note = find("#phase-changed");
    if (note) note.hidden = find("#campaign-progress").dataset.phase === note.dataset.phase;
  };
  document.addEventListener("htmx:sse:after:message", comparePhases);

  // A file goes as the body of a post, so that the gateway reads it piece by piece.
  const types = { csv: "text/csv", jsonl: "application/x-ndjson",
    xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" };
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-upload]");
    if (!form) return;
    event.preventDefault();
    const file = form.querySelector("input[type=file]").files[0];
    const type = types[file.name.split(".").pop().toLowerCase()] ?? types.csv;
    const address = new URL(form.action);
    address.searchParams.set("encoding", form.elements.encoding.value.trim());
    const told = form.querySelector("[role=status]");
    told.className = "";
    told.textContent = "is read …";
    try {
      const answer = await fetch(address, { method: "POST", headers: { "content-type": type }, body: file });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = page.querySelector("main");
      if (answer.ok && main) {
        find("main").replaceWith(main);
        main.scrollIntoView();
      } else {
        told.className = "bad";
        // The form stays, so that another encoding can be tried.
        const why = main?.querySelector("[role=alert]")?.textContent ?? `Refused (${answer.status}).`;
        told.textContent = `${why} Nothing of the file counts.`;
      }
    } catch {
      told.className = "bad";
      told.textContent = "The gateway did not answer. Nothing of the file counts; send it again.";
    }
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy);
  });
})();
