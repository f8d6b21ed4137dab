// How the service itself is: key, database, versions, plugins. It answers when the service is sealed, too.
import { call } from "./api.js";
import { titleOf, useProviders } from "./data.js";
import { useEvents } from "./events.js";
import { date, list, number, plural } from "./format.js";
import { Link } from "./router.js";
import { Button, Icon, Notice, Page, Progress, Status, Time } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const EVERY_MS = 15_000;
const KINDS = { sqlite: "SQLite", postgres: "PostgreSQL" };

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
    <${Page} title="Service" lead="The health of Jackfield itself." actions=${html`<${Button} icon="refresh"
      onClick=${() => load(true)}>Refresh<//>`}>
      ${problem && html`<${Notice} problem=${problem} onRetry=${() => load(true)} />`}
      ${!service && !problem && html`<${Progress} label="Loading…" />`}
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
      todo="Nothing is lost or changed. Start the service with the right key, and everything is back." />`
    }
    ${
      !database.ok &&
      html`<${Notice} kind="bad" title="The database is not responding"
        means="Nothing can be read or changed until it does."
      todo="Check that it is running and reachable. The service recovers on its own." />`
    }
    <div class="cards pairs">
      <section class="card stack" aria-labelledby="key">
        <h2 id="key">Master key</h2>
        <p><${Status} kind=${isSealed ? "locked" : "ok"} word=${isSealed ? "Sealed" : "Open"} /></p>
        <p class="muted">${isSealed ? "Stored credentials cannot be opened." : "Every credential is sealed with it."}</p>
      </section>
      <section class="card stack" aria-labelledby="database">
        <h2 id="database">Database</h2>
        <p><${Status} kind=${database.ok ? "ok" : "bad"} word=${database.ok ? "Responding" : "Not responding"} /></p>
        <dl class="kv"><dt>Kind</dt><dd>${KINDS[database.kind] ?? database.kind}</dd><dt>Schema version</dt><dd>${database.migration}</dd></dl>
      </section>
      <section class="card stack" aria-labelledby="plugins">
        <h2 id="plugins">Plugins</h2>
        <${Counts} counts=${counts} providers=${providers} />
      </section>
      <section class="card stack" aria-labelledby="version">
        <h2 id="version">Version</h2>
        <dl class="kv">
          <dt>Jackfield</dt><dd>${version}</dd>
          <dt>Plugin contract</dt><dd>${list(contract_versions)}</dd>
          <dt>Running since</dt><dd><${Time} at=${started_at} /> <span class="muted small">${date(started_at)}</span>
            </dd>
          <dt>URL</dt><dd><code>${public_url}</code></dd>
        </dl>
      </section>
    </div>
    <section class="stack tight" aria-labelledby="more">
      <h2 id="more">For developers</h2>
      <ul class="plain-list row">
        <li><a class="button plain" href="/docs" target="_blank" rel="noopener">API reference <${Icon}
          name="away" /><span class="unseen"> (opens a new tab)</span></a></li>
        <li><a class="button plain" href="/metrics" target="_blank" rel="noopener">Metrics <${Icon} name="away" />
          <span class="unseen"> (opens a new tab)</span></a></li>
      </ul>
    </section>
  `;
}

function Counts({ counts, providers }) {
  const paused = counts.paused ?? [];
  // A new version of an approved one waits, too.
  const waiting = providers?.filter(({ state, waiting: versions }) => state === "pending" || versions?.length).length;
  const rows = [
    ["Approved", counts.approved],
    ["Awaiting approval", waiting ?? counts.pending],
    ["Paused", counts.disabled],
    ["Broken", counts.broken],
  ];
  return html`
    <dl class="kv">${rows.map(([word, count]) => html`<dt>${word}</dt><dd class="nums">${number(count)}</dd>`)}</dl>
    ${
      paused.length > 0 &&
      html`<${Notice} kind="warn"
        title=${`${plural(paused.length, "plugin is", "plugins are")} backing off after failures`}
      means=${list(paused.map((id) => titleOf(providers, id)))} />`
    }
    <p><${Link} to="/providers">Go to plugins<//></p>
  `;
}
