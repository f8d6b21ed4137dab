// The URL to which a provider sends change alerts. Only plugins with the `alerts` capability have one.
import { call } from "./api.js";
import { Button, Field, Notice, Progress, showToast, useSlow } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

export function Alerts({ provider, title }) {
  const path = `/api/admin/connections/${encodeURIComponent(provider)}/alerts-config`;
  const [config, setConfig] = useState(null);
  const [url, setUrl] = useState("");
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy || (!config && !problem));
  const show = (answer) => {
    setConfig(answer);
    setUrl(answer.webhook_url ?? "");
  };
  const load = () => {
    setProblem(null);
    call("GET", path).then(show, setProblem);
  };
  useEffect(load, [provider]);
  const urlError = problem?.errors.find(({ field }) => field === "webhook_url")?.message;
  const save = async (target) => {
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call("POST", path, { webhook_url: target });
      show({ configured: Boolean(answer.webhook_url), ...answer });
      showToast(answer.webhook_url ? `${title} now sends alerts to this URL.` : `${title} sends no more alerts.`);
    } catch (failure) {
      setProblem(failure);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event) => {
    event.preventDefault();
    if (url.trim()) save(url.trim());
  };
  return html`
    <section class="card stack" aria-labelledby="alerts">
      <h2 id="alerts">Change alerts</h2>
      <p class="muted">${title} can call a URL of yours when something changes there.
        ${config && !config.configured && " None is set."}</p>
      ${isSlow && html`<${Progress} label=${isBusy ? "Saving…" : `Loading from ${title}…`} />`}
      ${problem && !urlError && html`<${Notice} problem=${problem} onRetry=${config ? undefined : load} />`}
      ${config && html`
        <form class="stack" onSubmit=${submit} novalidate>
          <${Field} label="Webhook URL" kind="url" value=${url} onInput=${setUrl} error=${urlError && `It ${urlError}.`}
            name="webhook_url" help="A public https URL." placeholder="https://hooks.example.com/…" />
          <div class="row"><${Button} type="submit" isBusy=${isBusy}
            disabled=${!url.trim() || url.trim() === config.webhook_url}>Send alerts to this URL<//>
            ${config.configured && html`<${Button} isBusy=${isBusy} onClick=${() => save("")}>Turn alerts off<//>`}</div>
        </form>
      `}
    </section>
  `;
}
