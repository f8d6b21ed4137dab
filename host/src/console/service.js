// How the service itself is: key, database, versions, plugins. It answers when the service is sealed, too.
import { call } from "./api.js";
import { titleOf, useProviders } from "./data.js";
import { useEvents } from "./events.js";
import { date, list, number, plural } from "./format.js";
import { Link } from "./router.js";
import { Button, Icon, Notice, Page, Progress, Status, Time } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const EVERY_MS = 15_000;

export default function ServicePage() {
  const { providers } = useProviders();
  const [state, setState] = useState({ service: null, problem: null });
  const load = (isAsked) =>
    call("GET", "/api/admin/service", undefined, { isBackground: !isAsked })
      .then((service) => setState({ service, problem: null }))
      .catch((problem) => setState((before) => ({ ...before, problem })));
  useEffect(() => {
    load(true);
    const timer = setInterval(() => document.visibilityState === "visible" && load(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  useEvents({ provider: true }, () => load(false));
  const { service, problem } = state;
  return html`
    <${Page} title="Service" lead="How Jackfield itself is." actions=${html`<${Button} icon="refresh"
      onClick=${() => load(true)}>Look again<//>`}>
      ${problem && html`<${Notice} problem=${problem} onRetry=${() => load(true)} />`}
      ${!service && !problem && html`<${Progress} label="Loading …" />`}
      ${service && html`<${Shown} service=${service} providers=${providers} />`}
    <//>
  `;
}

function Shown({ service, providers }) {
  const { key, database, providers: counts, version, started_at, contract_versions = [], public_url } = service;
  const isSealed = key.state !== "open";
  return html`
    ${
      isSealed &&
      html`<${Notice} kind="bad" title="The service is sealed"
        means=${key.reason ?? "The master key is missing or wrong."}
      todo="Nothing is lost or changed. Start the service with the right key, and all is there as before." />`
    }
    ${
      !database.ok &&
      html`<${Notice} kind="bad" title="The database does not answer"
        means="Nothing can be read or changed until it does."
      todo="See whether it runs and can be reached. The service goes on by itself." />`
    }
    <div class="cards">
      <section class="card stack" aria-labelledby="key">
        <h2 id="key">Master key</h2>
        <p><${Status} kind=${isSealed ? "locked" : "ok"} word=${isSealed ? "Sealed" : "Open"} /></p>
        <p class="muted">${isSealed ? "No stored credential opens." : "Every credential is sealed with it."}</p>
      </section>
      <section class="card stack" aria-labelledby="database">
        <h2 id="database">Database</h2>
        <p><${Status} kind=${database.ok ? "ok" : "bad"} word=${database.ok ? "Answers" : "Does not answer"} /></p>
        <dl class="kv"><dt>Kind</dt><dd>${database.kind}</dd><dt>Migration</dt><dd>${database.migration}</dd></dl>
      </section>
      <section class="card stack" aria-labelledby="plugins">
        <h2 id="plugins">Plugins</h2>
        <${Counts} counts=${counts} providers=${providers} />
      </section>
      <section class="card stack" aria-labelledby="version">
        <h2 id="version">Version</h2>
        <dl class="kv">
          <dt>Jackfield</dt><dd>${version}</dd>
          <dt>Contract</dt><dd>${list(contract_versions)}</dd>
          <dt>Running since</dt><dd><${Time} at=${started_at} /> <span class="muted small">${date(started_at)}</span>
            </dd>
          <dt>Address</dt><dd><code>${public_url}</code></dd>
        </dl>
      </section>
    </div>
    <section class="stack tight" aria-labelledby="more">
      <h2 id="more">For programs</h2>
      <ul class="plain-list row">
        <li><a class="button plain" href="/docs" target="_blank" rel="noopener">The API, described <${Icon}
          name="away" /><span class="unseen"> (opens a new tab)</span></a></li>
        <li><a class="button plain" href="/metrics" target="_blank" rel="noopener">Metrics <${Icon} name="away" />
          <span class="unseen"> (opens a new tab)</span></a></li>
      </ul>
    </section>
  `;
}

function Counts({ counts, providers }) {
  const paused = counts.paused ?? [];
  const rows = [
    ["Approved", counts.approved],
    ["Wait for approval", counts.pending],
    ["Paused", counts.disabled],
    ["Broken", counts.broken],
  ];
  return html`
    <dl class="kv">${rows.map(([word, count]) => html`<dt>${word}</dt><dd class="nums">${number(count)}</dd>`)}</dl>
    ${
      paused.length > 0 &&
      html`<${Notice} kind="warn"
        title=${`${plural(paused.length, "plugin is", "plugins are")} left alone after failures`}
      means=${list(paused.map((id) => titleOf(providers, id)))} />`
    }
    <p><${Link} to="/providers">To the plugins<//></p>
  `;
}
