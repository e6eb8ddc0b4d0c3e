// The few things HTML and htmx can't do. Every page works without this file.

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
