"use strict";
// All texts come as HTML that the server has escaped; nothing here builds markup from a text.

const columns = new Map();
for (const column of document.querySelectorAll("[data-customer]")) {
  columns.set(column.dataset.customer, column);
}
const connection = document.getElementById("connection");
const HIDES_TYPING_MS = 25000;
let source = null;
let last = "";
let ahead = 0;  // seconds

function listen() {
  const query = new URLSearchParams([...columns.keys()].map((customer) => ["as", customer]));
  if (last) query.set("after", last);
  source = new EventSource(`/phone/live?${query}`);
  source.onopen = () => { connection.textContent = ""; };
  source.onerror = () => {
    connection.textContent = "The sandbox is away; this page comes back by itself.";
    if (source.readyState === EventSource.CLOSED) setTimeout(relisten, 1000);
  };
  source.onmessage = (event) => {
    last = event.lastEventId;
    const update = JSON.parse(event.data);
    update.phones.forEach(show);
    showFaults(update.faults);
    showClock(update.ahead_s);
  };
}

function relisten() {
  source.close();
  if (!document.hidden) listen();
}

function show(update) {
  const column = columns.get(update.customer);
  const log = column.querySelector("[data-log]");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  if (update.reset) log.replaceChildren();
  for (const line of update.lines) put(log, line);
  if (atEnd || update.reset) log.scrollTop = log.scrollHeight;
  column.closes = Date.now() + update.window_s * 1000;
  showWindow(column);
  const typing = column.querySelector("[data-typing]");
  typing.hidden = !update.typing;
  clearTimeout(column.typing);
  if (update.typing) column.typing = setTimeout(() => { typing.hidden = true; }, HIDES_TYPING_MS);
}

function put(log, line) {
  const box = document.createElement("template");
  box.innerHTML = line.html;
  const fresh = box.content.firstElementChild;
  const old = document.getElementById(line.id);
  if (!old) {
    log.append(fresh);
    return;
  }
  if (old.querySelector("details[open]")) fresh.querySelector("details")?.setAttribute("open", "");
  if (old.contains(document.activeElement)) return void setTimeout(() => put(log, line), 500);
  old.replaceWith(fresh);
}

function showWindow(column) {
  const minutes = Math.floor((column.closes - Date.now()) / 60000);
  column.querySelector("[data-window]").textContent = minutes > 0
    ? `window open for ${Math.floor(minutes / 60)} h ${minutes % 60} min`
    : "window closed: only templates arrive";
}

function showFaults(faults) {
  const names = Object.entries(faults).flatMap(([name, form]) =>
    (Array.isArray(form) ? form : [form]).map((one) => describe(name, one)));
  document.getElementById("armed").textContent = names.join(", ") || "none";
}

function describe(name, form) {
  if (typeof form === "number") return `${name} ${form} ×`;
  const what = form.code || form.status || form.seconds || "";
  const chance = form.probability ? ` in ${Math.round(form.probability * 100)} of 100` : "";
  return `${name} ${what}${chance}${form.times < 100000 ? ` ${form.times} ×` : ""}`;
}

async function call(method, path, body, place) {
  const error = place.querySelector("[data-error]");
  try {
    const answer = await fetch(path, {
      method,
      headers: { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const content = await answer.json();
    error.textContent = answer.ok ? "" : content.error || "The sandbox refused.";
    return answer.ok ? content : null;
  } catch {
    error.textContent = "The sandbox is away.";
    return null;
  }
}

function act(column, fields) {
  const number = column.querySelector("select[name=number]");
  const to = number ? { number: number.value } : {};
  const name = column.querySelector("[data-name]").value.trim();
  if (name) to.name = name;
  const path = `/phone/customers/${encodeURIComponent(column.dataset.customer)}/acts`;
  return call("POST", path, { ...to, ...fields }, column);
}

function quote(column, line) {
  column.quoted = line ? Number(line.dataset.line) : undefined;
  column.querySelector("[data-quoting]").hidden = !line;
  column.querySelector("[data-quoted]").textContent = line
    ? line.querySelector(".bubble").innerText.slice(0, 60) : "";
  if (line) column.querySelector("form.composer input").focus();
}

async function submit(form) {
  const column = form.closest("[data-customer]");
  const data = new FormData(form);
  const fields = { act: form.dataset.act };
  for (const name of new Set(data.keys())) {
    fields[name] = name === "names" || name === "values" ? data.getAll(name) : data.get(name);
  }
  const about = form.dataset.about ? Number(form.dataset.about) : column.quoted;
  if (about && (fields.act === "text" || fields.act === "flow")) fields.line = about;
  if (await act(column, fields)) {
    form.reset();
    quote(column, null);
  }
}

async function steerFaults(method, path, wish, place) {
  const faults = await call(method, path, wish, place);
  if (faults) showFaults(faults);
}

function showClock(seconds) {
  ahead = seconds;
  const hours = Math.round(seconds / 360) / 10;
  document.getElementById("clock").textContent = seconds ? `${hours} h ahead` : "";
}

async function moveClock(seconds, place) {
  const moved = await call("POST", "/phone/clock", { ahead_s: seconds }, place);
  if (moved) showClock(moved.ahead_s);
}

function arm(form) {
  const data = new FormData(form);
  const code = data.get("code");
  const wish = { fault: code ? `code:${code}` : data.get("fault") };
  const percent = Number(data.get("percent"));
  if (percent && percent < 100) wish.probability = percent / 100;
  if (data.get("times")) wish.times = Number(data.get("times"));
  if (data.get("seed")) wish.seed = Number(data.get("seed"));
  return steerFaults("POST", "/phone/faults", wish, form.closest("details"));
}

async function copy(button, column, line) {
  const customer = encodeURIComponent(column.dataset.customer);
  const path = `/phone/customers/${customer}/lines/${line.dataset.line}/${button.dataset.copy}`;
  const label = button.textContent;
  try {
    const answer = await fetch(path);
    await navigator.clipboard.writeText(await answer.text());
    button.textContent = "copied";
  } catch {
    window.open(path);
  }
  setTimeout(() => { button.textContent = label; }, 1500);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.act) {
    event.preventDefault();
    submit(form);
  } else if ("faults" in form.dataset) {
    event.preventDefault();
    arm(form);
  } else if ("batch" in form.dataset) {
    event.preventDefault();
    const most = Number(new FormData(form).get("most"));
    call("POST", "/sandbox/batch", { batch_max: most }, form.closest("details"));
  } else if ("clock" in form.dataset) {
    event.preventDefault();
    moveClock(ahead + Number(new FormData(form).get("hours")) * 3600, form.closest("details"));
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const column = button.closest("[data-customer]");
  const line = button.closest("[data-line]");
  const { tap, emoji, copy: what, post, body } = button.dataset;
  if (tap) act(column, { act: "tap", tap: JSON.parse(tap), line: Number(line.dataset.line) });
  else if (emoji !== undefined) act(column, { act: "react", emoji, line: Number(line.dataset.line) });
  else if (what) copy(button, column, line);
  else if (post) {
    const customer = encodeURIComponent(column.dataset.customer);
    call("POST", `/sandbox/customers/${customer}/${post}`, JSON.parse(body), column);
  } else if ("quote" in button.dataset) quote(column, line);
  else if ("unquote" in button.dataset) quote(column, null);
  else if ("clear" in button.dataset) {
    steerFaults("DELETE", "/sandbox/faults", undefined, button.closest("details"));
  }
});

document.addEventListener("visibilitychange", relisten);
setInterval(() => columns.forEach((column) => column.closes && showWindow(column)), 15000);
listen();
