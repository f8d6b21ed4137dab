// What a component asks for, in plain words, as an administrator approves it.
import { HelpLink } from "./ui.js";
import { list, plural } from "./format.js";
import { html } from "./vendor/preact.js";

export const CAN = {
  users: "List the people who have an account there, so they can be mapped.",
  alerts: "Read and set the URL that the provider sends change alerts to.",
  accounts: "Offer a choice when one credential gives access to several organisations.",
};
const BY = {
  fields: "with a credential that is entered in a form",
  oauth2: "by signing in at the provider, which asks for consent (OAuth 2.0)",
  service_account: "with a key file, from which Jackfield makes short-lived access tokens",
};

/** Everything that a version asks for. */
export function Asks({ version }) {
  const { fields = [], scopes = [], capabilities = {}, auth, grant = {} } = version;
  const can = Object.keys(CAN).filter((key) => capabilities[key]);
  return html`
    <div class="asks">
      <section class="stack tight">
        <h3>What it calls</h3>
        <p>Only these, and only over https. Everything else is refused.</p>
        <${Hosts} version=${version} />
      </section>
      <section class="stack tight">
        <h3>Where a credential goes</h3>
        <p>Jackfield adds it on the way out. The plugin itself never sees a secret.</p>
        <ul class="plain-list stack tight">${credentials(version).map((words) => html`<li
          class="wrap">${words}</li>`)}</ul>
      </section>
      <section class="stack tight">
        <h3>How it connects</h3>
        <p>It connects ${BY[auth] ?? auth}.</p>
        <${Grant} grant=${grant} />
        ${scopes.length > 0 && html`<p>It asks for these scopes: ${scopes.map((scope, at) =>
          html`${at ? ", " : ""}<code>${scope}</code>`)}.</p>`}
        ${
          fields.length > 0 &&
          html`<ul class="lines">${fields.map(
            (field) => html`<li><b>${field.label}</b>, ${traits(field)}.
          ${" "}<${HelpLink} href=${field.help_url}>Where to find it<//></li>`,
          )}</ul>`
        }
      </section>
      <section class="stack tight">
        <h3>What it can do</h3>
        <ul class="lines">
          <li>Test a credential, check the connection's health, and disconnect.</li>
          ${can.map((key) => html`<li>${CAN[key]}</li>`)}
        </ul>
      </section>
    </div>
  `;
}

export const traits = ({ secret, required, kind }) =>
  list([
    secret ? "secret, stored sealed" : "not secret",
    required ? "required" : "optional",
    ...(kind === "json" ? ["a JSON file"] : []),
  ]);

/** Each host with its endpoints, read and written ones apart. */
function Hosts({ version }) {
  const byHost = new Map((version.hosts ?? []).map((host) => [host, []]));
  for (const line of version.endpoints ?? []) {
    const [method, place] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    const host = place.slice(0, place.includes("/") ? place.indexOf("/") : undefined);
    if (!byHost.has(host)) byHost.set(host, []);
    byHost.get(host).push({ method, path: place.slice(host.length) });
  }
  return html`<ul class="plain-list stack tight">
    ${[...byHost].map(
      ([host, endpoints]) => html`<li key=${host}>
      <details>
        <summary><b class="mono wrap">${host}</b> <span class="muted">${plural(endpoints.length, "endpoint")}</span>
          </summary>
        <ul class="lines mono small">${endpoints.map(({ method, path }) => html`<li>${method} ${path}</li>`)}</ul>
      </details>
    </li>`,
    )}
  </ul>`;
}

export const GRANT = {
  authorize_url: "Consent is given at",
  token_url: "Tokens come from",
  revocation_url: "Tokens are revoked at",
  audience: "For the audience",
};

function Grant({ grant }) {
  const parts = Object.entries(GRANT).filter(([key]) => grant[key] && grant[key] !== "none");
  if (!parts.length) return null;
  return html`<dl class="kv">${parts.map(([key, words]) => html`<dt>${words}</dt><dd><code>${grant[key]}</code>
    </dd>`)}</dl>`;
}

/** One sentence for each credential, place and host. */
function credentials({ credentials: all = {}, fields = [] }) {
  const told = new Map();
  for (const [line, words] of Object.entries(all)) {
    const said = inWords(words, fields);
    const place = line.slice(line.indexOf(" ") + 1);
    const host = place.slice(0, place.includes("/") ? place.indexOf("/") : undefined);
    if (!told.has(said)) told.set(said, new Map());
    told.get(said).set(host, (told.get(said).get(host) ?? 0) + 1);
  }
  if (!told.size) return ["No credential goes anywhere."];
  return [...told].map(
    ([said, hosts]) =>
      `${said}, to ${list([...hosts].map(([host, count]) => `${host} (${plural(count, "endpoint")})`))}.`,
  );
}

/** What becomes of a credential: the API says `place header (format Bearer {}, name X), source field api_token`. */
export function inWords(words, fields) {
  const [, place, at = "", source, from = ""] = /^place (\w+) ?(.*), source (\w+) ?(.*)$/u.exec(words) ?? [];
  if (!place) return `A credential: ${words}`;
  return `${sourceWords(source, from, fields)} ${placeWords(place, at)}`;
}

function sourceWords(source, from, fields) {
  if (source === "field") return `“${fields.find(({ name }) => name === from)?.label ?? from}”`;
  if (source === "oauth_token") return "The access token";
  const subject = /subject_field (\w+)/u.exec(from)?.[1];
  const who =
    subject && subject !== "none"
      ? `, in the name of “${fields.find(({ name }) => name === subject)?.label ?? subject}”`
      : "";
  return `An access token made from the key file${who}`;
}

function placeWords(place, at) {
  const header = /^\(format (.*), name (.*)\)$/u.exec(at);
  if (place === "header" && header) {
    const format = header[1] === "{}" ? "" : ` as “${header[1].replace("{}", "…")}”`;
    return `goes into the header ${header[2]}${format}`;
  }
  if (place === "basic") return "goes out as the password of HTTP Basic";
  if (place === "query") return `goes into the address as ${at}`;
  if (place === "form") return `goes into the form as ${at}`;
  if (place === "json") return `goes into the JSON body at ${at}`;
  return `signs the request (${place.toUpperCase()}) and does not go out itself`;
}
