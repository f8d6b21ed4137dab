// Who signed a version of a plugin, and what its signature permits. The API sends it only if keys are trusted.
import { toDisplayable, toSentence } from "./format.js";
import { Status, WithCode } from "./ui.js";
import { html } from "./vendor/preact.js";

const STATES = {
  granted: ["ok", "Signed by a trusted key", "The key permits everything that this version requests."],
  asks_more: ["ask", "Signed by a trusted key", "This version requests more than the key permits:"],
  unknown_key: ["soon", "Signed by an unknown key", "None of the trusted keys made the signature."],
  broken: ["bad", "Signature not valid", "The signature cannot be verified:"],
  unsigned: ["none", "Not signed", null],
};

export function PluginSignature({ signature }) {
  const { state, key, beyond = [] } = signature;
  const [kind, word, means] = STATES[state] ?? ["none", state, null];
  return html`
    <div class="stack tight">
      <p><${Status} kind=${kind} word=${word} />${key && html`: <b class="wrap">${toDisplayable(key)}</b>`}</p>
      ${means && html`<p class="muted small">${means}</p>`}
      ${beyond.length > 0 && html`<ul class="lines small">${beyond.map((line) => html`<li class="wrap"><${WithCode}
        text=${toSentence(line)} /></li>`)}</ul>`}
    </div>
  `;
}
