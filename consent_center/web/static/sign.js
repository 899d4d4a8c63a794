// Signing an answer with a passkey: the form goes to the server, comes back as a challenge over exactly that answer.
"use strict";

if (window.PublicKeyCredential) {
  document.documentElement.classList.add("has-script");
  for (const form of document.querySelectorAll("[data-sign]")) {
    const refused = form.querySelector("[data-refused]");
    const otherwise = refused.textContent;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      refused.hidden = true;
      try {
        const said = { say: event.submitter.value };
        const options = await post(form, { ...said, step: "options" });
        const credential = await ask("get", options);
        location.assign((await post(form, { ...said, step: "answer", answer: written(credential) })).go);
      } catch (error) {
        refused.textContent = error.told || otherwise;
        refused.hidden = false;
      }
    });
  }
}
