// The manifest of a plugin in plain words, as an administrator reviews it: endpoints, placements, sign-in,
// capabilities.
import { formatCount, formatList, toSentence } from "./format.js";
import { HelpLink, Notice, WithCode } from "./ui.js";
import { html } from "./vendor/preact.js";

/** What each optional capability lets a plugin do. */
export const CAPABILITIES = {
  users: "List the people who have an account there, so that they can be mapped.",
  alerts: "Read and set the URL to which the provider sends change alerts.",
  accounts: "Offer a choice when one credential gives access to several organisations.",
};

/** What each part of an OAuth or service-account setup means. A part without a label is shown under its own name. */
export const GRANT_LABELS = {
  authorize_url: "Consent page",
  authorize_parameters: "Additional parameters of the consent page",
  token_url: "Token endpoint",
  revocation_url: "Revocation endpoint",
  issuer: "Issuer that responses must name",
  client_authentication: "How the client secret is sent to the token endpoint",
  refresh: "Refresh tokens",
  idle_lifetime: "Seconds after which an unused refresh token expires",
  field: "Field with the key file",
  audience: "Audience",
  token_uris: "Token endpoints that the key file may name",
  universe_domains: "Universe domains that the key file may name",
};

/** What a disconnect does with the mappings of people. */
const ON_DISCONNECT = {
  keep: "A disconnect keeps the mappings of people.",
  clear: "A disconnect removes the mappings of people.",
};

const AUTH = {
  fields: "with a credential that somebody enters in a form",
  oauth2: "by signing in at the provider, which asks for consent (OAuth 2.0)",
  service_account: "with a key file, from which Jackfield creates short-lived access tokens",
};

/** Shows everything that a version asks for. */
export function Manifest({ version }) {
  const { fields = [], scopes = [], capabilities = {}, auth, grant = {} } = version;
  const supported = Object.keys(CAPABILITIES).filter((key) => capabilities[key]);
  return html`
    <div class="manifest">
      <section class="stack tight">
        <h3>What it calls</h3>
        <p>Only these endpoints, and only over https. Every other request is blocked.</p>
        <${Hosts} version=${version} />
      </section>
      <section class="stack tight">
        <h3>Where credentials are sent</h3>
        <p>Jackfield adds a credential as the request leaves. The plugin itself never sees a secret.</p>
        <ul class="plain-list stack tight">${describePlacements(version).map((sentence) => html`<li
          class="wrap"><${WithCode} text=${sentence} /></li>`)}</ul>
      </section>
      <section class="stack tight">
        <h3>How it connects</h3>
        <p>It connects ${AUTH[auth] ?? auth}.</p>
        <${Grant} grant=${grant} />
        ${scopes.length > 0 && html`<p>It requests these scopes: ${scopes.map((scope, at) =>
          html`${at ? ", " : ""}<code>${scope}</code>`)}.</p>`}
        ${
          fields.length > 0 &&
          html`<ul class="lines">${fields.map((field) => html`<li><${FormField} field=${field} /></li>`)}</ul>`
        }
      </section>
      <section class="stack tight">
        <h3>What it can do</h3>
        <ul class="lines">
          <li>Test a credential, check the connection's health, and disconnect.</li>
          ${supported.map((key) => html`<li>${CAPABILITIES[key]}</li>`)}
          <li>${ON_DISCONNECT[version.on_disconnect] ?? version.on_disconnect}</li>
        </ul>
      </section>
    </div>
  `;
}

/** Shows what has to be noticed before an approval: first what can disclose a secret, in red. */
export function Risks({ risks = [] }) {
  const [dangers, warnings] = [risks.filter(({ danger }) => danger), risks.filter(({ danger }) => !danger)];
  return html`
    ${dangers.length > 0 && html`<${Notice} kind="bad" title="This can disclose a secret"><${RiskList} risks=${dangers} /><//>`}
    ${warnings.length > 0 && html`<${Notice} kind="warn" title="Check this before you approve it">
      <${RiskList} risks=${warnings} /><//>`}
  `;
}

const RiskList = ({ risks }) =>
  html`<ul class="lines">${risks.map(
    ({ what }) => html`<li class="wrap"><${WithCode} text=${`${toSentence(what)}.`} /></li>`,
  )}</ul>`;

/** Describes a form field: `secret, stored encrypted and required`. */
export const describeField = ({ secret, required, kind }) =>
  formatList([
    secret ? "secret, stored encrypted" : "not secret",
    required ? "required" : "optional",
    ...(KINDS[kind] ? [KINDS[kind]] : []),
  ]);

const KINDS = { email: "an email address", url: "an https address", json: "a JSON file", choice: "one of a list" };

/** Shows a form field with everything that the person who fills it in will see. */
function FormField({ field }) {
  const { name, label, help, help_url, pattern, choices = [] } = field;
  return html`<b><code>${name}</code></b>, with the label “${label}”: ${describeField(field)}.
    ${pattern && html` Its format: <code>${pattern}</code>.`}
    ${choices.length > 0 && html` Choices: ${formatList(choices.map((choice) => `${choice.label} (${choice.value})`))}.`}
    ${help && html`<br /><span class="muted">${help}</span>`}
    ${help_url && html`<br /><${HelpLink} href=${help_url}>Where to find it<//> <span class="muted mono small wrap">${help_url}</span>`}`;
}

/** Splits `GET host/path` into its parts; the path is empty if there is none. */
function parseEndpoint(line) {
  const space = line.indexOf(" ");
  const address = line.slice(space + 1);
  const host = address.slice(0, address.includes("/") ? address.indexOf("/") : undefined);
  return { method: line.slice(0, space), host, path: address.slice(host.length) };
}

/** Lists each host with its endpoints. */
function Hosts({ version }) {
  const byHost = new Map((version.hosts ?? []).map((host) => [host, []]));
  for (const { method, host, path } of (version.endpoints ?? []).map(parseEndpoint)) {
    if (!byHost.has(host)) byHost.set(host, []);
    byHost.get(host).push({ method, path });
  }
  return html`<ul class="plain-list stack tight">
    ${[...byHost].map(
      ([host, endpoints]) => html`<li key=${host}>
      <details open>
        <summary><b class="mono wrap">${host}</b> <span class="muted">${formatCount(endpoints.length, "endpoint")}</span>
          </summary>
        <ul class="lines mono small">${endpoints.map(({ method, path }) => html`<li>${method} ${path}</li>`)}</ul>
      </details>
    </li>`,
    )}
  </ul>`;
}

/** Shows every part of the grant; `by` is the kind, which the sentence before it says. */
function Grant({ grant }) {
  const names = new Set([...Object.keys(GRANT_LABELS), ...Object.keys(grant)]);
  const parts = [...names].filter((name) => name !== "by" && name in grant);
  if (!parts.length) return null;
  return html`<dl class="kv stacked-kv">${parts.map((name) => html`<dt>${GRANT_LABELS[name] ?? name}</dt><dd><code>${grant[name]}</code>
    </dd>`)}</dl>`;
}

/** Returns one sentence for each credential and placement, with the endpoints to which it is sent. */
function describePlacements({ placements = {} }) {
  const endpointsBySentence = new Map();
  for (const [endpoint, sentence] of Object.entries(placements)) {
    endpointsBySentence.set(sentence, [...(endpointsBySentence.get(sentence) ?? []), endpoint]);
  }
  if (!endpointsBySentence.size) return ["It sends no credential."];
  return [...endpointsBySentence].map(
    ([sentence, endpoints]) =>
      `${toSentence(sentence)}, to ${formatList(endpoints.map((endpoint) => `\`${endpoint}\``))}.`,
  );
}
