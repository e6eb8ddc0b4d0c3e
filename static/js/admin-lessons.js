// Change the order of sections and lessons by dragging a row's handle, also on a touch screen. The buttons work without
// this script. A section takes its lessons with it.

const form = document.getElementById("lesson-order");
const list = form?.querySelector(".course");
const status = form?.querySelector(".course__status");

if (list) {
  list.dataset.sortable = "";
  list.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.target.matches(".course__handle")) drag(event);
  });
}

function drag(start) {
  start.preventDefault();
  const handle = start.target;
  const rows = block(handle.closest("li"));
  const before = order();
  rows.forEach((row) => row.classList.add("course__row--dragged"));
  handle.setPointerCapture(start.pointerId);

  const move = ({ clientX, clientY }) => {
    const over = document.elementFromPoint(clientX, clientY)?.closest(".course > li");
    if (over && !rows.includes(over)) place(rows, isSection(rows[0]) ? block(sectionOf(over)) : [over], clientY);
  };
  const end = () => {
    handle.removeEventListener("pointermove", move);
    rows.forEach((row) => row.classList.remove("course__row--dragged"));
    if (order() !== before) save();
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("lostpointercapture", end, { once: true });
}

const isSection = (row) => row.classList.contains("course__row--section");

// A lesson alone, or a section and the lessons after it.
function block(row) {
  const rows = [row];
  if (!isSection(row)) return rows;
  for (let next = row.nextElementSibling; next && !isSection(next); next = next.nextElementSibling) rows.push(next);
  return rows;
}

function sectionOf(row) {
  while (!isSection(row)) row = row.previousElementSibling;
  return row;
}

// Move the rows before or after the target: another lesson, or a whole section. Lessons stay below the first section.
function place(rows, target, y) {
  const middle = (target[0].getBoundingClientRect().top + target.at(-1).getBoundingClientRect().bottom) / 2;
  const next = y < middle ? target[0] : target.at(-1).nextElementSibling;
  if (rows.includes(next) || (!isSection(rows[0]) && next === list.firstElementChild)) return;
  for (const row of rows) list.insertBefore(row, next);
}

function order() {
  return [...list.children].map((row) => row.dataset.key).join(" ");
}

async function save() {
  const body = new FormData(form);
  body.set("order", order());
  try {
    const response = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    // The response is the page of lessons again; not so after signing out. An old token leads to it with a warning.
    const isRefused = page.querySelector(".errorlist, .messagelist .error, .messagelist .warning");
    if (!response.ok || !page.getElementById(form.id) || isRefused) throw new Error("not saved");
    status.textContent = status.dataset.saved;
  } catch {
    status.textContent = status.dataset.failed;
  }
}
