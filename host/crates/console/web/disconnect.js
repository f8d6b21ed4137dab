// The dialog that disconnects a provider: what will be lost before, and what happened to the credential after.
import { call } from "./api.js";
import { formatCount, formatList } from "./format.js";
import { Button, Dialog, Notice, Progress, useSlow } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** What happened to the credential at the provider. */
const OUTCOMES = {
  revoked: ["ok", "The credential was revoked at the provider", "Nobody can use it any more, even if a copy exists."],
  kept: [
    "warn",
    "The credential is still valid at the provider",
    "It is deleted here, but anyone else who has it can still use it.",
  ],
  failed: [
    "warn",
    "It could not be revoked at the provider",
    "It is deleted here, but may still be valid at the provider. Revoke it there.",
  ],
  nothing: ["info", "It was already disconnected", "Someone else may have disconnected it in the meantime."],
};

/** Lists the names of the first services. */
function listServices(services) {
  const first = services.slice(0, 5).map(({ name }) => name);
  return formatList(services.length > 5 ? [...first, "others"] : first);
}

function Consequences({ title, preview }) {
  const { mappings, mappings_kept: kept, services, alerts, revokes } = preview;
  return html`
    <p><strong class="wrap">${preview.org_name ?? title}</strong> will be disconnected:</p>
    <ul>
      <li>The connection and its secrets are deleted. Work that needs ${title} stops at once.</li>
      <li>${revokes === "upstream"
        ? `The credential is also revoked at ${title}.`
        : `The credential stays valid at ${title}: it cannot be revoked from here. Revoke it there if it is no longer needed.`}</li>
      <li>${mappings > 0
        ? `${formatCount(mappings, "mapping")} of people to their accounts there ${mappings === 1 ? "is" : "are"} removed.`
        : kept > 0
          ? `${formatCount(kept, "mapping is", "mappings are")} kept, and work again after a reconnect.`
          : "Nobody is mapped to an account there."}</li>
      ${alerts === true && html`<li>Change alerts are switched off.</li>`}
      ${alerts === null && html`<li>It is unknown whether change alerts are on. None arrive after this.</li>`}
      <li>${services.length
        ? `${formatCount(services.length, "service uses", "services use")} it, and their calls will fail: ${listServices(services)}.`
        : "No service has a token for it."}</li>
    </ul>
  `;
}

/** `onDisconnected` is called when the connection is deleted, `onClose` when the dialog is closed. */
export function DisconnectDialog({ provider, title, onDisconnected, onClose }) {
  const path = `/api/admin/connections/${encodeURIComponent(provider)}`;
  const [preview, setPreview] = useState(null);
  const [result, setResult] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy || (!preview && !problem));
  const loadPreview = async () => {
    setProblem(null);
    try {
      setPreview(await call("GET", `${path}/disconnect`));
    } catch (failure) {
      setProblem(failure);
    }
  };
  useEffect(() => {
    loadPreview();
  }, []);
  const disconnect = async () => {
    setBusy(true);
    setProblem(null);
    try {
      setResult(await call("DELETE", path));
      onDisconnected();
    } catch (failure) {
      setProblem(failure);
    } finally {
      setBusy(false);
    }
  };
  if (result) {
    const [kind, outcome, means] = OUTCOMES[result.upstream] ?? OUTCOMES.nothing;
    return html`
      <${Dialog} title=${`${title} is disconnected`} onClose=${onClose}
        actions=${html`<${Button} look="primary" onClick=${onClose}>Done<//>`}>
        <${Notice} kind=${kind} title=${outcome} means=${means} todo=${result.note} />
      <//>
    `;
  }
  const actions = html`
    <${Button} onClick=${onClose}>Keep it<//>
    <${Button} look="danger" icon="trash" isBusy=${isBusy} disabled=${!preview} onClick=${disconnect}>Disconnect ${title}<//>
  `;
  return html`
    <${Dialog} title=${`Disconnect ${title}?`} onClose=${() => isBusy || onClose()} actions=${actions}>
      ${preview && html`<${Consequences} title=${title} preview=${preview} />`}
      ${isSlow && html`<${Progress} label=${isBusy ? `Disconnecting ${title}…` : "Loading what would be removed…"} />`}
      ${problem && html`<${Notice} problem=${problem} onRetry=${preview ? undefined : loadPreview} />`}
    <//>
  `;
}
