// The page about the service itself: master key, database, plugins and version. It also works while the service is
// sealed.
import { call } from "./api.js";
import { EditedRows } from "./edited_rows.js";
import { useEvents } from "./events.js";
import { formatCount, formatDate, formatList, formatNumber, toSentence } from "./format.js";
import { titleOf, usePlugins } from "./live_lists.js";
import { Link } from "./router.js";
import { Button, Icon, Notice, Page, Progress, Status, Time } from "./ui.js";
import { html, useEffect, useState } from "./vendor/preact.js";

const REFRESH_MS = 15_000;
const DATABASES = { sqlite: "SQLite", postgres: "PostgreSQL" };

export default function ServicePage() {
  const { plugins } = usePlugins();
  const [state, setState] = useState({ service: null, problem: null });
  const load = (isRequested) =>
    call("GET", "/api/admin/service", undefined, { isBackground: !isRequested })
      .then((service) => setState({ service, problem: null }))
      .catch((problem) => setState((before) => ({ ...before, problem })));
  useEffect(() => {
    load(true);
    const timer = setInterval(() => document.visibilityState === "visible" && load(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  useEvents({ provider: true }, () => load(false));
  const { service, problem } = state;
  return html`
    <${Page} title="Service" lead="The health of Jackfield itself." actions=${html`<${Button} icon="refresh"
      onClick=${() => load(true)}>Refresh<//>`}>
      ${problem && html`<${Notice} problem=${problem} onRetry=${() => load(true)} />`}
      ${!service && !problem && html`<${Progress} label="Loading…" />`}
      ${service && html`<${Details} service=${service} plugins=${plugins} />`}
    <//>
  `;
}

function Details({ service, plugins }) {
  const { key, database, providers: counts, edited_rows, version, started_at, contract_versions = [], public_url } = service;
  const isSealed = key.state !== "open";
  return html`
    ${
      isSealed &&
      html`<${Notice} kind="bad" title="The service is sealed"
        means=${key.reason ? `${toSentence(key.reason)}.` : "The master key is missing or wrong."}
      todo="Every change is refused until then, no work runs, and rows that were changed by hand are not detected. Nothing is lost: start the service with the right key, and everything works again." />`
    }
    <${EditedRows} rows=${edited_rows} />
    ${
      !database.ok &&
      html`<${Notice} kind="bad" title="The database is not responding"
        means="Nothing can be read or changed until it responds."
      todo="Check that it is running and reachable. The service recovers on its own." />`
    }
    <div class="cards pairs">
      <section class="card stack" aria-labelledby="key">
        <h2 id="key">Master key</h2>
        <p><${Status} kind=${isSealed ? "locked" : "ok"} word=${isSealed ? "Sealed" : "Open"} /></p>
        <p class="muted">${isSealed ? "Stored credentials cannot be decrypted, and changes are refused." : "It encrypts every stored credential."}</p>
      </section>
      <section class="card stack" aria-labelledby="database">
        <h2 id="database">Database</h2>
        <p><${Status} kind=${database.ok ? "ok" : "bad"} word=${database.ok ? "Responding" : "Not responding"} /></p>
        <dl class="kv"><dt>Kind</dt><dd>${DATABASES[database.kind] ?? database.kind}</dd><dt>Schema version</dt><dd>${database.migration}</dd></dl>
      </section>
      <section class="card stack" aria-labelledby="plugins">
        <h2 id="plugins">Plugins</h2>
        <${PluginCounts} counts=${counts} plugins=${plugins} />
      </section>
      <section class="card stack" aria-labelledby="version">
        <h2 id="version">Version</h2>
        <dl class="kv">
          <dt>Jackfield</dt><dd>${version}</dd>
          <dt>Plugin contract</dt><dd>${formatList(contract_versions)}</dd>
          <dt>Running since</dt><dd><${Time} at=${started_at} /> <span class="muted small">${formatDate(started_at)}</span>
            </dd>
          <dt>URL</dt><dd><code>${public_url}</code></dd>
        </dl>
      </section>
    </div>
    <section class="stack tight" aria-labelledby="more">
      <h2 id="more">For developers</h2>
      <ul class="plain-list row">
        <li><a class="button plain" href="/docs" target="_blank" rel="noopener">API reference <${Icon}
          name="away" /><span class="visually-hidden"> (opens a new tab)</span></a></li>
        <li><a class="button plain" href="/metrics" target="_blank" rel="noopener">Metrics <${Icon} name="away" />
          <span class="visually-hidden"> (opens a new tab)</span></a></li>
      </ul>
    </section>
  `;
}

function PluginCounts({ counts, plugins }) {
  const paused = counts.paused ?? [];
  // The service's count leaves out new versions of approved plugins.
  const waiting = plugins?.filter(({ state, waiting: versions }) => state === "pending" || versions?.length).length;
  const rows = [
    ["Approved", counts.approved],
    ["Awaiting approval", waiting ?? counts.pending],
    ["Paused", counts.disabled],
    ["Broken", counts.broken],
    ["Being checked", counts.checking],
  ];
  return html`
    <dl class="kv">${rows.map(([word, count]) => html`<dt>${word}</dt><dd class="nums">${formatNumber(count)}</dd>`)}</dl>
    ${
      paused.length > 0 &&
      html`<${Notice} kind="warn"
        title=${`${formatCount(paused.length, "plugin is", "plugins are")} backing off after failures`}
      means=${formatList(paused.map((id) => titleOf(plugins, id)))} />`
    }
    <p><${Link} to="/providers">Go to plugins<//></p>
  `;
}
