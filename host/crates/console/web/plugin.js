// The page of one plugin: its state, its manifest, versions that await approval, what it did, and the decisions about
// it.
import { formatDate, shortenDigest, toDisplayable, toSentence } from "./format.js";
import { getTitle, useConnections, usePlugins } from "./live_lists.js";
import { Manifest, Risks } from "./manifest.js";
import { ManifestChanges } from "./manifest_changes.js";
import { PluginActivity } from "./plugin_activity.js";
import { PluginDecision } from "./plugin_decision.js";
import { PluginSignature } from "./plugin_signature.js";
import { PluginStatus } from "./plugin_status.js";
import { connectionPath, Link, navigate } from "./router.js";
import { useSeal } from "./seal.js";
import { MissingFields, SecretsAgain } from "./secrets_again.js";
import { Button, EmptyState, Monogram, Notice, Page, Progress, showToast, useFocusRecovery, WithCode } from "./ui.js";
import { html, useRef, useState } from "./vendor/preact.js";

const BACK = { to: "/providers", label: "Plugins" };

const LEADS = {
  approved: "Running, with exactly the access that was approved.",
  pending: "It does not run until an Executive approves it.",
  disabled: "Paused: it does not run.",
  broken: "It cannot be used in its current form.",
  checking: "It is not known yet whether it can be used.",
};

const SEALED = "The service is sealed, so no plugin runs.";

export default function Plugin({ route }) {
  const { plugins, problem, reload } = usePlugins();
  const { connections } = useConnections();
  const seal = useSeal();
  const [decision, setDecision] = useState(null);
  const identity = useRef(null);
  const plugin = plugins?.find(({ id }) => id === route.provider);
  useFocusRecovery(identity, `${decision?.kind} ${plugin?.state} ${plugin?.digest}`);
  if (!plugin) return html`<${NotShown} isLoaded=${plugins !== null} problem=${problem} onRetry=${reload} />`;
  const connection = connections?.find(({ provider }) => provider === route.provider) ?? null;
  const title = getTitle(plugin);
  const hasManifest = Boolean(plugin.title);
  const onDone = (after, message) => {
    setDecision(null);
    showToast(message);
    reload();
    if (!after) navigate("/providers", { replace: true });
  };
  const ask = (kind, version) => setDecision({ kind, version, plugin });
  return html`
    <${Page} title=${`${title} plugin`} back=${BACK} lead=${seal.isSealed ? SEALED : LEADS[plugin.state]}
      actions=${html`<${Actions} ...${{ plugin, hasManifest, ask }} />`}>
      <${Trouble} plugin=${plugin} title=${title} />
      <${SecretsAgain} version=${plugin} isRunning=${plugin.state === "approved"} />
      <${MissingFields} version=${plugin} isRunning=${plugin.state === "approved"} />
      <div class="card identity" tabindex="-1" ref=${identity}>
        <${Identity} ...${{ plugin, connection, title }} />
      </div>
      ${plugin.waiting.map((version) => html`<${WaitingVersion} key=${version.digest}
        ...${{ version, plugin, onApprove: () => ask("approve", version) }} />`)}
      ${hasManifest && html`<section class="card stack"><h2>Permissions</h2><${Risks} risks=${plugin.risks} />
        <${Manifest} version=${plugin} /></section>`}
      ${hasManifest && html`<section class="card stack"><h2>Activity and faults</h2>
        <${PluginActivity} provider=${plugin.id} /></section>`}
      ${decision && html`<${PluginDecision}
        ...${{ ...decision, connection, onClose: () => setDecision(null), onDone }} />`}
    <//>
  `;
}

/** The page while the plugin is not known: still loading, failed to load, or removed. */
function NotShown({ isLoaded, problem, onRetry }) {
  return html`<${Page} title=${isLoaded ? "Plugin not found" : "Plugin"} back=${BACK}>
    ${
      problem
        ? html`<${Notice} problem=${problem} onRetry=${onRetry} />`
        : isLoaded
          ? html`<${EmptyState} icon="box" title="There is no plugin with this ID">
              It may have been removed in the meantime.<//>`
          : html`<${Progress} label="Loading…" />`
    }
  <//>`;
}

