// Keep the URL of the store in sync with the page, so that it can be reloaded, shared and bookmarked.

// Leave empty parameters out of the URL.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.matches(".filters")) return;
  for (const [name, value] of [...detail.formData]) {
    if (!value) detail.formData.delete(name);
  }
});

document.addEventListener("htmx:beforeHistoryUpdate", ({ detail }) => {
  const { history, requestConfig } = detail;
  const current = new URLSearchParams(location.search);
  if (requestConfig.elt.closest("#pages")) {
    // Page 3 was added below pages 1 and 2: ?page=1-3.
    const next = new URL(history.path, location.href);
    const [first] = (current.get("page") ?? "1").split("-");
    next.searchParams.set("page", `${first}-${next.searchParams.get("page")}`);
    history.path = next.pathname + next.search;
  } else if (requestConfig.triggeringEvent?.type === "input" && current.has("q")) {
    history.type = "replace"; // one history entry for a search, not one for each letter
  } else if (history.path === location.pathname + location.search) {
    history.type = "replace";
  }
});

// After "Show more" focus the first new product.
const isShowMore = ({ requestConfig }) => requestConfig?.elt.id === "more";
let previousCount = 0;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // Show the text of a 429 in place of the products, until the retry of live.js succeeds.
  if (detail.xhr.status === 429 && detail.target.id === "results") detail.shouldSwap = true;
  if (isShowMore(detail)) previousCount = document.getElementById("product-grid").children.length;
});

document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!isShowMore(detail)) return;
  document.getElementById("product-grid").children[previousCount]?.querySelector("a").focus({ preventScroll: true });
});

// Products that load while scrolling push the focused element down: keep it visible.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (isShowMore(detail)) return;
  const focused = document.activeElement;
  if (focused?.matches("#pages :focus-visible, footer :focus-visible")) {
    focused.scrollIntoView({ block: "nearest", behavior: "instant" });
  }
});

// On phones, categories and tags are rows that scroll: show the chosen ones.
function showChosenGroups() {
  for (const chosen of document.querySelectorAll(".group[aria-current]")) {
    const row = chosen.closest(".groups__list");
    const [box, rowBox] = [chosen.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += box.left + box.width / 2 - (rowBox.left + rowBox.width / 2);
  }
}

showChosenGroups();
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target?.id === "results") showChosenGroups();
});

// Apply what the visitor has entered before this script was loaded.
const filters = document.querySelector(".filters");
const parameters = new URLSearchParams(location.search);
const values = filters ? [...new FormData(filters)] : [];
if (values.some(([name, value]) => value !== (parameters.get(name) ?? ""))) window.htmx.trigger(filters, "retry");
