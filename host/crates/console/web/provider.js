// One plugin: what it says it is, what it asks for, what waits and in what it differs, what it did, and the decisions.
import { Activity } from "./activity.js";
import { Asks } from "./asks.js";
import { Changes } from "./changes.js";
import { useConnections, useProviders } from "./data.js";
import { date, short } from "./format.js";
import { Standing } from "./providers.js";
import { connectionPath, go, Link } from "./router.js";
import { Button, Empty, Monogram, Notice, Page, Progress, toast, useFoundFocus } from "./ui.js";
import { Verdict } from "./verdict.js";
import { html, useRef, useState } from "./vendor/preact.js";

export default function Provider({ route }) {
  const { providers, problem, reload } = useProviders();
  const { connections } = useConnections();
  const [asked, setAsked] = useState(null);
  const identity = useRef(null);
  const entry = providers?.find(({ id }) => id === route.provider);
  useFoundFocus(identity, `${asked?.kind} ${entry?.state} ${entry?.digest}`);
  const connection = connections?.find(({ provider }) => provider === route.provider) ?? null;
  const back = { to: "/providers", label: "Plugins" };
  if (!entry) {
    return html`<${Page} title=${providers ? "Plugin not found" : "Plugin"} back=${back}>
      ${
        problem
          ? html`<${Notice} problem=${problem} onRetry=${reload} />`
          : providers
            ? html`<${Empty} icon="box" title="There is no plugin with this name">
                It may have been removed in the meantime.<//>`
            : html`<${Progress} label="Loading…" />`
      }
    <//>`;
  }
  const title = entry.title ?? entry.id;
  const done = (after, words) => {
    setAsked(null);
    toast(words);
    reload();
    if (!after) go("/providers", { replace: true });
  };
  const ask = (kind, version) => () => setAsked({ kind, version, entry });
  const isUsable = Boolean(entry.title);
  const actions = html`
    ${entry.previous && html`<${Button} icon="undo" onClick=${ask("back")}>Go back to ${entry.previous.version}<//>`}
    ${(entry.state === "approved" || entry.state === "broken") && html`<${Button} icon="pause"
      onClick=${ask("pause")}>Pause<//>`}
    ${
      isUsable &&
      (entry.state === "pending" || entry.state === "disabled") &&
      html`<${Button} look="primary" icon="check"
      onClick=${ask("approve")}>Approve ${entry.version}<//>`
    }
    <${Button} look="danger" icon="trash" onClick=${ask("remove")}>Remove<//>`;
  return html`
    <${Page} title=${title} back=${back} actions=${actions} lead=${LEADS[entry.state]}>
      <${Trouble} entry=${entry} title=${title} />
      <div class="card identity" tabindex="-1" ref=${identity}>
        <${Monogram} id=${entry.id} title=${title} />
        <dl class="kv grow">
          <dt>State</dt><dd><${Standing} entry=${entry} /></dd>
          <dt>Version</dt><dd>${entry.version ?? "not known"}</dd>
          <dt>Id</dt><dd><code>${entry.id}</code></dd>
          ${entry.digest && html`<dt>Digest (SHA-256)</dt><dd><code>${entry.digest}</code></dd>`}
          <dt>Source</dt><dd>${entry.file
            ? html`the plugins folder, <code>${entry.file}</code>` : "uploaded, kept in the database"}</dd>
          ${entry.signed_by && html`<dt>Signed by</dt><dd>${entry.signed_by}</dd>`}
          <dt>Connection</dt><dd>${connection ? (connection.org_name ?? "connected") : "none"}
            ${entry.state === "approved" && html` · <${Link}
              to=${connectionPath(entry.id)}>${connection ? "View connection" : "Connect it"}<//>`}</dd>
        </dl>
      </div>
      ${entry.waiting.map((version) => html`<${Waiting} key=${version.digest}
        ...${{ version, entry, onApprove: ask("approve", version) }} />`)}
      ${isUsable && html`<section class="card stack"><h2>What it asks for</h2><${Asks} version=${entry} /></section>`}
      ${isUsable && html`<section class="card stack"><h2>Activity and faults</h2><${Activity} provider=${entry.id} />
        </section>`}
      ${asked && html`<${Verdict}
        ...${{ ...asked, connection, onClose: () => setAsked(null), onDone: done }} />`}
    <//>
  `;
}

const LEADS = {
  approved: "Running, with exactly the access that was approved.",
  pending: "Nothing of it runs until an Executive approves it.",
  disabled: "Paused: nothing of it runs.",
  broken: "It cannot be used as it is.",
};

function Trouble({ entry, title }) {
  if (entry.state === "broken") {
    return html`<${Notice} kind="bad" title="It cannot be used" means=${entry.reason}
      todo="Its connection is kept. Upload a version that works, or go back to the previous one." />`;
  }
  if (!entry.paused_until) return null;
  return html`<${Notice} kind="warn"
    title=${`${title} failed repeatedly and is backing off until ${date(entry.paused_until)}`}
    means="Work that needs it is refused until then, then tried once. The connection is not affected."
    todo="The faults are counted below. Going back to the previous version ends this at once." />`;
}

/** A version that waits, and what is otherwise than in the one that runs. */
function Waiting({ version, entry, onApprove }) {
  const hasOther = entry.state === "approved" || entry.state === "disabled";
  return html`
    <section class="card stack waiting" aria-label=${`Version ${version.version} is awaiting approval`}>
      <div class="row apart">
        <div>
          <h2>Version ${version.version} is awaiting approval</h2>
          <p class="muted small">SHA-256 <code>${short(version.digest)}…</code> ${version.file
            ? html`in the plugins folder, <code>${version.file}</code>` : "uploaded"}
            ${version.signed_by && ` signed by ${version.signed_by}`}</p>
        </div>
        <${Button} look="primary" icon="check" onClick=${onApprove}>Review and approve…<//>
      </div>
      ${version.downgrade && html`<${Notice} kind="warn" title=${`It is older than ${entry.version}`}
        means="Fixes that were made since may be lost." />`}
      ${hasOther && html`<p class="strong">What changes from ${entry.version}</p>`}
      <${Changes} before=${entry} version=${version} />
      <details><summary>Everything it asks for</summary><${Asks} version=${version} /></details>
    </section>
  `;
}
