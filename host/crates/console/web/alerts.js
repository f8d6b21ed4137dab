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
  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call("POST", path, { webhook_url: url.trim() });
      show({ configured: true, ...answer });
      showToast(`${title} now sends alerts to this URL.`);
    } catch (failure) {
      setProblem(failure);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <section class="card stack" aria-labelledby="alerts">
      <h2 id="alerts">Change alerts</h2>
      <p class="muted">${title} can call a URL of yours when something changes there.
        ${config && !config.configured && " None is set yet."}</p>
      ${isSlow && html`<${Progress} label=${isBusy ? "Saving…" : `Loading from ${title}…`} />`}
      ${problem && !urlError && html`<${Notice} problem=${problem} onRetry=${config ? undefined : load} />`}
      ${config && html`
        <form class="stack" onSubmit=${save} novalidate>
          <${Field} label="Webhook URL" kind="url" value=${url} onInput=${setUrl} error=${urlError && `It ${urlError}.`}
            name="webhook_url" help="A public https URL." placeholder="https://hooks.example.com/…" />
          <div><${Button} type="submit" isBusy=${isBusy} disabled=${!url.trim() || url.trim() === config.webhook_url}>
            Send alerts to this URL<//></div>
        </form>
      `}
    </section>
  `;
}
