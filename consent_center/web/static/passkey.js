// Signing in with a passkey, and adding one: the browser's own dialogue between two posts of one form.
"use strict";

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

async function post(form, fields) {
  const body = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
  if (!answer.ok) throw Object.assign(new Error("refused"), await answer.json().catch(() => ({})));
  return answer.json();
}

async function ask(kind, options) {
  const publicKey = { ...options, challenge: toBytes(options.challenge) };
  if (kind === "get") {
    publicKey.allowCredentials = withBytes(options.allowCredentials);
    return navigator.credentials.get({ publicKey });
  }
  publicKey.user = { ...options.user, id: toBytes(options.user.id) };
  publicKey.excludeCredentials = withBytes(options.excludeCredentials);
  return navigator.credentials.create({ publicKey });
}

function written(credential) {
  const response = { clientDataJSON: toText(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  }
  const id = toText(credential.rawId);
  return JSON.stringify({ id, rawId: id, type: credential.type, response, clientExtensionResults: {} });
}

if (window.PublicKeyCredential) {
  document.documentElement.classList.add("has-script");
  for (const form of document.querySelectorAll("[data-passkey]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const refused = form.querySelector("[data-refused]");
      refused.hidden = true;
      try {
        const options = await post(form, { step: "options" });
        const credential = await ask(form.dataset.passkey, options);
        location.assign((await post(form, { step: "answer", answer: written(credential) })).go);
      } catch {
        refused.hidden = false;
      }
    });
  }
}
