// The frame around every page: menus, forms, toasts, the colours. All of it works without this.

// An open menu closes on Escape and on a press elsewhere.
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

// … and when the focus moves on.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const menu = target.closest?.("details[data-menu][open]");
  if (menu && relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
});

// A form that leaves the site is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});

// Coming back with the browser's back button finds the form ready again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});

// What happens where nobody looks is said to screen readers: together what comes together, of each thing the newest.
const news = new Map();

function announce(words, about = words) {
  if (!news.size) setTimeout(speak, 100);
  news.set(about, words);
}

function speak() {
  const lines = [...news.values()].map((line) => Object.assign(document.createElement("p"), { textContent: line }));
  document.getElementById("announcer").replaceChildren(...lines);
  news.clear();
}

// A toast was there before anybody listened: say it once more, where screen readers do. The focus stays.
window.addEventListener("load", () => {
  const news = [...document.querySelectorAll("[data-toast] .message__text")].map((text) => text.textContent.trim());
  if (news.length) announce(news.join(" "));
});

document.addEventListener("click", (event) => {
  event.target.closest("[data-dismiss]")?.closest("[data-toast]").remove();
});

// The footer's choice of colours, at once and without the way to the server. The cookie is the same one.
const THEMES = { light: ["all", "not all"], dark: ["not all", "all"] };
const SYSTEM = ["(prefers-color-scheme: light)", "(prefers-color-scheme: dark)"];

const COOKIE = document.querySelector("[data-theme-choice]")?.dataset.themeChoice ?? "theme"; // over HTTPS its name is another

function chosen() {
  const cookie = document.cookie.split("; ").find((cookie) => cookie.startsWith(`${COOKIE}=`));
  const theme = cookie?.slice(COOKIE.length + 1);
  return Object.keys(THEMES).includes(theme) ? theme : "system";
}

function show() {
  const theme = chosen();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.querySelectorAll('meta[name="theme-color"]').forEach((bar, number) => {
    bar.media = (THEMES[theme] ?? SYSTEM)[number];
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
  show();
});

// A page that the back button brings back may be from before the choice.
window.addEventListener("pageshow", show);

// What makes a page live is fetched when it is seen: until then every link and form works as without.
let waiting = true;

function fetchTheRest() {
  if (!waiting) return;
  waiting = false;
  for (const { content } of document.querySelectorAll("template[data-later]")) {
    const scripts = document.importNode(content, true);
    for (const script of scripts.querySelectorAll("script")) script.async = false; // one after the other
    document.head.append(scripts);
  }
}

window.addEventListener("load", () => requestAnimationFrame(() => setTimeout(fetchTheRest))); // after the next frame
setTimeout(fetchTheRest, 3000); // an image that is slow keeps nobody waiting; nor does a page in the background
