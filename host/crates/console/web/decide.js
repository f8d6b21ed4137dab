// One person of a plan: the accounts that point to them with what speaks for each, and the choice where it is open.
import { call } from "./api.js";
import { speaks, why } from "./evidence.js";
import { list, plural } from "./format.js";
import { Button, Dialog, Notice } from "./ui.js";
import { html, useState } from "./vendor/preact.js";

function others({ also = [] }) {
  if (!also.length) return "";
  return ` It also matches ${list(also.map(({ name, email }) => `${name} (${email})`))}.`;
}

/** `onClose` gets what changed about the person, with `words` that say it; nothing if nothing did. */
export function Decide({ person, title, provider, onClose }) {
  const [busy, setBusy] = useState(null);
  const [problem, setProblem] = useState(null);
  const path = `/api/admin/connections/user-mappings/${encodeURIComponent(person.person_id)}`;
  const act = async (id, ask, change) => {
    setBusy(id);
    setProblem(null);
    try {
      await ask();
      onClose(change);
    } catch (refusal) {
      setProblem(refusal);
      setBusy(null);
    }
  };
  const link = (account) =>
    act(account.external_id, () => call("PUT", path, { provider, external_id: account.external_id }), {
      status: "already_linked",
      external_id: account.external_id,
      accounts: [account],
      reason: undefined,
      more_accounts: 0,
      words: `${person.name} is now ${account.name || account.external_id} at ${title}.`,
    });
  const unlink = () =>
    act("unlink", () => call("DELETE", `${path}/${encodeURIComponent(provider)}`), {
      status: "missing",
      external_id: null,
      accounts: [],
      words: `${person.name} is no longer mapped at ${title}.`,
    });
  const isOpen = person.status === "ambiguous";
  const isGone = person.status === "orphaned";
  const actions = html`
    ${isGone && html`<${Button} look="danger" isBusy=${busy === "unlink"} onClick=${unlink}>Unlink account<//>`}
    <${Button} onClick=${() => onClose()}>Close<//>`;
  return html`
    <${Dialog} title=${`${person.name} at ${title}`} onClose=${() => onClose()} actions=${actions}>
      <p class="muted">${person.email}</p>
      ${problem && html`<${Notice} problem=${problem} title="The account could not be linked" />`}
      <p>${why(person, title)}</p>
      ${isGone && html`<p>Account <code>${person.external_id}</code></p>`}
      ${person.accounts.map(
        (account) => html`
        <div key=${account.external_id} class="card stack tight">
          <h3 class="wrap">${account.name || account.external_id}${!account.active && html` <span
            class="chip">inactive there</span>`}</h3>
          <p class="muted small wrap">${account.email ?? "no email"} · <span
            class="mono">${account.external_id}</span></p>
          <p>${speaks(account)}${others(account)}</p>
          ${
            isOpen &&
            html`<div class="row"><${Button} icon="link" isBusy=${busy === account.external_id}
            onClick=${() => link(account)}>Link this one<span
              class="unseen">: ${account.name || account.external_id}</span><//></div>`
          }
        </div>`,
      )}
      ${
        person.more_accounts > 0 &&
        html`<p class="muted">${plural(person.more_accounts, "more account matches", "more accounts match")} them.
        Choose among all of them under Mappings.</p>`
      }
    <//>
  `;
}
