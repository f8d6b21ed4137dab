// The dialog for one person of a match: the accounts that match, with the evidence for each, and the choice of one.
import { call } from "./api.js";
import { formatCount, formatList } from "./format.js";
import { describeEvidence, explainMatch } from "./match_reasons.js";
import { Button, Dialog, Notice } from "./ui.js";
import { html, useState } from "./vendor/preact.js";

/** `onClose` gets the changes of the person, with a `message` about them, or nothing if nothing changed. */
export function MatchDecision({ person, title, provider, onClose }) {
  const [busyId, setBusyId] = useState(null);
  const [problem, setProblem] = useState(null);
  const path = `/api/admin/connections/user-mappings/${encodeURIComponent(person.person_id)}`;
  const send = async (id, request, change) => {
    setBusyId(id);
    setProblem(null);
    try {
      await request();
      onClose(change);
    } catch (failure) {
      setProblem(failure);
      setBusyId(null);
    }
  };
  const link = (account) =>
    send(account.external_id, () => call("PUT", path, { provider, external_id: account.external_id }), {
      status: "already_linked",
      external_id: account.external_id,
      accounts: [account],
      reason: undefined,
      more_accounts: 0,
      message: `${person.name} is mapped to ${account.name || account.external_id} at ${title}.`,
    });
  const unlink = () =>
    send("unlink", () => call("DELETE", `${path}/${encodeURIComponent(provider)}`), {
      status: "missing",
      external_id: null,
      accounts: [],
      message: `${person.name} is no longer mapped at ${title}.`,
    });
  const canChoose = person.status === "ambiguous";
  const isGone = person.status === "orphaned";
  const actions = html`
    ${isGone && html`<${Button} look="danger" isBusy=${busyId === "unlink"} onClick=${unlink}>Unlink account<//>`}
    <${Button} onClick=${() => onClose()}>Close<//>`;
  return html`
    <${Dialog} title=${`${person.name} at ${title}`} onClose=${() => onClose()} actions=${actions}>
      <p class="muted">${person.email}</p>
      ${problem && html`<${Notice} problem=${problem} title="The account could not be linked" />`}
      <p>${explainMatch(person, title)}</p>
      ${isGone && html`<p>Account <code>${person.external_id}</code></p>`}
      ${person.accounts.map(
        (account) => html`<${Account} key=${account.external_id} account=${account}
          isBusy=${busyId === account.external_id} onLink=${canChoose && (() => link(account))} />`,
      )}
      ${
        person.more_accounts > 0 &&
        html`<p class="muted">${formatCount(person.more_accounts, "more account matches", "more accounts match")} them.
        Choose among all of them under Mappings.</p>`
      }
    <//>
  `;
}

function Account({ account, isBusy, onLink }) {
  const name = account.name || account.external_id;
  return html`
    <div class="card stack tight">
      <h3 class="wrap">${name}${!account.active && html` <span class="chip">inactive there</span>`}</h3>
      <p class="muted small wrap">${account.email ?? "no email"} · <span class="mono">${account.external_id}</span></p>
      <p>${describeEvidence(account)}${describeOthers(account)}</p>
      ${
        onLink &&
        html`<div class="row"><${Button} icon="link" isBusy=${isBusy} onClick=${onLink}>Link this one<span
          class="visually-hidden">: ${name}</span><//></div>`
      }
    </div>`;
}

function describeOthers({ also = [] }) {
  if (!also.length) return "";
  return ` It also matches ${formatList(also.map(({ name, email }) => `${name} (${email})`))}.`;
}
