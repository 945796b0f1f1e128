// Keeps a page live. Everything it shows was rendered by the server: it moves progress bars by
// events, and exchanges the parts of a page that differ from the one fetched anew.
"use strict";

const REFRESH_MS = 1000; // at most one fetch of the page a second, however many jobs change
const CURVES_MS = 2000; // between two fetches of the curves of a running job
const LOG_LIMIT = 400_000; // characters of log that are kept in the page

// ---- Words for numbers, as the server writes them.

const PHASES = { probe: "probing", encode: "encoding", verify: "verifying", publish: "publishing" };

function countdown(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), Math.floor(seconds % 60)];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (count >= 1024 && unit + 1 < units.length) { count /= 1024; unit += 1; }
  const digits = unit === 0 || count >= 100 ? 0 : count >= 10 ? 1 : 2;
  const scale = 10 ** digits;
  return `${(Math.floor(count * scale) / scale).toFixed(digits)} ${units[unit]}`;
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

function rates(progress) {
  const parts = [PHASES[progress.phase] ?? progress.phase];
  if (progress.fps > 0) parts.push(`${Math.round(progress.fps)} fps`);
  if (progress.speed > 0) parts.push(`${progress.speed.toFixed(1)}×`);
  if (progress["size-bytes"] > 0) parts.push(bytes(progress["size-bytes"]));
  const eta = progress["eta-seconds"];
  if (eta !== null && eta !== undefined) parts.push(`${countdown(eta)} left`);
  return parts.join(" · ");
}

// ---- Progress, in place.

function show(number, progress) {
  for (const box of document.querySelectorAll(`[data-job="${Number(number)}"] .progress`)) {
    const bar = box.querySelector("progress");
    const known = typeof progress.percent === "number";
    if (known) bar.value = Math.min(100, Math.max(0, progress.percent));
    else bar.removeAttribute("value");
    box.querySelector(".percent").textContent = known
      ? `${Math.floor(Math.min(100, progress.percent))} %`
      : countdown(progress["position-seconds"]);
    box.querySelector(".rates").textContent = rates(progress);
    box.querySelector(".trouble").textContent = progress.trouble ?? "";
  }
}

// ---- The page, fetched anew: after events, and as often as it says where it has numbers that no event tells.

let planned = null;
let fetching = false;
let again = false;
const seen = new WeakMap(); // what each part was last exchanged for

function refreshSoon() {
  if (fetching) { again = true; return; }
  planned ??= setTimeout(refresh, REFRESH_MS);
}

async function refresh() {
  planned = null;
  fetching = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.ok) {
      exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } else if (answer.status === 401) {
      location.reload();
    }
  } catch {
    again = true; // the server is away; the stream of events says when it is back
  } finally {
    fetching = false;
    if (again) { again = false; refreshSoon(); }
  }
}

function exchange(fresh) {
  document.title = fresh.title;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || next.innerHTML === seen.get(part)) continue;
    // What somebody is about to press must not be exchanged under the finger.
    if (part.querySelector("details[open]#confirm")) continue;
    seen.set(part, next.innerHTML);
    const open = [...part.querySelectorAll("details[open][id]")].map((one) => one.id);
    const focused = part.contains(document.activeElement) ? path(document.activeElement, part) : null;
    part.replaceChildren(...next.childNodes);
    part.hidden = next.hidden;
    if (next.dataset.again) part.dataset.again = next.dataset.again; else delete part.dataset.again;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) follow(focused, part)?.focus({ preventScroll: true });
  }
  prepare();
  const log = document.getElementById("log");
  const theirs = fresh.getElementById("log");
  const place = document.getElementById("logs");
  if (place && theirs && log?.dataset.attempt !== theirs.dataset.attempt) {
    place.replaceChildren(...fresh.getElementById("logs").childNodes);
    tail();
  }
}

// Where an element is below another, as a way that leads to its successor after an exchange.
function path(element, root) {
  const steps = [];
  for (let at = element; at !== root; at = at.parentElement) {
    steps.unshift([...at.parentElement.children].indexOf(at));
  }
  return steps;
}

function follow(steps, root) {
  return steps.reduce((at, step) => at?.children[step], root);
}

// ---- The curves of a running job.

async function curves() {
  const part = document.getElementById("work");
  const address = part?.dataset.again;
  if (!address || document.hidden) return;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("work");
    if (fresh && part.isConnected) part.replaceWith(fresh);
  } catch {
    // The server is away; the stream of events says when it is back.
  }
}

// ---- Times, copies.

// By how much this machine's clock is ahead of the server's.
const skew = Date.now() - Number(document.body.dataset.now);

function tick() {
  for (const time of document.querySelectorAll("time:not(.clock)")) {
    const then = new Date(time.dateTime);
    time.textContent = ago(Math.max(0, (Date.now() - skew - then) / 1000));
  }
}

function prepare() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Press Ctrl+C";
        getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
  for (const time of document.querySelectorAll("time:not([data-local])")) {
    time.dataset.local = "";
    time.title = `${new Date(time.dateTime).toLocaleString()} (${time.title})`;
  }
}

// ---- The log.

let reading = null;

async function tail() {
  reading?.abort();
  const log = document.getElementById("log");
  if (!log) return;
  const stop = reading = new AbortController();
  const follow = log.dataset.follow ? "&follow=true" : "";
  try {
    const answer = await fetch(`${log.dataset.log}?attempt=${log.dataset.attempt}${follow}`, { signal: stop.signal });
    if (!answer.ok) {
      log.textContent = answer.status === 404 ? "Nothing was logged yet.\n" : `The log cannot be read (${answer.status}).\n`;
      return;
    }
    log.textContent = "";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      append(log, value);
    }
    if (log.textContent === "") log.textContent = "Nothing was logged.\n";
  } catch (error) {
    if (error.name !== "AbortError") append(log, "\n(the connection broke; reload to read on)\n");
  }
}

function append(log, text) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  log.append(text);
  if (log.textContent.length > LOG_LIMIT) {
    const kept = log.textContent.slice(-LOG_LIMIT / 2);
    log.textContent = `(the beginning is left out here)\n${kept.slice(kept.indexOf("\n") + 1)}`;
  }
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// ---- Events.

function listen(address) {
  const live = document.getElementById("live");
  const say = (state, text) => { live.className = `live ${state}`; live.textContent = text; };
  const events = new EventSource(address);
  let lost = false;
  events.addEventListener("open", () => {
    say("on", "live");
    if (lost) refreshSoon();
    lost = false;
  });
  events.addEventListener("error", () => {
    lost = true;
    if (events.readyState === EventSource.CLOSED) {
      say("lost", "connection lost, retrying");
      setTimeout(() => listen(address), 5000);
      refreshSoon();
    } else {
      say("lost", "reconnecting");
    }
  });
  events.addEventListener("progress", (event) => {
    const change = JSON.parse(event.data);
    show(change.number, change.progress);
  });
  for (const kind of ["job", "node", "lagged"]) events.addEventListener(kind, refreshSoon);
}

prepare();
setInterval(tick, 5000);
setInterval(curves, CURVES_MS);
const every = Number(document.querySelector("[data-every]")?.dataset.every);
if (every > 0) setInterval(() => { if (!document.hidden) refreshSoon(); }, every);
tail();
if (document.body.dataset.events) listen(document.body.dataset.events);
