// What is decided about a plugin: approve, pause, go back, remove. Each says first what it means for the connection.
import { call } from "./api.js";
import { Changes } from "./changes.js";
import { Button, Dialog, Notice } from "./ui.js";
import { html, useState } from "./vendor/preact.js";

/** `kind` is `approve`, `pause`, `back` or `remove`; `onDone(provider)` gets the entry as it stands then, or null. */
export function Verdict({ kind, entry, version, connection, onClose, onDone }) {
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const title = version?.title ?? entry.title ?? entry.id;
  const decision = DECISIONS[kind]({ entry, version, title, connection });
  const path = `/api/admin/providers/${encodeURIComponent(entry.id)}`;
  const decide = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call(decision.method ?? "POST", `${path}${decision.path}`, decision.body);
      onDone(answer.provider, decision.done);
    } catch (refusal) {
      setProblem(refusal);
      setBusy(false);
    }
  };
  const actions = html`<${Button} onClick=${onClose}>Cancel<//>
    <${Button} look=${decision.look} isBusy=${isBusy} onClick=${decide}>${decision.act}<//>`;
  return html`
    <${Dialog} title=${decision.title} onClose=${onClose} actions=${actions} isWide=${kind === "approve"}>
      ${problem && html`<${Notice} problem=${problem} />`}
      ${decision.digest && html`<p>Digest (SHA-256)<br /><code>${decision.digest}</code></p>`}
      ${
        version?.downgrade &&
        kind === "approve" &&
        html`<${Notice} kind="warn" title="This version is older than the one running"
        means="Fixes that were made since may be lost." />`
      }
      ${kind === "approve" && version && html`<${Changes} before=${entry} version=${version} />`}
      <ul>${decision.means.map((words) => html`<li>${words}</li>`)}</ul>
    <//>
  `;
}

const stays = (title, connection) =>
  connection
    ? `The connection with ${connection.org_name ?? title}, its credential and all mappings are kept.`
    : `${title} is not connected, so no work is affected.`;

const DECISIONS = {
  approve({ entry, version, title, connection }) {
    const digest = version?.digest ?? entry.digest;
    const number = version?.version ?? entry.version;
    return {
      title: `Approve ${title} ${number}?`,
      act: `Approve ${number}`,
      look: "primary",
      path: "/approve",
      body: { digest },
      digest,
      done: `${title} ${number} is approved.`,
      means: [
        entry.state === "approved"
          ? `It takes over from ${entry.version} with the next call. Calls in progress finish on the one they began with.`
          : "It serves from the next call on, with exactly what is shown here and nothing more.",
        stays(title, connection),
        ...(entry.state === "approved" ? [`${entry.version} is kept: you can go back to it.`] : []),
      ],
    };
  },
  pause: ({ entry, title, connection }) => ({
    title: `Pause ${title}?`,
    act: "Pause",
    look: "danger",
    path: "/disable",
    done: `${title} is paused.`,
    means: [
      `Nothing of it runs until a version is approved again, not even after a restart.`,
      connection ? `Work that needs ${title} fails in the meantime.` : "",
      stays(title, connection),
    ].filter(Boolean),
  }),
  back: ({ entry, title, connection }) => ({
    title: `Go back to ${title} ${entry.previous.version}?`,
    act: `Go back to ${entry.previous.version}`,
    look: "primary",
    path: "/rollback",
    digest: entry.previous.digest,
    done: `${title} ${entry.previous.version} serves again.`,
    means: [
      `${entry.previous.version} was approved before and takes over with the next call.`,
      `${entry.version ?? "The version that serves now"} will await approval again.`,
      stays(title, connection),
    ],
  }),
  remove: ({ entry, title, connection }) => ({
    title: `Remove ${title}?`,
    act: "Remove",
    look: "danger",
    method: "DELETE",
    path: "",
    done: `${title} is removed.`,
    means: [
      "All its approvals, and every version uploaded here, are deleted for good.",
      connection
        ? `The connection with ${connection.org_name ?? title} is kept, but unusable until a version is approved again.`
        : stays(title, connection),
      entry.file
        ? `The plugins folder is not touched: ${entry.file} stays there and will await approval again.`
        : "Files in the plugins folder are not touched.",
    ],
  }),
};
