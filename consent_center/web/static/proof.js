// Checks in the browser that a line of the history stands in the log: no library, nothing sent anywhere.
// 1. the commitment in the leaf opens to what the page shows; 2. the leaf is in the tree of that size (RFC 9162, 2.1.3.2);
// 3. the tree's root is the one in the checkpoint; 4. the checkpoint is signed by the log's key (C2SP signed-note, Ed25519).
"use strict";

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const utf8 = (text) => new TextEncoder().encode(text);
const same = (a, b) => a.length === b.length && a.every((value, place) => value === b[place]);

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

async function opens(leaf, salt, payload) {
  const committed = JSON.parse(new TextDecoder().decode(leaf)).commitment;
  const hash = await sha256(utf8("commit/v1"), salt, payload);
  return committed === Array.from(hash, (value) => value.toString(16).padStart(2, "0")).join("");
}

async function rootOf(leaf, index, size, path) {
  let here = BigInt(index);
  let last = BigInt(size) - 1n;
  if (here < 0n || here > last) throw new Error("index");
  let hash = await sha256(Uint8Array.of(0), leaf);
  for (const beside of path) {
    if (last === 0n) throw new Error("path too long");
    if (here % 2n === 1n || here === last) {
      hash = await sha256(Uint8Array.of(1), beside, hash);
      while (here % 2n === 0n && here !== 0n) {
        here >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = await sha256(Uint8Array.of(1), hash, beside);
    }
    here >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new Error("path too short");
  return hash;
}

async function signed(note, verifier) {
  const [name, id, key] = [verifier.split("+")[0], verifier.split("+")[1], bytes(verifier.split("+").slice(2).join("+"))];
  const end = note.indexOf("\n\n") + 1;
  if (end === 0 || key[0] !== 1 || key.length !== 33) throw new Error("note");
  const fingerprint = (await sha256(utf8(name + "\n"), key)).slice(0, 4);
  if (Array.from(fingerprint, (value) => value.toString(16).padStart(2, "0")).join("") !== id) throw new Error("key");
  const line = note.slice(end + 1).split("\n").find((text) => text.startsWith("\u2014 " + name + " "));
  const signature = line && bytes(line.split(" ")[2]);
  if (!signature || signature.length !== 68 || !same(signature.slice(0, 4), fingerprint)) return false;
  const imported = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature.slice(4), utf8(note.slice(0, end)));
}

async function check(proof, verifier) {
  const leaf = bytes(proof.leaf);
  if (proof.salt && !(await opens(leaf, bytes(proof.salt), bytes(proof.payload)))) return false;
  const root = await rootOf(leaf, proof.index, proof.size, proof.path.map(bytes));
  const [, size, stated] = proof.checkpoint.split("\n");
  return Number(size) === proof.size && same(root, bytes(stated)) && signed(proof.checkpoint, verifier);
}

document.documentElement.classList.add("has-script");
for (const button of document.querySelectorAll("[data-proof]")) {
  button.addEventListener("click", async () => {
    const said = button.closest(".proof").querySelector("[data-said]");
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.proof, { credentials: "same-origin" });
      if (!answer.ok) throw new TypeError("no proof");
      said.textContent = (await check(await answer.json(), button.dataset.key)) ? said.dataset.yes : said.dataset.no;
    } catch (error) {
      said.textContent = error.name === "NotSupportedError" || error instanceof TypeError ? said.dataset.cannot : said.dataset.no;
    }
    button.disabled = false;
  });
}
