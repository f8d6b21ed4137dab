// The first page: a card for each provider with its status and what to do next. Cards are updated live.
import { call } from "./api.js";
import { checkConnection, ConnectionFacts } from "./connection_facts.js";
import { describeStatus } from "./connection_status.js";
import { compareNames, formatCount, formatList, toSentence } from "./format.js";
import { getTitle, useConnections, usePlugins } from "./live_lists.js";
import { explainReason } from "./provider_reasons.js";
import { connectionPath, Link } from "./router.js";
import { useSeal } from "./seal.js";
import { NeededSecrets } from "./secrets_again.js";
import { Button, EmptyState, Icon, Monogram, Notice, Page, Progress, showToast, Status, useSlow } from "./ui.js";
import { Fragment, html, useEffect, useRef, useState } from "./vendor/preact.js";

/** How long a card is highlighted after a change. */
const HIGHLIGHT_MS = 1_700;

function ConnectionCard({ entry, onChecked, isChecking }) {
  const { id, title, plugin, connection, status } = entry;
  const [isBusy, setBusy] = useState(false);
  const [isHighlighted, setHighlighted] = useState(false);
  const isSlow = useSlow(isBusy || isChecking);
  const shown = `${status.word}|${connection?.org_name}`;
  const before = useRef(shown);
  useEffect(() => {
    if (before.current === shown) return undefined;
    before.current = shown;
    setHighlighted(true);
    const timer = setTimeout(() => setHighlighted(false), HIGHLIGHT_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  const check = async () => {
    setBusy(true);
    await checkConnection(id, title);
    await onChecked();
    setBusy(false);
  };
  const { action } = status;
  // A card with an explanation takes a whole row.
  const isWide = Boolean(status.means);
  const button = action.does === "check"
    ? html`<${Button} look=${action.look} icon="refresh" isBusy=${isBusy || isChecking} onClick=${check}
        aria-label=${`${action.label}: ${title}`}>${action.label}<//>`
    : html`<${Button} look=${action.look} to=${action.to} aria-label=${`${action.label}: ${title}`}>${action.label}<//>`;
  return html`
    <li class=${isWide ? "wide" : ""}>
      <article class=${`card connection ${status.needsYou ? "needs-you" : ""} ${isHighlighted ? "highlighted" : ""}`} data-provider=${id}
        data-status=${connection?.status ?? "none"} aria-labelledby=${`card-${id}`}>
        <div class="connection-facts">
          <div class="connection-head">
            <${Monogram} id=${id} title=${title} />
            <div>
              <h2 id=${`card-${id}`}><${Link} to=${connectionPath(id)}>${title}<//></h2>
              <p class="muted small" title=${connection?.org_name ?? undefined}>
                ${connection?.org_name}</p>
            </div>
          </div>
          <p><${Status} ...${status} /></p>
          ${connection && html`<${ConnectionFacts} connection=${connection} />`}
        </div>
        <div class="connection-todo">
          ${status.means && html`<p class="means">${status.means}</p>`}
          ${status.needed && html`<${NeededSecrets} sentences=${status.needed} />`}
          ${status.hasReason && connection.reason && html`<p class="means muted">Reason: ${explainReason(connection.reason)}</p>`}
          ${isSlow && html`<${Progress} label=${`Checking ${title}…`} />`}
          <div class="row apart">
            ${button}
            ${connection && plugin?.capabilities?.users && status.kind === "ok" && html`
              <${Link} to=${connectionPath(id, "users")} class="small">Users<span class="visually-hidden"> of ${title}</span><//>`}
          </div>
        </div>
      </article>
    </li>
  `;
}

/** A provider that is not connected, in one line. */
function UnconnectedCard({ entry: { id, title, status } }) {
  return html`
    <li>
      <article class="card offer" data-provider=${id} data-status="none" aria-labelledby=${`card-${id}`}>
        <${Monogram} id=${id} title=${title} />
        <div>
          <h3 id=${`card-${id}`}><${Link} to=${connectionPath(id)}>${title}<//></h3>
          ${status.kind === "none"
            ? html`<p class="muted small">${status.word}</p>`
            : html`<p><${Status} kind=${status.kind} word=${status.word} /></p>`}
        </div>
        <${Button} to=${status.action.to} aria-label=${`${status.action.label}: ${title}`}>${status.action.label}<//>
      </article>
    </li>
  `;
}

/** Returns an entry for each approved plugin and for each connection, even if its plugin was removed. */
function listEntries(plugins, connections, isSealed) {
  const byProvider = new Map(connections.map((connection) => [connection.provider, connection]));
  const known = new Set(plugins.map(({ id }) => id));
  const shown = plugins.filter((plugin) => plugin.state === "approved" || byProvider.has(plugin.id));
  const all = [
    ...shown.map((plugin) => ({ plugin, connection: byProvider.get(plugin.id) ?? null })),
    ...connections.filter(({ provider }) => !known.has(provider)).map((connection) => ({ plugin: null, connection })),
  ];
  return all
    .map(({ plugin, connection }) => {
      const id = plugin?.id ?? connection.provider;
      const status = describeStatus({ plugin, connection, isSealed });
      return { id, title: getTitle(plugin ?? { id }), plugin, connection, status };
    })
    .sort((a, b) => a.status.rank - b.status.rank || compareNames(a.title, b.title));
}

/** Announces changes of status to screen readers. */
function Announcer({ entries }) {
  const before = useRef(null);
  const [message, setMessage] = useState("");
  const current = new Map(entries.map(({ id, title, status }) => [id, `${title}: ${status.word}`]));
  useEffect(() => {
    const changed = before.current ? [...current].filter(([id, text]) => before.current.get(id) !== text) : [];
    before.current = current;
    if (changed.length) setMessage(changed.map(([, text]) => text).join(". "));
  }, [[...current.values()].join("|")]);
  return html`<p class="visually-hidden" role="status">${message}</p>`;
}

function describeConnections(entries, isSealed) {
  const connected = entries.filter(({ connection }) => connection).length;
  if (!connected) return "Nothing is connected yet. Start with the service your team uses most.";
  const count = `${formatCount(connected, "service is", "services are")} connected`;
  if (isSealed) return `${count}, but none of them works at the moment.`;
  const countEntries = (is) => entries.filter(({ connection, status }) => connection && is(status)).length;
  const needingYou = countEntries(({ needsYou }) => needsYou);
  const failing = countEntries(({ kind, needsYou }) => kind === "wait" && !needsYou);
  const idle = countEntries(({ kind, needsYou }) => (kind === "off" || kind === "ask") && !needsYou);
  const expiring = countEntries(({ kind }) => kind === "soon");
  const problems = [
    needingYou && `${formatCount(needingYou, "needs", "need")} your attention`,
    failing && `${formatCount(failing, "is", "are")} failing`,
    idle && `${formatCount(idle, "does", "do")} no work`,
    expiring && `${formatCount(expiring, "expires", "expire")} soon`,
  ].filter(Boolean);
  return `${count}. ${problems.length ? `${toSentence(formatList(problems))}.` : "No problem is known."}`;
}

/** Checks all connections at once. Returns `[progress, checkAll]`; the progress is `{done, of}` or null. */
function useCheckAll(entries, reload) {
  const [progress, setProgress] = useState(null);
  const of = entries.length;
  const checkAll = async () => {
    let done = 0;
    let healthy = 0;
    setProgress({ done, of });
    await Promise.all(entries.map(async ({ id }) => {
      const health = await call("GET", `/api/admin/connections/${encodeURIComponent(id)}/health`).catch(() => null);
      if (health?.healthy) healthy += 1;
      setProgress({ done: (done += 1), of });
    }));
    await reload();
    setProgress(null);
    const isGood = healthy === of;
    showToast(isGood ? "All services are healthy." : `${healthy} of ${of} services are healthy.`, isGood ? "ok" : "bad");
  };
  return [progress, checkAll];
}

/** Draws the calling component again from time to time: phrases such as "in 2 minutes" change on their own. */
function useRedraw() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((count) => count + 1), 15_000);
    return () => clearInterval(timer);
  }, []);
}

/** The page of all connections. */
export default function Connections() {
  const { connections, problem, reload } = useConnections();
  const { plugins, problem: pluginsProblem, reload: reloadPlugins } = usePlugins();
  const seal = useSeal();
  useRedraw();
  const failure = problem ?? pluginsProblem;
  const isLoaded = connections && plugins;
  const isSlow = useSlow(!isLoaded && !failure, 150);
  const entries = isLoaded ? listEntries(plugins, connections, seal.isSealed) : [];
  const connected = entries.filter(({ connection }) => connection);
  const unconnected = entries.filter(({ connection }) => !connection);
  const checkable = connected.filter(({ plugin, connection }) => plugin?.state === "approved" && !connection.disconnect);
  const [progress, checkAll] = useCheckAll(checkable, reload);
  const pending = plugins?.filter(({ state, waiting }) => state === "pending" || waiting?.length).length ?? 0;
  const actions = checkable.length > 1 && !seal.isSealed && html`
    <${Button} icon="refresh" isBusy=${progress !== null} onClick=${checkAll}>Check all<//>`;
  return html`
    <${Page} title="Connections" lead=${isLoaded ? describeConnections(entries, seal.isSealed) : " "} actions=${actions}>
      ${seal.isSealed && html`<${Notice} kind="bad" title="The service is sealed" means=${toSentence(seal.reason)}
        todo="No work can run, but nothing is lost. Start the service with the right key."
        action=${html`<${Button} to="/service">See details<//>`} />`}
      ${failure && html`<${Notice} problem=${failure} onRetry=${() => Promise.all([reload(), reloadPlugins()])}
        means=${isLoaded ? "This list may be out of date. The connections themselves are not affected." : undefined} />`}
      ${progress && html`<${Progress} value=${progress.done} max=${progress.of}
        label=${`${progress.done} of ${progress.of} checked`} />`}
      ${isSlow && html`<ul class="cards" aria-hidden="true">${[1, 2, 3].map((key) => html`
        <li key=${key} class="card ghost"></li>`)}</ul>`}
      ${isLoaded && entries.length === 0 && html`<${EmptyState} icon="box" title="No plugin is approved yet"
        action=${html`<${Button} look="primary" to="/providers">Go to plugins<//>`}>
        A plugin connects one service. Approve a plugin, then connect its service here.<//>`}
      ${entries.length > 0 && html`<${Fragment}>
        ${connected.length > 0 && html`<ul class="cards">
          ${connected.map((entry) => html`<${ConnectionCard} key=${entry.id} entry=${entry} onChecked=${reload}
            isChecking=${progress !== null && checkable.includes(entry)} />`)}
        </ul>`}
        ${unconnected.length > 0 && html`<section class="stack" aria-labelledby="unconnected">
          <h2 id="unconnected">${connected.length ? "Not connected yet" : "Ready to connect"}</h2>
          <ul class="cards">${unconnected.map((entry) => html`<${UnconnectedCard} key=${entry.id}
            entry=${entry} />`)}</ul>
        </section>`}
        <${Announcer} entries=${entries} />
      <//>`}
      ${pending > 0 && html`<p class="muted"><${Icon} name="box" /> <${Link} to="/providers">
        ${formatCount(pending, "plugin is", "plugins are")} awaiting approval<//></p>`}
    <//>
  `;
}
