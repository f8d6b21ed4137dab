// Disconnecting: what will go, before it goes; and what became of it.
import { call } from "./api.js";
import { list, plural } from "./format.js";
import { Button, Dialog, Notice, Progress, useSlow } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const AFTER = {
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

/** The first names of some services. */
function named(services) {
  const first = services.slice(0, 5).map(({ name }) => name);
  return list(services.length > 5 ? [...first, "others"] : first);
}

/** What will go, one line each. */
function Going({ title, found }) {
  const { mappings, services, alerts, revokes } = found;
  return html`
    <p><strong class="wrap">${found.org_name ?? title}</strong> will be disconnected:</p>
    <ul>
      <li>The connection and its sealed secrets are deleted. Work that needs ${title} stops at once.</li>
      <li>${revokes === "upstream"
        ? `The credential is revoked at ${title} too.`
        : `The credential stays valid at ${title}: it cannot be revoked from here. Revoke it there if nobody needs it.`}</li>
      <li>${mappings > 0
        ? `${plural(mappings, "mapping")} of people to their accounts there ${mappings === 1 ? "is" : "are"} removed.`
        : "No mappings are affected."}</li>
      ${alerts === true && html`<li>Change alerts are switched off.</li>`}
      ${alerts === null && html`<li>Whether change alerts are on could not be determined; none arrive after this.</li>`}
      <li>${services.length
        ? `${plural(services.length, "service uses", "services use")} it, and their calls will fail: ${named(services)}.`
        : "No service has a token for it."}</li>
    </ul>
  `;
}

/** The dialog. `onGone` is called once the connection is gone, `onClose` when the dialog is to close. */
export function Disconnect({ provider, onGone, onClose }) {
  const { id, title } = provider;
  const path = `/api/admin/connections/${encodeURIComponent(id)}`;
  const [found, setFound] = useState(null);
  const [gone, setGone] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy || (!found && !problem));
  const look = async () => {
    setProblem(null);
    try {
      setFound(await call("GET", `${path}/disconnect`));
    } catch (refusal) {
      setProblem(refusal);
    }
  };
  useEffect(() => {
    look();
  }, []);
  const disconnect = async () => {
    setBusy(true);
    setProblem(null);
    try {
      setGone(await call("DELETE", path));
      onGone();
    } catch (refusal) {
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  if (gone) {
    const [kind, words, means] = AFTER[gone.upstream] ?? AFTER.nothing;
    return html`
      <${Dialog} title=${`${title} is disconnected`} onClose=${onClose}
        actions=${html`<${Button} look="primary" onClick=${onClose}>Done<//>`}>
        <${Notice} kind=${kind} title=${words} means=${means} todo=${gone.note} />
      <//>
    `;
  }
  const actions = html`
    <${Button} onClick=${onClose}>Keep it<//>
    <${Button} look="danger" icon="trash" isBusy=${isBusy} disabled=${!found} onClick=${disconnect}>Disconnect ${title}<//>
  `;
  return html`
    <${Dialog} title=${`Disconnect ${title}?`} onClose=${() => isBusy || onClose()} actions=${actions}>
      ${found && html`<${Going} title=${title} found=${found} />`}
      ${isSlow && html`<${Progress} label=${isBusy ? `Disconnecting ${title}…` : "Checking what would be removed…"} />`}
      ${problem && html`<${Notice} problem=${problem} onRetry=${found ? undefined : look} />`}
    <//>
  `;
}
