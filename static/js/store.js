// The store's address always says what is shown, so that it can be reloaded, shared and come back to.

// What is not asked stands not in the address.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.matches(".filters")) return;
  for (const [name, value] of [...detail.formData]) {
    if (!value) detail.formData.delete(name);
  }
});

document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const { history, requestConfig } = detail;
  const here = new URLSearchParams(location.search);
  if (requestConfig.elt.closest("#pages")) {
    // Page 3 was added below pages 1 and 2: ?page=1-3.
    const there = new URL(history.path, location.href);
    const [first] = (here.get("page") ?? "1").split("-");
    there.searchParams.set("page", `${first}-${there.searchParams.get("page")}`);
    history.path = there.pathname + there.search;
  } else if (requestConfig.triggeringEvent?.type === "input" && here.has("q")) {
    history.type = "replace"; // one step back for a word, not one for each letter
  } else if (history.path === location.pathname + location.search) {
    history.type = "replace";
  }
});

// Whoever presses "Show more" goes on at the first of what came.
const pressedMore = ({ requestConfig }) => requestConfig?.elt.id === "more";
let before = 0;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // Searched too often: the words of the answer stand where the products were, until app.js's next try succeeds.
  if (detail.xhr.status === 429 && detail.target.id === "results") detail.shouldSwap = true;
  if (pressedMore(detail)) before = document.getElementById("shelf").children.length;
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!pressedMore(detail)) return;
  document.getElementById("shelf").children[before]?.querySelector("a").focus({ preventScroll: true });
});

// What comes by itself pushes down what one has reached by keyboard: it stays in sight.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (pressedMore(detail)) return;
  const here = document.activeElement;
  if (here?.matches("#pages :focus-visible, footer :focus-visible")) {
    here.scrollIntoView({ block: "nearest", behavior: "instant" });
  }
});

// Somebody was faster than this script: what they have typed and chosen counts.
const filters = document.querySelector(".filters");
const asked = new URLSearchParams(location.search);
const said = filters ? [...new FormData(filters)] : [];
if (said.some(([name, value]) => value !== (asked.get(name) ?? ""))) window.htmx.trigger(filters, "retry");
