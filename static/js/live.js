// Keep open pages up to date: while a purchase is pending, and whenever a tab becomes visible again.

// Live fragments are replaced whole, again and again. They are announced when they say something new.
const announced = new Map();

function sayNews(root) {
  for (const element of [root, ...root.querySelectorAll("[data-announce]")]) {
    const { id, dataset: { announce: words } } = element;
    const before = announced.get(id);
    if (!words || words === before) continue;
    announced.set(id, words);
    if (before) document.title = document.title.replace(before, words);
    if (before || element === root) announce(words, id); // of what is new on the page only the whole is told
  }
}

for (const element of document.querySelectorAll("[data-announce]")) announced.set(element.id, element.dataset.announce);
document.addEventListener("htmx:load", ({ detail: { elt } }) => elt.querySelectorAll && sayNews(elt));

const ASKS = "[hx-trigger*=awake]"; // asks by itself, and at once when the page wakes up
const wake = () => window.htmx.trigger(document.body, "awake");
let strip = ""; // the id of the one that is shown

function tell(id) {
  if (id === strip) return;
  strip = id;
  for (const each of document.querySelectorAll("[data-strip]")) {
    each.hidden = each.id !== id;
    if (!each.hidden) announce(each.innerText);
  }
}

// Pause polling in hidden tabs. While the server is unreachable, only the retries below send requests.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!elt.matches(ASKS)) return;
  const early = strip === "unreachable" && !requestConfig.triggeringEvent;
  if (document.hidden || strip === "signed-out" || early) event.preventDefault();
});

document.addEventListener("visibilitychange", () => document.hidden || wake());
window.addEventListener("pageshow", ({ persisted }) => persisted && wake());
window.addEventListener("online", wake);

// Down or slow: say so once, try again later and later (and not all shoppers at the same moment).
const failed = new Set();
let tries = 1;
let timer;
const again = (elt) => window.htmx.trigger(elt, "retry");

function fail({ detail: { elt, xhr } }) {
  if (xhr.status === 429) setTimeout(again, 5000, elt); // too often: a little later
  if (xhr.status >= 400 && xhr.status < 500) return; // the server is there
  tell("unreachable");
  if (!elt.matches(ASKS)) failed.add(elt);
  clearTimeout(timer);
  timer = setTimeout(tryAgain, Math.min(60, 2 ** tries) * 1000 * (1 + Math.random() / 4));
}

function tryAgain() {
  tries += 1;
  failed.forEach(again);
  failed.clear();
  wake();
}

for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(failure, fail);

document.addEventListener("htmx:afterRequest", ({ detail: { successful } }) => {
  if (!successful || strip !== "unreachable") return;
  clearTimeout(timer);
  tell("");
  tryAgain(); // what else has failed, or has waited for better times
  tries = 1;
});

// The page was fetched again because a purchase has changed: its parts with other news take the place of the old ones.
function takeOver(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const fresh of page.querySelectorAll("[data-live]")) {
    const old = document.getElementById(fresh.id);
    if (!old || old.dataset.live === fresh.dataset.live) continue;
    window.htmx.swap(old, fresh.outerHTML, { swapStyle: "outerHTML" });
  }
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { pathInfo, requestConfig, xhr } = detail;
  const path = (address) => new URL(address, location.href).pathname;
  if (path(xhr.responseURL) !== path(pathInfo.finalRequestPath)) {
    detail.shouldSwap = false; // sent on to the sign-in page, which has no place in this one
    tell("signed-out");
  } else if (requestConfig.triggeringEvent?.type === "purchases-changed") {
    takeOver(xhr.response);
  }
});
