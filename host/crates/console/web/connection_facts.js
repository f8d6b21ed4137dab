// What is known about a connection, and how to check it now.
import { call } from "./api.js";
import { formatDuration } from "./format.js";
import { explainReason } from "./provider_reasons.js";
import { showToast, Time } from "./ui.js";
import { html } from "./vendor/preact.js";

/** Checks a connection, even if the provider asked to wait: a person pressed the button. Shows the result in a toast. Returns
 * the health, or null if the check failed. */
export async function checkConnection(id, title) {
  try {
    const health = await call("GET", `/api/admin/connections/${encodeURIComponent(id)}/health?ignore_wait=true`);
    if (health.healthy) showToast(`${title} responded in ${formatDuration(health.latency_ms)}.`);
    else showToast(`${title} has a problem: ${explainReason(health.reason) || "no reason given"}`, "bad");
    return health;
  } catch (problem) {
    showToast(`${title} could not be checked: ${problem.message}`, "bad");
    return null;
  }
}

/** Lists who connected it and when, the last check, and when the token expires. */
export function ConnectionFacts({ connection }) {
  const { last_check: last, token_expires_at: expires } = connection;
  return html`
    <ul class="facts">
      <li>Connected <${Time} at=${connection.connected_at} /> by ${connection.connected_by}</li>
      <li>${last
        ? html`${last.healthy ? "Last checked" : "Last check failed"} <${Time} at=${last.at} />`
        : "Not checked yet"}</li>
      ${expires && html`<li>${Date.parse(expires) > Date.now() ? "Token expires" : "Token expired"} <${Time}
        at=${expires} />,${" "}
        ${connection.status === "expiring" ? "not renewed automatically" : "renewed automatically"}</li>`}
      ${connection.status !== "connected" && html`<li>Status changed <${Time} at=${connection.since} /></li>`}
    </ul>
  `;
}
