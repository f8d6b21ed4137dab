// The manifest of a plugin in plain words, as an administrator reviews it: endpoints, placements, sign-in,
// capabilities.
import { formatCount, formatList } from "./format.js";
import { HelpLink } from "./ui.js";
import { html } from "./vendor/preact.js";

/** What each optional capability lets a plugin do. */
export const CAPABILITIES = {
  users: "List the people who have an account there, so that they can be mapped.",
  alerts: "Read and set the URL to which the provider sends change alerts.",
  accounts: "Offer a choice when one credential gives access to several organisations.",
};

/** What each part of an OAuth or service-account setup means. */
export const GRANT_LABELS = {
  authorize_url: "Consent page",
  token_url: "Token endpoint",
  revocation_url: "Revocation endpoint",
  audience: "Audience",
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
          class="wrap">${sentence}</li>`)}</ul>
      </section>
      <section class="stack tight">
        <h3>How it connects</h3>
        <p>It connects ${AUTH[auth] ?? auth}.</p>
        <${Grant} grant=${grant} />
        ${scopes.length > 0 && html`<p>It requests these scopes: ${scopes.map((scope, at) =>
          html`${at ? ", " : ""}<code>${scope}</code>`)}.</p>`}
        ${
          fields.length > 0 &&
          html`<ul class="lines">${fields.map(
            (field) => html`<li><b>${field.label}</b>, ${describeField(field)}.
          ${" "}<${HelpLink} href=${field.help_url}>Where to find it<//></li>`,
          )}</ul>`
        }
      </section>
      <section class="stack tight">
        <h3>What it can do</h3>
        <ul class="lines">
          <li>Test a credential, check the connection's health, and disconnect.</li>
          ${supported.map((key) => html`<li>${CAPABILITIES[key]}</li>`)}
        </ul>
      </section>
    </div>
  `;
}

/** Describes a form field: `secret, stored encrypted and required`. */
export const describeField = ({ secret, required, kind }) =>
  formatList([
    secret ? "secret, stored encrypted" : "not secret",
    required ? "required" : "optional",
    ...(kind === "json" ? ["a JSON file"] : []),
  ]);

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
      <details>
        <summary><b class="mono wrap">${host}</b> <span class="muted">${formatCount(endpoints.length, "endpoint")}</span>
          </summary>
        <ul class="lines mono small">${endpoints.map(({ method, path }) => html`<li>${method} ${path}</li>`)}</ul>
      </details>
    </li>`,
    )}
  </ul>`;
}

function Grant({ grant }) {
  const parts = Object.entries(GRANT_LABELS).filter(([key]) => grant[key] && grant[key] !== "none");
  if (!parts.length) return null;
  return html`<dl class="kv">${parts.map(([key, label]) => html`<dt>${label}</dt><dd><code>${grant[key]}</code>
    </dd>`)}</dl>`;
}

/** Returns one sentence for each credential and placement, with the hosts to which it is sent. */
function describePlacements({ credentials = {}, fields = [] }) {
  const hostsBySentence = new Map();
  for (const [endpoint, placement] of Object.entries(credentials)) {
    const sentence = describePlacement(placement, fields);
    const { host } = parseEndpoint(endpoint);
    if (!hostsBySentence.has(sentence)) hostsBySentence.set(sentence, new Map());
    const hosts = hostsBySentence.get(sentence);
    hosts.set(host, (hosts.get(host) ?? 0) + 1);
  }
  if (!hostsBySentence.size) return ["It sends no credential."];
  return [...hostsBySentence].map(
    ([sentence, hosts]) =>
      `${sentence}, to ${formatList([...hosts].map(([host, count]) => `${host} (${formatCount(count, "endpoint")})`))}.`,
  );
}

/**
 * Describes where a credential goes. The API gives a placement as
 * `place header (format Bearer {}, name X), source field api_token`.
 */
export function describePlacement(text, fields) {
  const [, place, details = "", source, from = ""] = /^place (\w+) ?(.*), source (\w+) ?(.*)$/u.exec(text) ?? [];
  if (!place) return `A credential: ${text}`;
  return `${describeSource(source, from, fields)} ${describeTarget(place, details)}`;
}

const labelOf = (fields, name) => `“${fields.find((field) => field.name === name)?.label ?? name}”`;

function describeSource(source, from, fields) {
  if (source === "field") return labelOf(fields, from);
  if (source === "oauth_token") return "The access token";
  const subject = /subject_field (\w+)/u.exec(from)?.[1];
  const user = subject && subject !== "none" ? `, on behalf of ${labelOf(fields, subject)},` : "";
  return `An access token created from the key file${user}`;
}

function describeTarget(place, details) {
  const header = /^\(format (.*), name (.*)\)$/u.exec(details);
  if (place === "header" && header) {
    const format = header[1] === "{}" ? "" : ` as “${header[1].replace("{}", "…")}”`;
    return `is sent in the header ${header[2]}${format}`;
  }
  if (place === "basic") return "is sent as the password of HTTP Basic authentication";
  if (place === "query") return `is sent in the URL as ${details}`;
  if (place === "form") return `is sent in the form as ${details}`;
  if (place === "json") return `is sent in the JSON body at ${details}`;
  return `signs the request (${place.toUpperCase()}) and is not sent itself`;
}
