// Reads what the provider's redirect brought, cleans the address bar, and shows it as text to be copied. It redeems
// nothing: only the caller who asked for the URL can.
"use strict";

const query = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
const say = (title, words) => {
  element("title").textContent = title;
  element("words").textContent = words;
};

// The code is not to stay in the history, nor to go to another page.
history.replaceState(null, "", location.pathname);

const body = {};
for (const key of ["code", "state", "iss", "error", "error_description"]) {
  if (query.get(key)) body[key] = query.get(key).slice(0, 8192);
}

if (body.error) {
  const refused = body.error === "access_denied" ? "The request was declined." : `The provider answered ${body.error}.`;
  say("Not connected", body.error_description ? `${refused} ${body.error_description}` : refused);
} else if (body.code && body.state) {
  say("Almost connected", "The provider agreed. One step is left.");
} else {
  say("Nothing to do here", "This address is where a provider sends the browser back to. It brought no code.");
}

if (body.state && (body.code || body.error)) {
  element("body").value = JSON.stringify(body, null, 2);
  element("answer").hidden = false;
  element("copy").addEventListener("click", async () => {
    element("body").select();
    await navigator.clipboard.writeText(element("body").value);
    element("copy").textContent = "Copied";
  });
}
