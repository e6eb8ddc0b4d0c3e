// Buttons and downloads while they are busy, and passwords that can be shown. Everything works without JavaScript.

const MAX_BUSY_MS = 30000; // longer than the server needs; then the form can be sent again
const DOWNLOAD_MS = 5000; // the browser does not tell the page when a download has started
const busy = new Map(); // form or link ▶ function that makes it usable again

// Return false if it is busy already. `data-busy-text` of the button replaces its text.
function startBusy(owner, button, milliseconds = MAX_BUSY_MS) {
  if (busy.has(owner)) return false;
  const children = [...button.childNodes];
  const spinner = Object.assign(document.createElement("span"), { className: "spinner", ariaHidden: "true" });
  const text = button.dataset.busyText;
  button.replaceChildren(spinner, ...(text ? [text] : children));
  for (const name of ["aria-busy", "aria-disabled"]) button.setAttribute(name, "true");
  if (text) announce(text);
  const timer = setTimeout(giveUp, milliseconds, owner, milliseconds);
  busy.set(owner, () => {
    clearTimeout(timer);
    button.replaceChildren(...children);
    for (const name of ["aria-busy", "aria-disabled"]) button.removeAttribute(name);
  });
  return true;
}

function endBusy(owner) {
  busy.get(owner)?.();
  busy.delete(owner);
}

function giveUp(owner, milliseconds) {
  endBusy(owner);
  if (milliseconds === MAX_BUSY_MS) announce(document.getElementById("announcer").dataset.late);
}

// Send a form once, even if its button is pressed twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter ?? form.querySelector("[type=submit]");
  if (event.defaultPrevented || !button?.matches("[data-once] *, [data-busy-text]")) return;
  if (!startBusy(form, button)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-busy-text]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!startBusy(link, link, DOWNLOAD_MS)) event.preventDefault();
});

// The page of a link in an e-mail. Programs that scan e-mails run no scripts.
document.querySelector("form[data-send-at-once]")?.requestSubmit();

// The back button can restore the page as it was left.
window.addEventListener("pageshow", () => [...busy.keys()].forEach(endBusy));

function showPassword(toggle, isShown) {
  const input = document.getElementById(toggle.getAttribute("aria-controls"));
  toggle.setAttribute("aria-pressed", String(isShown));
  input.type = isShown ? "text" : "password";
  input.spellcheck = false; // some browsers send the text to a server
}

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-reveal]");
  if (toggle) showPassword(toggle, toggle.getAttribute("aria-pressed") !== "true");
});

// Password managers store what was typed in a password field.
document.addEventListener("submit", (event) => {
  for (const toggle of event.target.querySelectorAll("[data-reveal]")) showPassword(toggle, false);
});
