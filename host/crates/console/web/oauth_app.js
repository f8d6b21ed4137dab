// The form for the OAuth app: the client id and secret by which a provider knows this service.
import { call } from "./api.js";
import { Button, Field, Notice, showToast } from "./ui.js";
import { html, useState } from "./vendor/preact.js";

/** `isMissing` says that there is no app yet, so that nobody can sign in without one. */
export function OAuthApp({ provider, title, isMissing, onDone, onCancel }) {
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const errorOf = (name) => problem?.errors.find(({ field }) => field === name)?.message;
  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      const body = { client_id: id.trim(), ...(secret.trim() && { client_secret: secret.trim() }) };
      await call("PUT", `/api/admin/providers/${encodeURIComponent(provider)}/oauth-app`, body);
      setSecret("");
      onDone();
    } catch (failure) {
      setProblem(failure);
    } finally {
      setBusy(false);
    }
  };
  const redirectUrl = `${location.origin}/oauth/callback`;
  const copy = () => navigator.clipboard.writeText(redirectUrl).then(() => showToast("Copied."), () => {});
  return html`
    <form class="stack" onSubmit=${save} novalidate autocomplete="off">
      ${isMissing && html`<${Notice} kind="info" title=${`${title} does not know this Jackfield yet`}
        means=${`Create an OAuth app in ${title}'s developer console, with the redirect URL below.`}
        todo="Then enter its client ID and secret here. This is needed only once." />`}
      ${!isMissing && html`<h3>OAuth app of ${title}</h3>
        <p class="muted">Another app is already set. What you save here replaces one that was entered here, but not one
          of the environment variable <code>JACKFIELD_OAUTH_${provider.toUpperCase().replaceAll("-", "_")}_CLIENT_ID</code>,
          which always comes first. People then sign in again.</p>`}
      <div>
        <p class="strong">Redirect URL</p>
        <p class="row"><code>${redirectUrl}</code>
          ${navigator.clipboard && html`<${Button} look="quiet" onClick=${copy}>Copy<//>`}</p>
      </div>
      <${Field} label="Client ID" value=${id} onInput=${setId} required error=${errorOf("client_id")} name="client_id" />
      <${Field} label="Client secret" value=${secret} onInput=${setSecret} isSecret isOptional name="client_secret"
        error=${errorOf("client_secret")} help="Stored encrypted, and never shown again. Public clients have none." />
      ${problem && !problem.errors.length && html`<${Notice} problem=${problem} />`}
      <div class="row">
        <${Button} type="submit" look="primary" isBusy=${isBusy} disabled=${!id.trim()}>Save app<//>
        ${!isMissing && html`<${Button} onClick=${onCancel}>Cancel<//>`}
      </div>
    </form>
  `;
}
