// One provider: connect it, see how it stands, mend it, change it, disconnect it.
import { Accounts } from "./accounts.js";
import { Alerts } from "./alerts.js";
import { call, Problem } from "./api.js";
import { checkNow, Facts, useSeal } from "./connections.js";
import { useConnections, useProviders } from "./data.js";
import { Disconnect } from "./disconnect.js";
import { ConnectForm } from "./form.js";
import { sentence } from "./format.js";
import { OAuth, useFlow } from "./oauth.js";
import { connectionPath } from "./router.js";
import { standing } from "./standing.js";
import { Button, Monogram, Notice, Page, Progress, Status, useFoundFocus, useSlow } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const BACK = { to: "/", label: "Connections" };
const OURS = new Set(["configured", "healthy", "checked_at", "latency_ms", "code", "reason"]);

/** What a component reports of itself, as names and words; nothing of it is ever markup. */
function reported(health) {
  const told = Object.entries(health ?? {}).filter(([name, value]) => !OURS.has(name) && value !== null);
  return told.map(([name, value]) => [sentence(name.replaceAll("_", " ")), value]);
}

function inWords(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const Told = ({ entries }) => html`<dl class="kv">${entries.map(([name, value]) => [
  html`<dt key=${name}>${name}</dt>`,
  html`<dd>${inWords(value)}</dd>`,
])}</dl>`;

/** The fields of a connection that are no secrets. */
function useStored(id, isConnected, generation) {
  const [stored, set] = useState(undefined);
  useEffect(() => {
    if (!isConnected) {
      set(undefined);
      return;
    }
    call("GET", `/api/admin/connections/${encodeURIComponent(id)}/status`).then(
      ({ configured, ...fields }) => set(Object.assign(Object.create(null), configured && fields)),
      () => set({}),
    );
  }, [id, isConnected, generation]);
  return stored;
}

/** What is known of a connection that is there: what is set, what was found, what the provider shows. */
function Overview({ provider, connection, stored, health }) {
  const label = (name) => provider?.fields?.find((field) => field.name === name)?.label ?? name;
  const set = Object.entries(stored ?? {});
  const told = reported(health);
  return html`
    <section class="card stack" aria-labelledby="overview">
      <h2 id="overview">Overview</h2>
      <div class="connection"><${Facts} connection=${connection} /></div>
      ${set.length > 0 && html`<h3>Settings</h3><${Told} entries=${set.map(([name, value]) => [label(name), value])} />`}
      ${told.length > 0 && html`<h3>Details from ${provider.title}</h3><${Told} entries=${told} />`}
    </section>
  `;
}

/** It worked: what was learned, and where to go on. */
function Success({ provider, connection, health, isAsking }) {
  const { title, id, capabilities } = provider;
  const heading = useRef(null);
  const isSlow = useSlow(isAsking);
  useEffect(() => heading.current?.focus(), []);
  return html`
    <section class="card stack" aria-labelledby="success">
      <${Status} kind="ok" word="Connected" />
      <h2 id="success" tabindex="-1" ref=${heading}>
        ${title} is connected${connection?.org_name && ` to ${connection.org_name}`}
      </h2>
      ${isSlow && html`<${Progress} label=${`Loading details from ${title}…`} />`}
      <${Told} entries=${reported(health)} />
      <div class="row">
        ${capabilities?.users && html`<${Button} look="primary" to=${connectionPath(id, "match")}>
          Match its users to people<//>`}
        <${Button} look=${capabilities?.users ? "plain" : "primary"} to="/">Go to connections<//>
      </div>
    </section>
  `;
}

/** How it stands, in words, with the one thing to do. */
function Standing({ how, connection, children }) {
  const kind = { ok: "ok", soon: "warn", wait: "warn", ask: "info", off: "warn", none: "info" }[how.kind] ?? "bad";
  const isRight = how.kind === "bad" && connection?.last_check?.code === "permission_missing";
  return html`<${Notice} kind=${kind} title=${how.word} means=${how.means}
    todo=${isRight ? "Grant the credential that permission at the provider, then check again." : undefined}>
    ${how.hasReason && connection.reason && html`<p class="wrap">Reason: ${connection.reason}</p>`}
    ${children}
  <//>`;
}

/** The part in which a credential is entered, or an organisation chosen. */
function Way({ provider, connection, stored, flow, onDone }) {
  const isUpdate = Boolean(connection);
  const [isOpen, open] = useState(false);
  const isDead = isUpdate && ["needs_reauth", "unreadable"].includes(connection.status);
  const mustConnect = !isUpdate || isDead || connection.status === "expiring";
  const isOAuth = provider.auth === "oauth2";
  const isShown = mustConnect || isOpen || flow.phase !== "idle";
  const canChoose = provider.capabilities?.accounts && isUpdate;
  const [isChoosing, setChoosing] = useState(false);
  const box = useRef(null);
  useFoundFocus(box, `${isShown} ${isChoosing} ${connection?.status} ${flow.phase} ${flow.isAway}`);
  if (connection?.status === "needs_choice" || isChoosing) {
    return html`<section class="card stack" aria-label="Organisation" tabindex="-1" ref=${box}>
      <${Accounts} provider=${provider} onChosen=${() => {
        setChoosing(false);
        onDone();
      }} onCancel=${isChoosing ? () => setChoosing(false) : undefined} />
    </section>`;
  }
  if (!isShown) {
    return html`<div class="row" role="group" aria-label="Changes" tabindex="-1" ref=${box}>
      <${Button} onClick=${() => open(true)}>${isOAuth ? "Sign in again" : "Change settings"}<//>
      ${canChoose && html`<${Button} onClick=${() => setChoosing(true)}>Choose another organisation<//>`}
    </div>`;
  }
  const change = isOAuth ? "Sign in again" : "Change settings";
  const title = isUpdate ? (mustConnect ? "Reconnect" : change) : "Connect";
  const done = () => {
    open(false);
    onDone();
  };
  return html`
    <section class="card stack loose" aria-labelledby="way" tabindex="-1" ref=${box}>
      <h2 id="way">${title}</h2>
      ${isOAuth
        ? html`<${OAuth} provider=${provider} isUpdate=${isUpdate} flow=${flow} />`
        : isUpdate && stored === undefined
          ? html`<${Progress} label="Loading settings…" />`
          : html`<${ConnectForm} provider=${provider} stored=${stored} isUpdate=${isUpdate} isDead=${isDead}
              onDone=${done} onCancel=${mustConnect ? undefined : () => open(false)} />`}
    </section>
  `;
}

/** The page of one provider. */
export default function Connect({ route }) {
  const id = route.provider;
  const { connections, problem, reload } = useConnections();
  const { providers, problem: providersProblem } = useProviders();
  const seal = useSeal();
  const [round, setRound] = useState(0);
  const [isDone, setDone] = useState(false);
  const [health, setHealth] = useState(null);
  const [isAsking, setAsking] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  const provider = providers?.find((one) => one.id === id) ?? null;
  const connection = connections?.find((one) => one.provider === id) ?? null;
  const title = provider?.title ?? id;
  const isThere = connections && providers;
  const isSlow = useSlow(!isThere);
  const isAskingSlow = useSlow(isAsking && !isDone);
  const stored = useStored(id, Boolean(connection), round);

  const ask = async () => {
    setAsking(true);
    setHealth(await checkNow(id, title));
    await reload();
    setAsking(false);
  };
  const done = async () => {
    await reload();
    setRound((count) => count + 1);
    setDone(true);
  };
  const flow = useFlow(id, done);
  const top = useRef(null);
  useFoundFocus(top, isLeaving);
  const isChosen = connection && connection.status !== "needs_choice";
  // Once it is connected and the organisation is chosen: what does the provider show?
  useEffect(() => {
    if (!isDone || !isChosen) return;
    setAsking(true);
    call("GET", `/api/admin/connections/${encodeURIComponent(id)}/health`)
      .then(setHealth, () => {})
      .finally(() => setAsking(false));
  }, [isDone, Boolean(isChosen)]);

  const failure = problem ?? providersProblem;
  if (!isThere) {
    return html`<${Page} title=${title} back=${BACK}>
      ${failure && html`<${Notice} problem=${failure} onRetry=${reload} />`}
      ${isSlow && !failure && html`<div class="card ghost" aria-hidden="true"></div>`}
    <//>`;
  }
  if (!provider && !connection) {
    return html`<${Page} title="Provider not found" back=${BACK}>
      <${Notice} problem=${new Problem(404, { code: "unknown_provider" })}
        action=${html`<${Button} to="/providers">Go to plugins<//>`} />
    <//>`;
  }
  const how = standing({ provider, connection, isSealed: seal.isSealed });
  const canWork = provider?.state === "approved" && !seal.isSealed;
  const hasUsers = connection && provider?.capabilities?.users && ["ok", "soon", "wait"].includes(how.kind);
  const isWell = isDone && isChosen && how.kind === "ok";
  const way = canWork && !isWell && html`<${Way} provider=${provider} connection=${connection} stored=${stored}
    flow=${flow} onDone=${done} />`;
  const actions = connection && html`
    ${canWork && isChosen && html`<${Button} icon="refresh" isBusy=${isAsking} onClick=${ask}>Check now<//>`}
    ${!seal.isSealed && html`<${Button} look="danger" onClick=${() => setLeaving(true)}>Disconnect…<//>`}
  `;
  const lead = connection?.org_name ?? (connection ? "No organisation yet" : "Not connected yet");
  return html`
    <${Page} title=${title} lead=${lead} back=${BACK} actions=${actions}>
      ${failure && html`<${Notice} problem=${failure} onRetry=${reload} />`}
      <div class="split" tabindex="-1" ref=${top}>
        <div class="stack loose">
          ${isWell && html`<${Success} provider=${provider} connection=${connection} health=${health}
            isAsking=${isAsking} />`}
          ${!["ok", "none"].includes(how.kind) && html`<${Standing} how=${how} connection=${connection}>
            ${!canWork && how.action?.to && html`<div class="row">
              <${Button} to=${how.action.to}>${how.action.label}<//></div>`}
          <//>`}
          ${isAskingSlow && html`<${Progress} label=${`Checking ${title}…`} />`}
          ${way && how.kind !== "ok" && way}
          ${connection && !isWell && html`<${Overview} provider=${provider ?? { title }} connection=${connection}
            stored=${stored} health=${health?.healthy ? health : null} />`}
          ${way && how.kind === "ok" && way}
          ${canWork && isChosen && provider.capabilities?.alerts && html`<${Alerts} provider=${provider} />`}
        </div>
        <aside class="card stack" aria-label=${`About ${title}`}>
          <div class="row"><${Monogram} id=${id} title=${title} />
            <${Status} kind=${how.kind} word=${how.word} /></div>
          ${hasUsers && html`<div class="stack tight">
            <${Button} icon="people" to=${connectionPath(id, "users")}>Users<//>
            <${Button} icon="link" to=${connectionPath(id, "match")}>Match to people<//>
          </div>`}
          ${provider && html`<${Button} look="quiet" icon="box" to=${`/providers/${encodeURIComponent(id)}`}>
            View plugin<//>`}
        </aside>
      </div>
      ${isLeaving && html`<${Disconnect} provider=${{ id, title }} onGone=${() => {
        setDone(false);
        setHealth(null);
        reload();
      }} onClose=${() => setLeaving(false)} />`}
    <//>
  `;
}
