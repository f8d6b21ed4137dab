// What a version of a plugin asks for otherwise than the one that runs: more, less, or changed, in words.
import { CAN, GRANT, inWords, traits } from "./asks.js";
import { html } from "./vendor/preact.js";

const PARTS = [
  ["hosts", "Hosts it calls"],
  ["endpoints", "Endpoints it calls"],
  ["credentials", "Where a credential goes"],
  ["scopes", "Scopes it asks for"],
  ["grant", "How it connects"],
  ["fields", "Form fields"],
  ["capabilities", "What it can do"],
  ["about", "What it says of itself"],
];
const ABOUT = { title: "Title", on_disconnect: "Mappings, when it is disconnected" };
const TRAITS = {
  label: "label:",
  help: "help:",
  help_url: "help page:",
  kind: "type:",
  secret: "secret:",
  required: "required:",
  choices: "choices:",
  pattern: "format:",
};

/** The difference between `before`, the version that runs, and `version`, which waits. */
export function Changes({ before, version }) {
  const { changes } = version;
  if (!changes) return null;
  const parts = PARTS.filter(([key]) => {
    const part = changes[key];
    return part && part.added.length + part.removed.length + part.changed.length > 0;
  });
  if (!parts.length) return html`<p>It asks for exactly the same as the running version.</p>`;
  return html`
    <div class="changes">
      ${parts.map(
        ([key, title]) => html`
        <section key=${key}>
          <h3>${title}</h3>
          <ul class="plain-list">
            ${changes[key].added.map((thing) => html`<li class="more"><b>Added</b> <${Thing}
              ...${{ part: key, thing, of: version }} /></li>`)}
            ${changes[key].removed.map((thing) => html`<li class="less"><b>Removed</b> <${Thing}
              ...${{ part: key, thing, of: before }} /></li>`)}
            ${changes[key].changed.map((one) => html`<li class="other"><b>Changed</b> <${Changed}
              ...${{ part: key, one, before, version }} /></li>`)}
          </ul>
        </section>`,
      )}
    </div>
  `;
}

/** The name and the rest of `POST host/path: place header …`. */
function parted(thing) {
  const at = thing.indexOf(": ");
  return at < 0 ? [thing, ""] : [thing.slice(0, at), thing.slice(at + 2)];
}

function Thing({ part, thing, of }) {
  const [name, rest] = parted(thing);
  if (part === "credentials") return html`${inWords(rest, of.fields ?? [])}, at <span class="mono">${name}</span>`;
  if (part === "capabilities") return CAN[thing] ?? thing;
  if (part === "grant") return html`${GRANT[name] ?? name} <span class="mono">${rest}</span>`;
  if (part === "about") return html`${ABOUT[name] ?? name}: ${rest}`;
  const field = part === "fields" && of.fields?.find((one) => one.name === name);
  if (field) return html`<strong>${field.label}</strong>, ${traits(field)}`;
  return html`<span class="mono">${thing}</span>`;
}

function Changed({ part, one, before, version }) {
  const { what, from, to } = one;
  if (part === "credentials") {
    const [was, is] = [inWords(from, before.fields ?? []), inWords(to, version.fields ?? [])];
    // What differs in a part that has no words is shown as it is.
    return html`<span class="mono">${what}</span><${Turn} from=${was === is ? from : was}
      to=${was === is ? to : is} />`;
  }
  const [old, next] = [before, version].map(
    ({ fields }) => part === "fields" && fields?.find(({ name }) => name === what),
  );
  if (!old || !next) return html`${GRANT[what] ?? ABOUT[what] ?? what}<${Turn} from=${from} to=${to} />`;
  const said = (value) =>
    typeof value === "string"
      ? value
      : value === true
        ? "yes"
        : value === false
          ? "no"
          : value === null
            ? "nothing"
            : JSON.stringify(value);
  const differing = [...new Set([...Object.keys(old), ...Object.keys(next)])].filter(
    (key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]),
  );
  return html`<strong>${old.label}</strong> ${differing.map(
    (key) => html`<span class="turn-part">${TRAITS[key] ?? key}
    <${Turn} from=${said(old[key])} to=${said(next[key])} /></span>`,
  )}`;
}

const Turn = ({ from, to }) => html`<span class="turn"><del>${from}</del><ins>${to}</ins></span>`;
