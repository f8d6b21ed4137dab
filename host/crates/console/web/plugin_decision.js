// The dialog for a decision about a plugin: approve, pause, go back, remove. It first says what that means.
import { call } from "./api.js";
import { toDisplayable } from "./format.js";
import { getTitle } from "./live_lists.js";
import { Risks } from "./manifest.js";
import { ManifestChanges } from "./manifest_changes.js";
import { MissingFields, SecretsAgain } from "./secrets_again.js";
import { Button, Dialog, Notice } from "./ui.js";
import { html, useState } from "./vendor/preact.js";

/**
 * `kind` is `approve`, `pause`, `rollback` or `remove`. `onDone(plugin, message)` gets the plugin after the decision, or
 * null if it was removed.
 */
export function PluginDecision({ kind, plugin, version, connection, onClose, onDone }) {
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const title = version?.title ?? getTitle(plugin);
  const decision = DECISIONS[kind]({ plugin, version, title, connection });
  const path = `/api/admin/providers/${encodeURIComponent(plugin.id)}`;
  const decide = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call(decision.method ?? "POST", `${path}${decision.path}`, decision.body);
      onDone(answer.provider, decision.done);
    } catch (failure) {
      setProblem(failure);
      setBusy(false);
    }
  };
  const actions = html`<${Button} onClick=${onClose}>Cancel<//>
    <${Button} look=${decision.look} isBusy=${isBusy} onClick=${decide}>${decision.label}<//>`;
  return html`
    <${Dialog} title=${decision.title} onClose=${onClose} actions=${actions} isWide=${kind === "approve"}>
      ${problem && html`<${Notice} problem=${problem} />`}
      ${decision.digest && html`<p>Digest (SHA-256)<br /><code>${decision.digest}</code></p>`}
      ${
        version?.downgrade &&
        kind === "approve" &&
        html`<${Notice} kind="warn" title="This version is older than the one that runs"
        means="Fixes that were made since may be lost." />`
      }
      ${kind === "approve" && html`<${Risks} risks=${(version ?? plugin).risks} />`}
      ${kind === "approve" && html`<${SecretsAgain} version=${version ?? plugin} />`}
      ${kind === "approve" && html`<${MissingFields} version=${version ?? plugin} />`}
      ${kind === "approve" && version && html`<${ManifestChanges} before=${plugin} version=${version} />`}
      <ul>${decision.consequences.map((sentence) => html`<li>${sentence}</li>`)}</ul>
    <//>
  `;
}

const describeConnection = (title, connection) =>
  connection
    ? `The connection to ${connection.org_name ?? title}, its credential and all mappings are kept.`
    : `${title} is not connected, so no work is affected.`;

const DECISIONS = {
  approve({ plugin, version, title, connection }) {
    const digest = version?.digest ?? plugin.digest;
    const number = version?.version ?? plugin.version;
    const isResumed = plugin.state === "disabled" && digest === plugin.digest;
    const verb = isResumed ? "Resume" : "Approve";
    return {
      title: `${verb} ${title} ${number}?`,
      label: `${verb} ${number}`,
      look: "primary",
      path: "/approve",
      body: { digest },
      digest,
      done: `${title} ${number} ${isResumed ? "runs again" : "is approved"}.`,
      consequences: [
        plugin.state === "approved"
          ? `It takes over from ${plugin.version} with the next call. Calls in progress finish on the version they started with.`
          : "It runs from the next call on, with exactly the permissions shown here.",
        describeConnection(title, connection),
        ...(plugin.state === "approved" ? [`${plugin.version} is kept, and you can go back to it.`] : []),
      ],
    };
  },
  pause: ({ title, connection }) => ({
    title: `Pause ${title}?`,
    label: "Pause",
    look: "danger",
    path: "/disable",
    done: `${title} is paused.`,
    consequences: [
      "It does not run until a version is approved again, not even after a restart.",
      connection ? `Work that needs ${title} fails in the meantime.` : "",
      describeConnection(title, connection),
    ].filter(Boolean),
  }),
  rollback: ({ plugin, title, connection }) => ({
    title: `Go back to ${title} ${plugin.previous.version}?`,
    label: `Go back to ${plugin.previous.version}`,
    look: "primary",
    path: "/rollback",
    digest: plugin.previous.digest,
    done: `${title} ${plugin.previous.version} runs again.`,
    consequences: [
      `${plugin.previous.version} was approved before and takes over with the next call.`,
      `${plugin.version ?? "The version that runs now"} will await approval again.`,
      describeConnection(title, connection),
    ],
  }),
  remove: ({ plugin, title, connection }) => ({
    title: `Remove ${title}?`,
    label: "Remove",
    look: "danger",
    method: "DELETE",
    path: "",
    done: `${title} is removed.`,
    consequences: [
      "All its approvals and every version uploaded here are permanently deleted.",
      connection
        ? `The connection to ${connection.org_name ?? title} is kept, but cannot be used until a version is approved again.`
        : describeConnection(title, connection),
      plugin.file
        ? `The plugins folder is not changed: ${toDisplayable(plugin.file)} stays there and will await approval again.`
        : "Files in the plugins folder are not changed.",
    ],
  }),
};
