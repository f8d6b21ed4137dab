// Which stored secrets a version of a plugin does not get until a person enters them again.
import { Notice } from "./ui.js";
import { html } from "./vendor/preact.js";

export function SecretsAgain({ version }) {
  if (!version.secrets_again?.length) return null;
  return html`
    <${Notice} kind="warn" title=${`Version ${version.version} sends stored secrets to other destinations`}
      means="Jackfield does not send them there. The connection needs attention until somebody connects again."
      todo="Check that the provider owns these hosts before you approve it and connect again.">
      <ul>${version.secrets_again.map((sentence) => html`<li class="wrap">${sentence}</li>`)}</ul>
    <//>
  `;
}
