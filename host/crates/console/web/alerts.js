// Where a provider sends its change alerts, for those that send any.
import { call } from "./api.js";
import { Button, Field, Notice, Progress, toast, useSlow } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

/** The address of the alerts: asked of the provider, and set there. */
export function Alerts({ provider }) {
  const path = `/api/admin/connections/${encodeURIComponent(provider.id)}/alerts-config`;
  const [found, setFound] = useState(null);
  const [url, setUrl] = useState("");
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const isSlow = useSlow(isBusy || (!found && !problem));
  const take = (answer) => {
    setFound(answer);
    setUrl(answer.webhook_url ?? "");
  };
  const look = () => {
    setProblem(null);
    call("GET", path).then(take, setProblem);
  };
  useEffect(look, [provider.id]);
  const wrong = problem?.errors.find(({ field }) => field === "webhook_url")?.message;
  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await call("POST", path, { webhook_url: url.trim() });
      take({ configured: true, ...answer });
      toast(`${provider.title} now sends its alerts there.`);
    } catch (refusal) {
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  return html`
    <section class="card stack" aria-labelledby="alerts">
      <h2 id="alerts">Change alerts</h2>
      <p class="muted">${provider.title} can call a URL of yours when something changes there.
        ${found && !found.configured && " None is set yet."}</p>
      ${isSlow && html`<${Progress} label=${isBusy ? "Saving…" : `Asking ${provider.title}…`} />`}
      ${problem && !wrong && html`<${Notice} problem=${problem} onRetry=${found ? undefined : look} />`}
      ${found && html`
        <form class="stack" onSubmit=${save} novalidate>
          <${Field} label="Webhook URL" kind="url" value=${url} onInput=${setUrl} error=${wrong && `It ${wrong}.`}
            name="webhook_url" help="A public https URL." placeholder="https://hooks.example.com/…" />
          <div><${Button} type="submit" isBusy=${isBusy} disabled=${!url.trim() || url.trim() === found.webhook_url}>
            Send alerts there<//></div>
        </form>
      `}
    </section>
  `;
}
