// The first page: a card for each provider, how it stands, and what to do next. Cards change as the service tells.
import { call } from "./api.js";
import { useConnections, useProviders } from "./data.js";
import { useEvents } from "./events.js";
import { compare, duration, plural, sentence } from "./format.js";
import { connectionPath, Link } from "./router.js";
import { standing } from "./standing.js";
import { Button, Empty, Icon, Monogram, Notice, Page, Progress, Status, Time, toast, useSlow } from "./ui.js";
import { Fragment, html, useEffect, useRef, useState } from "./vendor/preact.js";

/** Asks a provider how it is. Says the outcome, and gives it back. */
export async function checkNow(id, title) {
  try {
    const health = await call("GET", `/api/admin/connections/${encodeURIComponent(id)}/health`);
    if (health.healthy) toast(`${title} responded in ${duration(health.latency_ms)}.`);
    else toast(`${title} has a problem: ${health.reason ?? "no reason given"}`, "bad");
    return health;
  } catch (problem) {
    toast(`${title} could not be checked: ${problem.message}`, "bad");
    return null;
  }
}

/** What is known of a connection: who, when, the last check, the token. */
export function Facts({ connection }) {
  const { last_check: last, token_expires_at: ends } = connection;
  return html`
    <ul class="facts">
      <li>Connected <${Time} at=${connection.connected_at} /> by ${connection.connected_by}</li>
      ${last && html`<li>${last.healthy ? "Checked" : "Check failed"} <${Time} at=${last.at} />${" "}
        ${last.healthy && `in ${duration(last.latency_ms)}`}</li>`}
      ${ends && html`<li>${Date.parse(ends) > Date.now() ? "Token expires" : "Token expired"} <${Time} at=${ends} />,${" "}
        ${connection.status === "expiring" ? "not renewed automatically" : "renewed automatically"}</li>`}
      ${connection.status !== "connected" && html`<li>Status changed <${Time} at=${connection.since} /></li>`}
    </ul>
  `;
}

