// The calls of a plugin since the service started: a table of their counts, errors, times and use of resources.
import { call } from "./api.js";
import { useEvents } from "./events.js";
import { formatBytes, formatCount, formatDuration, formatNumber } from "./format.js";
import { explainCode } from "./problems.js";
import { Button, Notice, Time } from "./ui.js";
import { html, useCallback, useEffect, useState } from "./vendor/preact.js";

const REFRESH_MS = 10_000;
const OPERATIONS = {
  connect: "Test a credential",
  disconnect: "Disconnect",
  health: "Check health",
  list_users: "List users",
  alert_target: "Read where alerts go",
  set_alert_target: "Set where alerts go",
};
/** The code of an error that the plugin itself caused. */
const FAULT = "plugin_fault";

export function PluginActivity({ provider }) {
  const [state, setState] = useState({ operations: null, problem: null });
  const load = useCallback(
    (isRequested) => {
      call("GET", `/api/admin/providers/${encodeURIComponent(provider)}/activity`, undefined, {
        isBackground: !isRequested,
      })
        .then(({ operations }) => setState({ operations, problem: null }))
        .catch((problem) => setState((before) => ({ ...before, problem })));
    },
    [provider],
  );
  useEffect(() => {
    load(true);
    const timer = setInterval(() => document.visibilityState === "visible" && load(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [load]);
  useEvents({ connection: true }, (kind, data) => (kind !== "connection" || data.provider === provider) && load());
  const { operations, problem } = state;
  if (problem && !operations) return html`<${Notice} problem=${problem} onRetry=${() => load(true)} />`;
  if (!operations) return html`<p class="muted" role="status">Loading…</p>`;
  if (!operations.length) return html`<p class="muted">It has not been called since the service started.</p>`;
  const longest = Math.max(...operations.map(({ total_ms, calls }) => total_ms / calls));
  const faults = operations.reduce((sum, { errors }) => sum + (errors[FAULT] ?? 0), 0);
  return html`
    ${
      faults > 0 &&
      html`<${Notice} kind="warn" title=${`It failed ${formatCount(faults, "time")} through its own fault`}
      means="It crashed, ran out of time or memory, or violated the plugin contract. The connection was not affected."
      todo="If it continues, go back to the previous version, or tell its author." />`
    }
    <div class="scroll" role="region" aria-label="Activity" tabindex="0">
      <table class="stacked activity">
        <caption class="visually-hidden">Calls since the service started</caption>
        <thead><tr><th scope="col">Operation</th><th scope="col">Calls</th><th scope="col">Failed</th><th
          scope="col">Time per call</th>
          <th scope="col">Usage</th><th scope="col">Last</th></tr></thead>
        <tbody>${operations.map((one) => html`<${Operation} key=${one.operation} stats=${one}
          longest=${longest} />`)}</tbody>
      </table>
    </div>
    <p class="row small muted"><span class="key plugin" aria-hidden="true"></span> plugin computing
      <span class="key provider" aria-hidden="true"></span> waiting for the provider
      <${Button} look="quiet" icon="refresh" onClick=${() => load(true)}>Refresh<//></p>
  `;
}

function Operation({ stats, longest }) {
  const {
    operation,
    calls,
    errors,
    total_ms,
    guest_ms,
    upstream_ms,
    memory_bytes,
    requests,
    denied,
    sent_bytes,
    received_bytes,
    last_at,
  } = stats;
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const width = (part) => (element) =>
    element?.style.setProperty("width", `${longest ? (100 * part) / calls / longest : 0}%`);
  return html`<tr>
    <th scope="row">${OPERATIONS[operation] ?? operation}</th>
    <td class="nums">${formatNumber(calls)}</td>
    <td class="nums">${
      failed
        ? html`<span class="error">${formatNumber(failed)}</span> <span class="small muted">${Object.entries(errors)
            .map(([code, count]) => `${formatNumber(count)} × ${explainCode(code)}`)
            .join(", ")}</span>`
        : html`<span class="muted">none</span>`
    }</td>
    <td class="nums">
      <span class="strip" aria-hidden="true"><i class="plugin" ref=${width(guest_ms)}></i><i class="provider"
        ref=${width(upstream_ms)}></i></span>
      <span class="small">${formatDuration(total_ms / calls)}<span
        class="muted">, ${formatDuration(upstream_ms / calls)} of it waiting</span></span>
    </td>
    <td class="small">${formatCount(requests, "request")}${denied > 0 && html`, <span
      class="error">${formatNumber(denied)} blocked</span>`};
      ${" "}${formatBytes(sent_bytes)} out, ${formatBytes(received_bytes)} in; ${formatBytes(memory_bytes)} peak memory</td>
    <td class="small"><${Time} at=${last_at} /></td>
  </tr>`;
}
