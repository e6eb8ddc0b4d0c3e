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

// Live fragments are replaced whole, again and again. Screen readers hear of it once, when the news changes.
const announced = new Map();
for (const element of document.querySelectorAll("[data-announce]")) {
  announced.set(element.id, element.dataset.announce);
}

document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  const news = elt.dataset?.announce;
  const before = announced.get(elt.id);
  if (!news || news === before) return;
  announced.set(elt.id, news);
  if (before) document.title = document.title.replace(before, news);
  document.getElementById("announcer").textContent = news;
});

// A server that is down or slow must not end the waiting: ask again a little later.
for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(failure, ({ detail: { elt } }) => {
    setTimeout(() => window.htmx.trigger(elt, "retry"), 5000);
  });
}
