// Enhance the hosted checkout page: group the card's digits while typing, fill in test cards and prevent a double
// submit. The page works without JavaScript.
"use strict";

const byId = (id) => document.getElementById(id);
const number = byId("cardNumber"), expiry = byId("cardExpiry"), cvc = byId("cardCvc");

const isAmex = (digits) => /^3[47]/.test(digits);
const brand = (d) => isAmex(d) ? "amex" : /^4/.test(d) ? "visa" : /^(5[1-5]|2[2-7])/.test(d) ? "mastercard" : "";

function groupNumber(digits) {
  if (isAmex(digits)) return [digits.slice(0, 4), digits.slice(4, 10), digits.slice(10, 15)].filter(Boolean).join(" ");
  return digits.slice(0, 19).replace(/(.{4})(?=.)/g, "$1 ");
}

function groupExpiry(digits, deleting) {
  if (/^[2-9]/.test(digits)) digits = "0" + digits;
  if (digits.length === 6 && digits.slice(2, 4) === "20") digits = digits.slice(0, 2) + digits.slice(4);
  digits = digits.slice(0, 4);
  if (digits.length < 2 || (digits.length === 2 && deleting)) return digits;
  return digits.slice(0, 2) + " / " + digits.slice(2);
}

// Reformat the field and keep the caret after the same digit.
function reformat(input, format, event) {
  const before = input.value.slice(0, input.selectionStart).replace(/\D/g, "").length;
  const atEnd = input.selectionStart === input.value.length;
  input.value = format(input.value.replace(/\D/g, ""), event?.inputType?.startsWith("delete"));
  if (!atEnd && document.activeElement === input) {
    let at = 0;
    for (let seen = 0; seen < before && at < input.value.length; at++) if (/\d/.test(input.value[at])) seen++;
    input.setSelectionRange(at, at);
  }
}

function showBrand() {
  const shown = brand(number.value), marks = document.querySelector(".Brands");
  for (const mark of marks.children) mark.classList.toggle("is-on", mark.dataset.brand === shown);
}

if (number) {
  number.addEventListener("input", (event) => { reformat(number, groupNumber, event); showBrand(); });
  expiry.addEventListener("input", (event) => reformat(expiry, groupExpiry, event));
  cvc.addEventListener("input", () => { cvc.value = cvc.value.replace(/\D/g, "").slice(0, 4); });
  reformat(number, groupNumber);
  showBrand();
}

for (const link of document.querySelectorAll("[data-card]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const fill = { cardNumber: groupNumber(link.dataset.card), cardExpiry: "12 / 34", cardCvc: isAmex(link.dataset.card) ? "1234" : "123" };
    for (const [id, value] of Object.entries(fill)) byId(id).value = value;
    const radio = document.querySelector('[name="paymentMethod"][value="card"]');
    if (radio) radio.checked = true;
    const newCard = document.querySelector('[name="savedPaymentMethod"][value="new"]');
    if (newCard) newCard.checked = true;
    for (const [id, value] of [["billingName", "Test Buyer"], ["billingPostalCode", "10001"]]) byId(id).value ||= value;
    showBrand();
    document.querySelector(".SubmitButton").focus();
  });
}

const country = byId("billingCountry"), postalLabel = document.querySelector("[for=billingPostalCode]");
country?.addEventListener("change", () => {
  const { zip, postalCode } = postalLabel.dataset;
  postalLabel.textContent = byId("billingPostalCode").placeholder = ["US", "PR"].includes(country.value) ? zip : postalCode;
  const template = byId(country.value === "US" ? "stateSelect" : "stateInput");
  if (template) byId("billingAdministrativeArea").replaceWith(template.content.firstElementChild.cloneNode(true));
});

for (const link of document.querySelectorAll("[data-iban]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    byId("iban").value = link.dataset.iban;
    byId("billingName").value ||= "Test Buyer";
    document.querySelector(".SubmitButton").focus();
  });
}

// Stripe's page shows the preset amount until the buyer wants to change it; without JavaScript the field is enough.
const changeAmount = byId("changeAmount");
if (changeAmount) {
  changeAmount.hidden = false;
  changeAmount.addEventListener("click", () => { byId("presetAmount").hidden = true; byId("customUnitAmount").select(); });
  byId("customUnitAmount").addEventListener("input", () => { byId("presetAmount").hidden = true; });
}

// Stripe's page has a button above each method; without JavaScript the radio's label works.
for (const button of document.querySelectorAll(".AccordionButton")) {
  button.hidden = false;
  button.addEventListener("click", () => { button.parentElement.querySelector("[name=paymentMethod]").click(); });
}

for (const form of document.querySelectorAll("form[data-once]")) {
  let restore;
  form.addEventListener("submit", (event) => {
    if (restore) return event.preventDefault();
    const button = event.submitter ?? form.querySelector("[data-busy]");
    const text = button.querySelector(".SubmitButton-Text") ?? button, label = text.textContent;
    for (const name of ["aria-busy", "aria-disabled"]) button.setAttribute(name, "true");
    button.classList.toggle("SubmitButton--processing", button.matches(".SubmitButton"));
    text.textContent = button.dataset.busy ?? label;
    restore = () => {
      for (const name of ["aria-busy", "aria-disabled"]) button.removeAttribute(name);
      button.classList.remove("SubmitButton--processing");
      text.textContent = label;
      restore = null;
    };
  });
  // The browser's back button restores the page with its disabled button.
  addEventListener("pageshow", () => restore?.());
}
