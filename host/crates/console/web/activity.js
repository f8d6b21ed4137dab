// What the calls of a component did and used since this service started: a table that can be read, and small bars.
import { call } from "./api.js";
import { useEvents } from "./events.js";
import { bytes, duration, number, plural } from "./format.js";
import { Button, Notice, Time } from "./ui.js";
import { html, useCallback, useEffect, useState } from "./vendor/preact.js";

const EVERY_MS = 10_000;
const DOES = {
  connect: "Test a credential",
  disconnect: "Disconnect",
  health: "Check health",
  list_users: "List users",
  alert_target: "Read where alerts go",
  set_alert_target: "Set where alerts go",
};
// Codes that are the component's own doing.
const FAULT = "plugin_fault";

export function Activity({ provider }) {
  const [state, setState] = useState({ operations: null, problem: null });
  const load = useCallback(
    (isAsked) => {
      call("GET", `/api/admin/providers/${encodeURIComponent(provider)}/activity`, undefined, {
        isBackground: !isAsked,
      })
        .then(({ operations }) => setState({ operations, problem: null }))
        .catch((problem) => setState((before) => ({ ...before, problem })));
    },
    [provider],
  );
  useEffect(() => {
    load(true);
    const timer = setInterval(() => document.visibilityState === "visible" && load(), EVERY_MS);
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
      html`<${Notice} kind="warn" title=${`It failed ${plural(faults, "time")} through its own fault`}
      means="It trapped, ran out of time or memory, or broke the contract. The connection was not affected."
      todo="If it continues, go back to the previous version, or tell its author." />`
    }
    <div class="scroll" role="region" aria-label="Activity" tabindex="0">
      <table class="stacked activity">
        <caption class="unseen">Calls since the service started</caption>
        <thead><tr><th scope="col">Operation</th><th scope="col">Calls</th><th scope="col">Failed</th><th
          scope="col">Time per call</th>
          <th scope="col">Usage</th><th scope="col">Last</th></tr></thead>
        <tbody>${operations.map((one) => html`<${Operation} key=${one.operation} one=${one}
          longest=${longest} />`)}</tbody>
      </table>
    </div>
    <p class="row small muted"><span class="key plugin" aria-hidden="true"></span> the plugin computing
      <span class="key upstream" aria-hidden="true"></span> waiting for the provider
      <${Button} look="quiet" icon="refresh" onClick=${() => load(true)}>Refresh<//></p>
  `;
}

function Operation({ one, longest }) {
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
  } = one;
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  const width = (part) => (element) =>
    element?.style.setProperty("width", `${longest ? (100 * part) / calls / longest : 0}%`);
  return html`<tr>
    <th scope="row">${DOES[operation] ?? operation}</th>
    <td class="nums">${number(calls)}</td>
    <td class="nums">${
      failed
        ? html`<span class="error">${number(failed)}</span> <span class="small muted">${Object.entries(errors)
            .map(([code, count]) => `${code} ${number(count)}`)
            .join(", ")}</span>`
        : html`<span class="muted">none</span>`
    }</td>
    <td class="nums">
      <span class="strip" aria-hidden="true"><i class="plugin" ref=${width(guest_ms)}></i><i class="upstream"
        ref=${width(upstream_ms)}></i></span>
      <span class="small">${duration(total_ms / calls)}<span
        class="muted">, ${duration(upstream_ms / calls)} of it waiting</span></span>
    </td>
    <td class="small">${plural(requests, "request")}${denied > 0 && html`, <span
      class="error">${number(denied)} refused</span>`};
      ${" "}${bytes(sent_bytes)} out, ${bytes(received_bytes)} in; ${bytes(memory_bytes)} memory at most</td>
    <td class="small"><${Time} at=${last_at} /></td>
  </tr>`;
}
