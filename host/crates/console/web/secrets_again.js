// Which stored secrets a version of a plugin does not get until a person enters them again.
import { toSentence } from "./format.js";
import { Notice, WithCode } from "./ui.js";
import { html } from "./vendor/preact.js";

/** `isRunning` says that the version is approved, so that its connection already needs the secrets. */
export function SecretsAgain({ version, isRunning = false }) {
  if (!version.secrets_again?.length) return null;
  const title = `Version ${version.version} sends stored secrets to other destinations`;
  return html`
    <${Notice} kind="warn" title=${title}
      means=${isRunning
        ? "Jackfield does not send them there. The connection needs attention until somebody connects again."
        : "Jackfield does not send them there. Once the version is approved, the connection needs attention until somebody connects again."}
      todo=${isRunning
        ? "If the provider owns these hosts, connect again. If it does not, go back to the previous version or pause the plugin."
        : "Check that the provider owns these hosts before you approve it and connect again."}>
      <${NeededSecrets} sentences=${version.secrets_again} />
    <//>
  `;
}

/** Shows the required fields of a version that the stored connection does not have. */
export function MissingFields({ version, isRunning = false }) {
  if (!version.missing_fields?.length) return null;
  return html`
    <${Notice} kind="warn" title=${`Version ${version.version} requires more than the connection has`}
      means=${isRunning
        ? "The connection needs attention until somebody connects again."
        : "Once the version is approved, the connection needs attention until somebody connects again."}
      todo="Connect again and enter what is missing. The other values are kept.">
      <${NeededSecrets} sentences=${version.missing_fields} />
    <//>
  `;
}

/** Lists each secret with the destinations for which nobody entered it. */
export const NeededSecrets = ({ sentences }) =>
  html`<ul class="lines">${sentences.map((sentence) => html`<li class="wrap"><${WithCode}
    text=${`${toSentence(sentence)}.`} /></li>`)}</ul>`;
