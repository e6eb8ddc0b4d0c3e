// Create or use a passkey: get the options, ask the browser, and send its response with the form.
const readOptions = { create: (data) => data.creation_options, get: (data) => data.request_options };

async function fetchOptions({ dataset: { options, passkey } }) {
  const data = options
    ? await (await fetch(options, { headers: { Accept: "application/json" } })).json()
    : JSON.parse(document.getElementById("passkey-options").textContent);
  return readOptions[passkey](data);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!startBusy(form, form.querySelector("[type=submit]"))) return;
    const problem = form.querySelector("[data-problem]");
    problem.hidden = true;
    try {
      const credential = await window.webauthnJSON[form.dataset.passkey](await fetchOptions(form));
      form.elements.credential.value = JSON.stringify(credential);
      form.submit();
    } catch {
      problem.hidden = false;
      endBusy(form);
    }
  });
  form.querySelector("[type=submit]").disabled = false; // before, a click would have sent no credential
}