function Actions({ plugin, hasManifest, ask }) {
  const { state, previous, version } = plugin;
  return html`
    ${previous && html`<${Button} icon="undo" onClick=${() => ask("rollback")}>Go back to ${previous.version}<//>`}
    ${(state === "approved" || state === "broken") && html`<${Button} icon="pause"
      onClick=${() => ask("pause")}>Pause<//>`}
    ${
      hasManifest &&
      (state === "pending" || state === "disabled") &&
      html`<${Button} look="primary" icon="check" onClick=${() => ask("approve")}>${state === "disabled" ? "Resume" : "Approve"} ${version}<//>`
    }
    <${Button} look="danger" icon="trash" onClick=${() => ask("remove")}>Remove<//>`;
}

function Identity({ plugin, connection, title }) {
  return html`
    <${Monogram} id=${plugin.id} title=${title} />
    <dl class="kv grow">
      <dt>State</dt><dd><${PluginStatus} plugin=${plugin} /></dd>
      <dt>Version</dt><dd>${plugin.version ?? "unknown"}</dd>
      <dt>ID</dt><dd><code>${toDisplayable(plugin.id)}</code></dd>
      ${plugin.digest && html`<dt>Digest (SHA-256)</dt><dd><code>${plugin.digest}</code></dd>`}
      <dt>Source</dt><dd>${plugin.file
        ? html`the plugins folder, <code>${toDisplayable(plugin.file)}</code>` : "uploaded, stored in the database"}</dd>
      ${plugin.signature && html`<dt>Signature</dt><dd><${PluginSignature} signature=${plugin.signature} /></dd>`}
      <dt>Connection</dt><dd>${connection ? (connection.org_name ?? "connected") : "none"}
        ${plugin.state === "approved" && html` · <${Link}
          to=${connectionPath(plugin.id)}>${connection ? "View connection" : "Connect it"}<//>`}</dd>
    </dl>`;
}

function Trouble({ plugin, title }) {
  if (plugin.state === "broken") {
    return html`<${Notice} kind="bad" title="It cannot be used" means=${toSentence(toDisplayable(plugin.reason))}
      todo="Its connection is kept. Upload a version that works, or go back to the previous one." />`;
  }
  if (plugin.state === "checking") {
    return html`<${Notice} kind="info" title="It is being checked" means=${toSentence(toDisplayable(plugin.reason))}
      todo="This page changes by itself when the check is done." />`;
  }
  if (!plugin.paused_until) return null;
  return html`<${Notice} kind="warn"
    title=${`${title} failed repeatedly and is backing off until ${formatDate(plugin.paused_until)}`}
    means="Work that needs it is rejected until then. Then one call is tried. The connection is not affected."
    todo="The failures are counted below. Going back to the previous version ends the back-off at once." />`;
}

/** A version that awaits approval, with what it changes from the version that runs. */
function WaitingVersion({ version, plugin, onApprove }) {
  const hasRunningVersion = plugin.state === "approved" || plugin.state === "disabled";
  return html`
    <section class="card stack waiting" aria-label=${`Version ${version.version} is awaiting approval`}>
      <div class="row apart">
        <div>
          <h2>Version ${version.version} is awaiting approval</h2>
          <p class="muted small">SHA-256 <code>${shortenDigest(version.digest)}…</code> ${version.file
            ? html`in the plugins folder, <code>${toDisplayable(version.file)}</code>` : "uploaded"}</p>
          ${version.signature && html`<${PluginSignature} signature=${version.signature} />`}
        </div>
        ${!version.objection && html`<${Button} look="primary" icon="check" onClick=${onApprove}>Review and approve…<//>`}
      </div>
      ${version.objection && html`<${Notice} kind="bad" title="This version cannot be approved"
        means=${`${toSentence(version.objection)}.`} todo="Its author has to change it." />`}
      <${Risks} risks=${version.risks} />
      ${version.exceeds?.length > 0 && html`<${Notice} kind="warn"
        title="A trusted key signed this version, but it requests more than the approved one"
        means="The signature does not approve it. An Executive has to:"><ul class="lines">${version.exceeds.map((line) =>
          html`<li class="wrap"><${WithCode} text=${toSentence(line)} /></li>`)}</ul><//>`}
      ${version.downgrade && html`<${Notice} kind="warn" title=${`It is older than ${plugin.version}`}
        means="Fixes that were made since may be lost." />`}
      <${SecretsAgain} version=${version} />
      <${MissingFields} version=${version} />
      ${hasRunningVersion && html`<p class="strong">Changes from ${plugin.version}</p>`}
      <${ManifestChanges} before=${plugin} version=${version} />
      <details><summary>All permissions</summary><${Manifest} version=${version} /></details>
    </section>
  `;
}
