// Asks at once what the first page needs, while the other files are still on their way; `api.js` takes the answers.
"use strict";

{
  const ask = (path) => fetch(path, { headers: { accept: "application/json" }, credentials: "same-origin" });
  const session = ask("/api/session");
  const who = session.then((answer) => answer.clone().json());
  const isExecutive = who.then(({ signed_in, level }) => signed_in && level === "executive");
  window.early = new Map([["/api/session", session]]);
  // Nothing comes of them for anybody else: then whoever needs them asks anew.
  for (const path of ["/api/admin/connections", "/api/admin/providers"]) {
    window.early.set(path, isExecutive.then((is) => (is ? ask(path) : null)));
  }
  for (const answer of window.early.values()) answer.catch(() => {});
}
