// Name the autocomplete fields of Django's admin, whose script leaves them without a name for screen readers.
function nameAutocompletes() {
  for (const select of document.querySelectorAll("select.admin-autocomplete.select2-hidden-accessible")) {
    const box = select.nextElementSibling?.querySelector(".select2-selection");
    const name = select.labels[0]?.textContent.trim() || select.name;
    for (const part of box ? [box, ...box.querySelectorAll("[role=textbox]")] : []) {
      part.removeAttribute("aria-labelledby");
      part.setAttribute("aria-label", `${name} ${part.textContent.trim()}`.trim());
    }
  }
}

// After Django's script, which does it in the same events.
window.django?.jQuery?.(nameAutocompletes);
document.addEventListener("formset:added", nameAutocompletes);
