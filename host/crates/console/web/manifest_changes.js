// What the manifest of a waiting version changes from the version that runs: added, removed and changed parts, in
// words.
import { toSentence } from "./format.js";
import { CAPABILITIES, describeField, GRANT_LABELS } from "./manifest.js";
import { WithCode } from "./ui.js";
import { html } from "./vendor/preact.js";

const PARTS = [
  ["hosts", "Hosts it calls"],
  ["endpoints", "Endpoints it calls"],
  ["credentials", "Where credentials are sent"],
  ["scopes", "Scopes it requests"],
  ["grant", "How it connects"],
  ["fields", "Form fields"],
  ["capabilities", "What it can do"],
  ["about", "Its description"],
];
const ABOUT = { title: "Title", on_disconnect: "Mappings after a disconnect" };
const FIELD_PROPERTIES = {
  label: "label:",
  help: "help:",
  help_url: "help page:",
  kind: "type:",
  secret: "secret:",
  required: "required:",
  choices: "choices:",
  pattern: "format:",
};

/** Shows the difference between `before`, the version that runs, and `version`, which awaits approval. */
export function ManifestChanges({ before, version }) {
  const { changes } = version;
  if (!changes) return null;
  const parts = PARTS.filter(([key]) => {
    const part = changes[key];
    return part && part.added.length + part.removed.length + part.changed.length > 0;
  });
  if (!parts.length) return html`<p>Its permissions are exactly those of the running version.</p>`;
  return html`
    <div class="changes">
      ${parts.map(
        ([key, title]) => html`
        <section key=${key}>
          <h3>${title}</h3>
          <ul class="plain-list">
            ${changes[key].added.map((item) => html`<li class="added"><b>Added</b> <${Item}
              ...${{ part: key, item, of: version }} /></li>`)}
            ${changes[key].removed.map((item) => html`<li class="removed"><b>Removed</b> <${Item}
              ...${{ part: key, item, of: before }} /></li>`)}
            ${changes[key].changed.map((change) => html`<li><b>Changed</b> <${ChangedItem}
              ...${{ part: key, change, before, version }} /></li>`)}
          </ul>
        </section>`,
      )}
    </div>
  `;
}

/** Splits `POST host/path: place header …` into the name and the value. */
function splitItem(item) {
  const at = item.indexOf(": ");
  return at < 0 ? [item, ""] : [item.slice(0, at), item.slice(at + 2)];
}

/** An added or removed item; `of` is the version that has it. */
function Item({ part, item, of }) {
  const [name, value] = splitItem(item);
  if (part === "credentials") {
    return html`<${WithCode} text=${toSentence(of.placements?.[name] ?? value)} />, at <span class="mono">${name}</span>`;
  }
  if (part === "capabilities") return CAPABILITIES[item] ?? item;
  if (part === "grant") return html`${GRANT_LABELS[name] ?? name} <span class="mono">${value}</span>`;
  if (part === "about") return html`${ABOUT[name] ?? name}: ${value}`;
  const field = part === "fields" && of.fields?.find((one) => one.name === name);
  if (field) return html`<strong><code>${field.name}</code></strong>, with the label “${field.label}”: ${describeField(field)}`;
  return html`<span class="mono">${item}</span>`;
}

function ChangedItem({ part, change, before, version }) {
  const { what, from, to } = change;
  if (part === "credentials") {
    const [was, is] = [before.placements?.[what] ?? from, version.placements?.[what] ?? to];
    // If the words are equal, the difference is in a part that they leave out: show the API's text.
    return html`<span class="mono">${what}</span><${BeforeAfter} from=${was === is ? from : was}
      to=${was === is ? to : is} />`;
  }
  const [old, next] = [before, version].map(
    ({ fields }) => part === "fields" && fields?.find(({ name }) => name === what),
  );
  if (!old || !next) return html`${GRANT_LABELS[what] ?? ABOUT[what] ?? what}<${BeforeAfter} from=${from} to=${to} />`;
  const differing = [...new Set([...Object.keys(old), ...Object.keys(next)])].filter(
    (key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]),
  );
  return html`<strong><code>${what}</code></strong> ${differing.map(
    (key) => html`<span>${FIELD_PROPERTIES[key] ?? key}
    <${BeforeAfter} from=${formatValue(old[key])} to=${formatValue(next[key])} /></span>`,
  )}`;
}

function formatValue(value) {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === null ? "nothing" : JSON.stringify(value);
}

const BeforeAfter = ({ from, to }) => html`<span class="before-after"><del>${from}</del><ins>${to}</ins></span>`;
