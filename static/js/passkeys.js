// A form that makes or uses a passkey: the browser answers what the server asks, the form carries the answer.
const ask = { create: (data) => data.creation_options, get: (data) => data.request_options };

async function question({ dataset: { options, passkey } }) {
  const data = options
    ? await (await fetch(options, { headers: { Accept: "application/json" } })).json()
    : JSON.parse(document.getElementById("passkey-options").textContent);
  return ask[passkey](data);
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = form.querySelector("[data-problem]");
    problem.hidden = true;
    try {
      const answer = await window.webauthnJSON[form.dataset.passkey](await question(form));
      form.elements.credential.value = JSON.stringify(answer);
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
  form.querySelector("[type=submit]").disabled = false; // until now a press would have sent an empty answer
}
