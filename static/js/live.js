// Keep pages up to date: while a purchase is pending, and when a tab becomes visible again.

// Announce the text of a replaced fragment if it has changed.
const announced = new Map();

function announceChanges(root) {
  for (const element of [root, ...root.querySelectorAll("[data-announce]")]) {
    const { id, dataset: { announce: text } } = element;
    const before = announced.get(id);
    if (!text || text === before) continue;
    announced.set(id, text);
    if (before) document.title = document.title.replace(before, text);
    if (before || element === root) announce(text, id); // of a new fragment only the root, not its parts
  }
}

for (const element of document.querySelectorAll("[data-announce]")) announced.set(element.id, element.dataset.announce);
document.addEventListener("htmx:load", ({ detail: { elt } }) => elt.querySelectorAll && announceChanges(elt));

const POLLING = "[hx-trigger*=awake]"; // elements that poll, and refresh when the tab becomes visible
const wake = () => window.htmx.trigger(document.body, "awake");
let visibleStrip = ""; // its id: "unreachable", "signed-out" or ""

function showStrip(id) {
  if (id === visibleStrip) return;
  visibleStrip = id;
  for (const strip of document.querySelectorAll("[data-strip]")) {
    strip.hidden = strip.id !== id;
    if (!strip.hidden) announce(strip.innerText);
  }
}

// Pause polling in hidden tabs. While the server is unreachable, only the retries below send requests.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!elt.matches(POLLING)) return;
  const waitsForRetry = visibleStrip === "unreachable" && !requestConfig.triggeringEvent;
  if (document.hidden || visibleStrip === "signed-out" || waitsForRetry) event.preventDefault();
});

document.addEventListener("visibilitychange", () => document.hidden || wake());
window.addEventListener("pageshow", ({ persisted }) => persisted && wake());
window.addEventListener("online", wake);

// Retry with exponential backoff and jitter, so that not all shoppers retry at the same moment.
const failed = new Set();
let attempts = 1;
let timer;
const retry = (elt) => window.htmx.trigger(elt, "retry");

function handleFailure({ detail: { elt, xhr } }) {
  if (xhr.status === 429) setTimeout(retry, 5000, elt);
  if (xhr.status >= 400 && xhr.status < 500) return; // the server is reachable
  showStrip("unreachable");
  if (!elt.matches(POLLING)) failed.add(elt);
  clearTimeout(timer);
  timer = setTimeout(retryAll, Math.min(60, 2 ** attempts) * 1000 * (1 + Math.random() / 4));
}

function retryAll() {
  attempts += 1;
  failed.forEach(retry);
  failed.clear();
  wake();
}

for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(name, handleFailure);

document.addEventListener("htmx:afterRequest", ({ detail: { successful } }) => {
  if (!successful || visibleStrip !== "unreachable") return;
  clearTimeout(timer);
  showStrip("");
  retryAll(); // the other requests that failed or were paused
  attempts = 1;
});

// After a purchase has changed, replace the parts of the page whose data-live differs.
function replaceChanged(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of page.querySelectorAll("[data-live]")) {
    const old = document.getElementById(fresh.id);
    if (!old || old.dataset.live === fresh.dataset.live) continue;
    window.htmx.swap(old, fresh.outerHTML, { swapStyle: "outerHTML" });
  }
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { pathInfo, requestConfig, xhr } = detail;
  const path = (url) => new URL(url, location.href).pathname;
  if (path(xhr.responseURL) !== path(pathInfo.finalRequestPath)) {
    detail.shouldSwap = false; // the response is the sign-in page
    showStrip("signed-out");
  } else if (requestConfig.triggeringEvent?.type === "purchases-changed") {
    replaceChanged(xhr.response);
  }
});
