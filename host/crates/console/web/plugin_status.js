// The status of a plugin, as its list and its own page show it.
import { Status } from "./ui.js";
import { html } from "./vendor/preact.js";

const STATES = {
  approved: ["ok", "Approved"],
  pending: ["ask", "Awaiting approval"],
  disabled: ["off", "Paused"],
  broken: ["bad", "Broken"],
  checking: ["wait", "Being checked"],
};

/** Shows the state of a plugin; an approved plugin that failed repeatedly is backing off. */
export function PluginStatus({ plugin }) {
  const [kind, word] =
    plugin.state === "approved" && plugin.paused_until
      ? ["wait", "Backing off after failures"]
      : (STATES[plugin.state] ?? ["none", plugin.state]);
  return html`<${Status} kind=${kind} word=${word} />`;
}
