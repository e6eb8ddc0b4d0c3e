// Menus, toasts and the theme switch of all pages. All of them work without JavaScript.

// Close an open menu on Escape, on a click outside, and when the focus leaves it.
const openMenus = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const menu = target.closest?.("details[data-menu][open]");
  if (menu && relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// Announce changes to screen readers: all changes within 100 ms together, and only the last one with the same key.
const announcements = new Map();

function announce(text, key = text) {
  if (!announcements.size) setTimeout(flushAnnouncements, 100);
  announcements.set(key, text);
}

function flushAnnouncements() {
  const lines = [...announcements.values()].map((text) => Object.assign(document.createElement("p"), { textContent: text }));
  document.getElementById("announcer").replaceChildren(...lines);
  announcements.clear();
}

// Screen readers do not announce toasts that are in the page when it loads.
window.addEventListener("load", () => {
  const toasts = [...document.querySelectorAll("[data-toast] .message__text")].map((text) => text.textContent.trim());
  if (toasts.length) announce(toasts.join(" "));
});

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-dismiss]")?.closest("[data-toast]");
  if (!toast) return;
  const next = toast.nextElementSibling ?? toast.previousElementSibling;
  toast.remove();
  (next?.querySelector("[data-dismiss]") ?? document.getElementById("main")).focus({ preventScroll: true });
});

// Close toasts that need no action after the time to read them, which restarts after pointing at or focusing them.
for (const toast of document.querySelectorAll("[data-toast=brief]")) {
  const milliseconds = 6000 + 100 * toast.textContent.trim().length;
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(close, milliseconds);
  };
  const close = () => (document.hidden || toast.matches(":hover, :focus-within") ? wait() : toast.remove());
  toast.addEventListener("pointerleave", wait);
  toast.addEventListener("focusout", wait);
  wait();
}

// Switch the theme without a request. The view sets the same cookie.
const THEMES = { light: ["all", "not all"], dark: ["not all", "all"] };
const SYSTEM = ["(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"];

const COOKIE = document.querySelector("[data-theme-choice]")?.dataset.themeChoice ?? "theme"; // has a prefix with HTTPS

function currentTheme() {
  const cookie = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${COOKIE}=`));
  const theme = cookie?.slice(COOKIE.length + 1);
  return Object.keys(THEMES).includes(theme) ? theme : "system";
}

function showTheme() {
  const theme = currentTheme();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.querySelectorAll('meta[name="theme-color"]').forEach((meta, number) => {
    meta.media = (THEMES[theme] ?? SYSTEM)[number];
  });
  for (const button of document.querySelectorAll("[data-theme-choice] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-theme-choice]") || !event.submitter) return;
  event.preventDefault();
  const { value } = event.submitter;
  const age = value === "system" ? 0 : 365 * 24 * 60 * 60;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${COOKIE}=${value}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
  showTheme();
});

// The back button can restore a page with the previous theme.
window.addEventListener("pageshow", showTheme);

// Load htmx and the scripts for live updates after the first paint. Until then links and forms work without them.
let isLoaded = false;

function loadDeferredScripts() {
  if (isLoaded) return;
  isLoaded = true;
  for (const { content } of document.querySelectorAll("template[data-later]")) {
    const scripts = document.importNode(content, true);
    for (const script of scripts.querySelectorAll("script")) script.async = false; // run in order
    document.head.append(scripts);
  }
}

window.addEventListener("load", () => requestAnimationFrame(() => setTimeout(loadDeferredScripts)));
setTimeout(loadDeferredScripts, 3000); // if an image loads slowly, or the tab is in the background
