// The product editor and the order of products in the admin: add, move and remove rows, preview Markdown.
// Without this script the form has some empty rows and numbers for the order, and each button sends the form.

const announcer = document.querySelector("[data-announcer], #editor-announcer");

// --- moving: buttons, arrow keys on a button, and drag ---------------------------------------------------------

const movable = (list) => [...list.children].filter((item) => item.matches("[data-item]") && !item.hidden);

function moveItem(item, step) {
  const items = movable(item.parentElement);
  const other = items[items.indexOf(item) + step];
  if (!other) return false;
  if (step < 0) other.before(item);
  else other.after(item);
  announcePlace(item);
  return true;
}

function announcePlace(item) {
  const place = movable(item.parentElement).indexOf(item) + 1;
  if (announcer) announcer.textContent = `${announcer.dataset.text} ${place}`;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  event.preventDefault();
  moveItem(button.closest("[data-item]"), Number(button.dataset.move));
  button.focus();
});

document.addEventListener("keydown", (event) => {
  const steps = { ArrowUp: -1, ArrowDown: 1 };
  const button = event.target.closest?.("[data-move]");
  if (!button || !(event.key in steps)) return;
  event.preventDefault();
  moveItem(button.closest("[data-item]"), steps[event.key]);
  button.focus();
});

let dragged = null;

function makeDraggable(handle) {
  handle.draggable = true;
  handle.addEventListener("dragstart", (event) => {
    dragged = handle.closest("[data-item]");
    dragged.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
  });
  handle.addEventListener("dragend", () => {
    dragged?.classList.remove("is-dragged");
    if (dragged) announcePlace(dragged);
    dragged = null;
  });
}

document.addEventListener("dragover", (event) => {
  const over = event.target.closest?.("[data-item]");
  if (!dragged || !over || over === dragged || over.parentElement !== dragged.parentElement) return;
  event.preventDefault();
  const box = over.getBoundingClientRect();
  if (event.clientY < box.top + box.height / 2) over.before(dragged);
  else over.after(dragged);
});

document.addEventListener("drop", (event) => dragged && event.preventDefault());

// --- rows of the form ------------------------------------------------------------------------------------------

// Fields that have a value in an empty row, too.
const FILLED = "[name$=-currency], [name$=-interval_count], [name$=-interval], [name$=-ORDER]";

function isEmpty(row) {
  if (row.querySelector(".errorlist, img")) return false;
  const fields = [...row.querySelectorAll("input, textarea, select")].filter(
    (field) => !["checkbox", "radio"].includes(field.type) && !field.matches(FILLED),
  );
  return fields.every((field) => (field.matches("select") ? field.selectedIndex === 0 : !field.value));
}

function prepareRow(row) {
  row.querySelectorAll("[data-handle]").forEach(makeDraggable);
  row.querySelectorAll("[data-js]").forEach((part) => (part.hidden = false));
}

for (const section of document.querySelectorAll("[data-rows]")) {
  const prefix = section.dataset.rows;
  const list = section.querySelector("[data-list]");
  const total = section.querySelector(`[name=${prefix}-TOTAL_FORMS]`);
  const maximum = Number(section.querySelector(`[name=${prefix}-MAX_NUM_FORMS]`).value);
  const template = section.querySelector("template");
  const add = section.querySelector("[data-add]");
  const rows = [...list.children];
  rows.forEach(prepareRow);

  // Hide the empty rows, except the only one of a product without prices.
  for (const row of rows.filter(isEmpty).reverse()) {
    if (prefix !== "prices" || rows.some((other) => other !== row && !other.hidden)) row.hidden = true;
  }
  if (prefix === "prices" && rows.every((row) => row.hidden) && rows.length) rows[0].hidden = false;

  const limit = () => {
    add.disabled = ![...list.children].some((row) => row.hidden) && Number(total.value) >= maximum;
  };

  add.addEventListener("click", () => {
    let row = [...list.children].find((item) => item.hidden);
    if (!row) {
      const holder = document.createElement("div");
      holder.innerHTML = template.innerHTML.replaceAll("__prefix__", total.value);
      total.value = Number(total.value) + 1;
      row = holder.firstElementChild;
      prepareRow(row);
    }
    list.append(row);
    row.hidden = false;
    row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    limit();
  });
  add.parentElement.hidden = false;
  limit();
}

document.querySelectorAll(".order-list [data-handle]").forEach(makeDraggable);

// --- saving ----------------------------------------------------------------------------------------------------

const editor = document.getElementById("product-editor");

editor?.addEventListener("submit", (event) => {
  if (editor.dataset.sent) event.preventDefault(); // a second press
  editor.dataset.sent = "yes";
  for (const list of editor.querySelectorAll("[data-list]")) {
    movable(list).forEach((row, number) => {
      const order = row.querySelector("input[name$=-ORDER]");
      if (order && !isEmpty(row)) order.value = number + 1;
    });
  }
});

window.addEventListener("pageshow", () => delete editor?.dataset.sent);

editor?.querySelector(".errors input:not([type=hidden]), .errors select, .errors textarea")?.focus();

// --- preview of Markdown ---------------------------------------------------------------------------------------

for (const area of editor?.querySelectorAll("textarea[data-markdown]") ?? []) {
  const preview = document.createElement("div");
  preview.className = "editor-preview";
  preview.setAttribute("role", "region");
  preview.setAttribute("aria-label", editor.dataset.previewLabel);
  area.after(preview);
  let timer = 0;
  let request = new AbortController();

  const update = async () => {
    request.abort();
    request = new AbortController();
    preview.hidden = !area.value.trim();
    if (preview.hidden) return;
    const body = new URLSearchParams({ text: area.value });
    const headers = { "X-CSRFToken": editor.querySelector("[name=csrfmiddlewaretoken]").value };
    try {
      const response = await fetch(editor.dataset.previewUrl, { method: "POST", body, headers, signal: request.signal });
      if (response.ok) preview.innerHTML = await response.text(); // the server has made it safe
    } catch (error) {
      if (error.name !== "AbortError") preview.hidden = true;
    }
  };

  area.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(update, 300);
  });
  update();
}