function Card({ entry, onChecked, isAsked }) {
  const { id, title, provider, connection, how } = entry;
  const [isBusy, setBusy] = useState(false);
  const [isFresh, setFresh] = useState(false);
  const isSlow = useSlow(isBusy || isAsked);
  const shown = `${how.word}|${connection?.org_name}`;
  const before = useRef(shown);
  useEffect(() => {
    if (before.current === shown) return undefined;
    before.current = shown;
    setFresh(true);
    const timer = setTimeout(() => setFresh(false), 1_700);
    return () => clearTimeout(timer);
  }, [shown]);
  const check = async () => {
    setBusy(true);
    await checkNow(id, title);
    await onChecked();
    setBusy(false);
  };
  const { action } = how;
  // What is to be read has a line of its own; what is well is small.
  const isWide = Boolean(how.means);
  const act = action.does === "check"
    ? html`<${Button} look=${action.look} icon="refresh" isBusy=${isBusy || isAsked} onClick=${check}
        aria-label=${`${action.label}: ${title}`}>${action.label}<//>`
    : html`<${Button} look=${action.look} to=${action.to} aria-label=${`${action.label}: ${title}`}>${action.label}<//>`;
  return html`
    <li class=${isWide ? "wide" : ""}>
      <article class=${`card connection ${how.needsYou ? "needs-you" : ""} ${isFresh ? "fresh" : ""}`} data-provider=${id}
        data-status=${connection?.status ?? "none"} aria-labelledby=${`card-${id}`}>
        <div class="connection-what">
          <div class="connection-head">
            <${Monogram} id=${id} title=${title} />
            <div>
              <h2 id=${`card-${id}`}><${Link} to=${connectionPath(id)}>${title}<//></h2>
              <p class="muted small" title=${connection?.org_name ?? undefined}>
                ${connection?.org_name ?? "No organisation yet"}</p>
            </div>
          </div>
          <p><${Status} kind=${how.kind} word=${how.word} /></p>
          ${connection && html`<${Facts} connection=${connection} />`}
        </div>
        <div class="connection-todo">
          ${how.means && html`<p class="means">${how.means}</p>`}
          ${how.hasReason && connection.reason && html`<p class="means muted">Reason: ${connection.reason}</p>`}
          ${isSlow && html`<${Progress} label=${`Checking ${title}…`} />`}
          <div class="row apart">
            ${act}
            ${connection && provider?.capabilities?.users && how.kind === "ok" && html`
              <${Link} to=${connectionPath(id, "users")} class="small">Users<span class="unseen"> of ${title}</span><//>`}
          </div>
        </div>
      </article>
    </li>
  `;
}

/** A provider that waits to be connected, in one line. */
function Offer({ entry: { id, title, how } }) {
  return html`
    <li>
      <article class="card offer" data-provider=${id} data-status="none" aria-labelledby=${`card-${id}`}>
        <${Monogram} id=${id} title=${title} />
        <div>
          <h3 id=${`card-${id}`}><${Link} to=${connectionPath(id)}>${title}<//></h3>
          ${how.kind === "none"
            ? html`<p class="muted small">${how.word}</p>`
            : html`<p><${Status} kind=${how.kind} word=${how.word} /></p>`}
        </div>
        <${Button} to=${how.action.to} aria-label=${`${how.action.label}: ${title}`}>${how.action.label}<//>
      </article>
    </li>
  `;
}

/** One entry for each provider that may run, and for each connection whose plugin is not there. */
function entriesOf(providers, connections, isSealed) {
  const byProvider = new Map(connections.map((connection) => [connection.provider, connection]));
  const known = new Set(providers.map((provider) => provider.id));
  const shown = providers.filter((provider) => provider.state === "approved" || byProvider.has(provider.id));
  const all = [
    ...shown.map((provider) => ({ provider, connection: byProvider.get(provider.id) ?? null })),
    ...connections
      .filter((connection) => !known.has(connection.provider))
      .map((connection) => ({ provider: null, connection })),
  ];
  return all
    .map(({ provider, connection }) => {
      const id = provider?.id ?? connection.provider;
      const how = standing({ provider, connection, isSealed });
      return { id, title: provider?.title ?? id, provider, connection, how };
    })
    .sort((a, b) => a.how.rank - b.how.rank || compare(a.title, b.title));
}

/** Says aloud what changed, for who does not see the cards. */
function Spoken({ entries }) {
  const before = useRef(null);
  const [words, say] = useState("");
  const now = new Map(entries.map(({ id, title, how }) => [id, `${title}: ${how.word}`]));
  const shown = [...now.values()].join("|");
  useEffect(() => {
    const changed = before.current ? [...now].filter(([id, what]) => before.current.get(id) !== what) : [];
    before.current = now;
    if (changed.length) say(changed.map(([, what]) => what).join(". "));
  }, [shown]);
  return html`<p class="unseen" role="status">${words}</p>`;
}

/** Whether the service is sealed, and why: asked beside the lists. */
export function useSeal() {
  const [key, set] = useState(null);
  const look = (options) =>
    call("GET", "/api/admin/service", undefined, options).then((service) => set(service.key), () => {});
  useEffect(() => {
    look();
  }, []);
  // A restart with the right key opens it; the stream comes back then.
  useEvents({}, (_, { isFirst }) => isFirst || look({ isBackground: true }));
  return { isSealed: key?.state === "sealed", reason: key?.reason ?? null };
}

function lead(entries, isSealed) {
  const connected = entries.filter(({ connection }) => connection).length;
  if (!connected) return "Nothing is connected yet. Start with the service your team uses most.";
  if (isSealed) return `${plural(connected, "service is", "services are")} connected, and none can work right now.`;
  const waiting = entries.filter(({ how }) => how.needsYou).length;
  const failing = entries.filter(({ connection, how }) => connection && how.kind === "wait").length;
  const rest = waiting
    ? `${plural(waiting, "needs", "need")} your attention.`
    : failing
      ? `${plural(failing, "is", "are")} failing at the moment and retried automatically.`
      : "Nothing needs your attention.";
  return `${plural(connected, "service is", "services are")} connected. ${rest}`;
}

/** The page of all connections. */
export default function Connections() {
  const { connections, problem, reload } = useConnections();
  const { providers, problem: providersProblem, reload: reloadProviders } = useProviders();
  const seal = useSeal();
  const [asked, setAsked] = useState(null);
  // Words such as "in 2 minutes" and what has run out change with the time alone.
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((count) => count + 1), 15_000);
    return () => clearInterval(timer);
  }, []);
  const failure = problem ?? providersProblem;
  const isThere = connections && providers;
  const isSlow = useSlow(!isThere && !failure, 150);
  const entries = isThere ? entriesOf(providers, connections, seal.isSealed) : [];
  const connected = entries.filter(({ connection }) => connection);
  const offered = entries.filter(({ connection }) => !connection);
  const askable = entries.filter(({ provider, connection }) => connection && provider?.state === "approved");
  const pending = providers?.filter((provider) => provider.state === "pending" || provider.waiting?.length).length ?? 0;
  const checkAll = async () => {
    let done = 0;
    let well = 0;
    setAsked({ done, of: askable.length });
    await Promise.all(askable.map(async ({ id }) => {
      const path = `/api/admin/connections/${encodeURIComponent(id)}/health`;
      const health = await call("GET", path).catch(() => null);
      if (health?.healthy) well += 1;
      setAsked({ done: (done += 1), of: askable.length });
    }));
    await reload();
    setAsked(null);
    toast(`${well} of ${plural(askable.length, "service")} responded well.`, well === askable.length ? "ok" : "bad");
  };
  const actions = askable.length > 1 && !seal.isSealed && html`
    <${Button} icon="refresh" isBusy=${asked !== null} onClick=${checkAll}>Check all<//>`;
  return html`
    <${Page} title="Connections" lead=${isThere ? lead(entries, seal.isSealed) : " "} actions=${actions}>
      ${seal.isSealed && html`<${Notice} kind="bad" title="The service is sealed" means=${sentence(seal.reason)}
        todo="No work can run, but nothing is lost. Start the service with the right key."
        action=${html`<${Button} to="/service">See details<//>`} />`}
      ${failure && html`<${Notice} problem=${failure} onRetry=${() => Promise.all([reload(), reloadProviders()])}
        means=${isThere ? "This list may be out of date. The connections themselves are not affected." : undefined} />`}
      ${asked && html`<${Progress} value=${asked.done} max=${asked.of}
        label=${`${asked.done} of ${asked.of} checked`} />`}
      ${isSlow && html`<ul class="cards" aria-hidden="true">${[1, 2, 3].map((key) => html`
        <li key=${key} class="card ghost"></li>`)}</ul>`}
      ${isThere && entries.length === 0 && html`<${Empty} icon="box" title="No plugin is approved yet"
        action=${html`<${Button} look="primary" to="/providers">Go to plugins<//>`}>
        Each service is reached through a plugin. Approve one to connect it here.<//>`}
      ${entries.length > 0 && html`<${Fragment}>
        ${connected.length > 0 && html`<ul class="cards">
          ${connected.map((entry) => html`<${Card} key=${entry.id} entry=${entry} onChecked=${reload}
            isAsked=${asked !== null && askable.includes(entry)} />`)}
        </ul>`}
        ${offered.length > 0 && html`<section class="stack" aria-labelledby="offered">
          <h2 id="offered">${connected.length ? "Not connected yet" : "Ready to connect"}</h2>
          <ul class="cards offers">${offered.map((entry) => html`<${Offer} key=${entry.id} entry=${entry} />`)}</ul>
        </section>`}
        <${Spoken} entries=${entries} />
      <//>`}
      ${pending > 0 && html`<p class="muted"><${Icon} name="box" /> <${Link} to="/providers">
        ${plural(pending, "plugin is", "plugins are")} awaiting approval<//></p>`}
    <//>
  `;
}
