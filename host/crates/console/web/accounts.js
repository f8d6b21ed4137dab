// The choice between several organisations that one credential opens.
import { call } from "./api.js";
import { compare } from "./format.js";
import { Button, Notice, Progress, useSlow } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** Asks which one the connection is for. `onChosen` gets the organisation's name. */
export function Accounts({ provider, onChosen, onCancel }) {
  const path = `/api/admin/connections/${encodeURIComponent(provider.id)}`;
  const [accounts, setAccounts] = useState(null);
  const [chosen, choose] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy || (!accounts && !problem));
  const load = async () => {
    setProblem(null);
    try {
      const answer = await call("GET", `${path}/accounts`);
      setAccounts(answer.accounts.toSorted((a, b) => compare(a.name, b.name)));
      choose(answer.selected);
    } catch (refusal) {
      setProblem(refusal);
    }
  };
  useEffect(() => {
    load();
  }, [provider.id]);
  const save = async (event) => {
    event.preventDefault();
    if (isBusy || !chosen) return;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call("PUT", `${path}/account`, { id: chosen });
      onChosen(answer.org_name);
    } catch (refusal) {
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <form class="stack" onSubmit=${save}>
      ${accounts && html`
        <fieldset class="options">
          <legend>Which organisation is this connection for?</legend>
          ${accounts.map(({ id, name }) => html`
            <label key=${id} class="option"><input type="radio" name="account" value=${id} checked=${chosen === id}
              onChange=${() => choose(id)} /><span>${name}</span></label>
          `)}
        </fieldset>
        ${!accounts.length && html`<p>The credential has access to none. Give it access to one at${" "}
          ${provider.title}, then try again.</p>`}
      `}
      ${isSlow && html`<${Progress}
        label=${accounts ? "Testing the organisation…" : `Asking ${provider.title} for its organisations…`} />`}
      ${problem && html`<${Notice} problem=${problem} onRetry=${accounts ? undefined : load} />`}
      ${accounts && html`<div class="row">
        <${Button} type="submit" look="primary" isBusy=${isBusy} disabled=${!chosen}>Use this organisation<//>
        ${onCancel && html`<${Button} onClick=${onCancel}>Cancel<//>`}
      </div>`}
    </form>
  `;
}
