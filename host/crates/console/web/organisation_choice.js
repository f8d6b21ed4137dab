// The choice of an organisation, if one credential gives access to several.
import { call } from "./api.js";
import { compareNames } from "./format.js";
import { Button, Notice, Progress, useSlow } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** `onChosen` gets the name of the organisation. */
export function OrganisationChoice({ provider, title, onChosen, onCancel }) {
  const path = `/api/admin/connections/${encodeURIComponent(provider)}`;
  const [accounts, setAccounts] = useState(null);
  const [chosen, setChosen] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy || (!accounts && !problem));
  const load = async () => {
    setProblem(null);
    try {
      const answer = await call("GET", `${path}/accounts`);
      setAccounts(answer.accounts.toSorted((a, b) => compareNames(a.name, b.name)));
      setChosen(answer.selected);
    } catch (failure) {
      setProblem(failure);
    }
  };
  useEffect(() => {
    load();
  }, [provider]);
  const save = async (event) => {
    event.preventDefault();
    if (isBusy || !chosen) return;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call("PUT", `${path}/account`, { id: chosen });
      onChosen(answer.org_name);
    } catch (failure) {
      setProblem(failure);
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
              onChange=${() => setChosen(id)} /><span>${name}</span></label>
          `)}
        </fieldset>
        ${!accounts.length && html`<p>The credential has access to no organisation. Give it access to one at${" "}
          ${title}, then try again.</p>`}
      `}
      ${isSlow && html`<${Progress}
        label=${accounts ? "Testing the organisation…" : `Loading organisations from ${title}…`} />`}
      ${problem && html`<${Notice} problem=${problem} onRetry=${accounts ? undefined : load} />`}
      ${accounts && html`<div class="row">
        <${Button} type="submit" look="primary" isBusy=${isBusy} disabled=${!chosen}>Use this organisation<//>
        ${onCancel && html`<${Button} onClick=${onCancel}>Cancel<//>`}
      </div>`}
    </form>
  `;
}
