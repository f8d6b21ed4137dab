// Asks at once what the first page needs, while the other files are still on their way; `api.js` takes the answers.
"use strict";

{
  const asked = new Map();
  const ask = (path) => {
    const answer = fetch(path, { headers: { accept: "application/json" }, credentials: "same-origin" });
    // Who takes it over hears of a failure; where nobody does, it is asked for anew.
    answer.catch(() => {});
    asked.set(path, answer);
    return answer;
  };
  window.early = asked;
  ask("/api/session")
    .then((answer) => answer.clone().json())
    .then((who) => {
      if (!who.signed_in || who.level !== "executive") return;
      for (const path of ["/api/admin/connections", "/api/admin/providers"]) ask(path);
    })
    .catch(() => {});
}
