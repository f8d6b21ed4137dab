// The page of one connection: its status, the form or sign-in to connect it, its settings, and the way to disconnect
// it.
import { Alerts } from "./alerts.js";
import { call, Problem } from "./api.js";
import { ConnectForm } from "./connect_form.js";
import { checkConnection, ConnectionFacts } from "./connection_facts.js";
import { describeStatus } from "./connection_status.js";
import { DisconnectDialog } from "./disconnect.js";
import { toSentence } from "./format.js";
import { getTitle, useConnections, usePlugins } from "./live_lists.js";
import { useFlow } from "./oauth_flow.js";
import { OAuthSignIn } from "./oauth_signin.js";
import { OrganisationChoice } from "./organisation_choice.js";
import { explainReason } from "./provider_reasons.js";
import { connectionPath } from "./router.js";
import { useSeal } from "./seal.js";
import { NeededSecrets } from "./secrets_again.js";
import { Button, Monogram, Notice, Page, Progress, Status, useFocusRecovery, useSlow } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const BACK = { to: "/", label: "Connections" };

/** Fields of a health response that are Jackfield's own. All others come from the plugin. */
const OWN_FIELDS = new Set(["configured", "healthy", "checked_at", "latency_ms", "code", "reason"]);

/** The page of one connection. */
export default function Connection({ route }) {
  const id = route.provider;
  const { connections, problem, reload } = useConnections();
  const { plugins, problem: pluginsProblem } = usePlugins();
  const seal = useSeal();
  const plugin = plugins?.find((one) => one.id === id) ?? null;
  const connection = connections?.find(({ provider }) => provider === id) ?? null;
  const title = getTitle(plugin ?? { id });
  const isLoaded = connections && plugins;
  const isSlow = useSlow(!isLoaded);
  const isChosen = connection && connection.status !== "needs_choice";
  const connecting = useConnecting({ id, title, isChosen, reload });
  const { isDone, health, isChecking } = connecting;
  const settings = useSettings(id, Boolean(connection), connecting.round);
  const flow = useFlow(id, connecting.onDone);
  const isCheckSlow = useSlow(isChecking && !isDone);
  const [isDisconnecting, setDisconnecting] = useState(false);
  const content = useRef(null);
  useFocusRecovery(content, isDisconnecting);

  const failure = problem ?? pluginsProblem;
  if (!isLoaded) {
    return html`<${Page} title=${title} back=${BACK}>
      ${failure && html`<${Notice} problem=${failure} onRetry=${reload} />`}
      ${isSlow && !failure && html`<div class="card ghost" aria-hidden="true"></div>`}
    <//>`;
  }
  if (!plugin && !connection) {
    return html`<${Page} title="Provider not found" back=${BACK}>
      <${Notice} problem=${new Problem(404, { code: "unknown_provider" })}
        action=${html`<${Button} to="/providers">Go to plugins<//>`} />
    <//>`;
  }
  const status = describeStatus({ plugin, connection, isSealed: seal.isSealed });
  const canWork = plugin?.state === "approved" && !seal.isSealed;
  const isConnectedNow = isDone && isChosen && status.kind === "ok";
  const connect = canWork && !isConnectedNow && html`<${ConnectSection}
    ...${{ plugin, connection, status, settings, flow, onDone: connecting.onDone }} />`;
  const actions = connection && html`
    ${canWork && isChosen && !connection.disconnect && html`<${Button} icon="refresh" isBusy=${isChecking} onClick=${connecting.check}>
      Check now<//>`}
    ${!seal.isSealed && html`<${Button} look="danger" onClick=${() => setDisconnecting(true)}>Disconnect…<//>`}
  `;
  const lead = connection ? connection.org_name : "Not connected yet";
  return html`
    <${Page} title=${title} lead=${lead} back=${BACK} actions=${actions}>
      ${failure && html`<${Notice} problem=${failure} onRetry=${reload} />`}
      <div class="split" tabindex="-1" ref=${content}>
        <div class="stack loose">
          ${isConnectedNow && html`<${Success} ...${{ plugin, connection, health, isLoading: isChecking }} />`}
          ${!["ok", "none"].includes(status.kind) && html`<${StatusNotice} ...${{ status, connection, canWork }} />`}
          ${isCheckSlow && html`<${Progress} label=${`Checking ${title}…`} />`}
          ${connect && status.kind !== "ok" && connect}
          ${connection && !isConnectedNow && html`<${Overview} plugin=${plugin ?? { title }} connection=${connection}
            settings=${settings} facts=${health?.healthy ? health : connection.last_check?.facts} />`}
          ${connect && status.kind === "ok" && connect}
          ${canWork && isChosen && plugin.capabilities?.alerts && html`<${Alerts} provider=${id} title=${title} />`}
        </div>
        <${Summary} ...${{ id, title, plugin, connection, status }} />
      </div>
      ${isDisconnecting && html`<${DisconnectDialog} provider=${id} title=${title} onDisconnected=${connecting.reset}
        onClose=${() => setDisconnecting(false)} />`}
    <//>
  `;
}

/**
 * Tracks a connect on this page. `isDone` is set once it succeeded, `health` is the last check of this page, and `round`
 * changes when the settings were saved.
 */
function useConnecting({ id, title, isChosen, reload }) {
  const [round, setRound] = useState(0);
  const [isDone, setDone] = useState(false);
  const [health, setHealth] = useState(null);
  const [isChecking, setChecking] = useState(false);
  const check = async () => {
    setChecking(true);
    setHealth(await checkConnection(id, title));
    await reload();
    setChecking(false);
  };
  const onDone = async () => {
    await reload();
    setRound((count) => count + 1);
    setDone(true);
  };
  const reset = () => {
    setDone(false);
    setHealth(null);
    reload();
  };
  // After a connect and the choice of an organisation, a check loads the details that the plugin shows.
  useEffect(() => {
    if (!isDone || !isChosen) return;
    setChecking(true);
    call("GET", `/api/admin/connections/${encodeURIComponent(id)}/health`)
      .then(setHealth, () => {})
      .finally(() => setChecking(false));
  }, [isDone, Boolean(isChosen)]);
  return { round, isDone, health, isChecking, check, onDone, reset };
}

/** Returns the fields of a connection that are not secret: undefined while they load, or if it is not connected. */
function useSettings(id, isConnected, round) {
  const [settings, setSettings] = useState(undefined);
  useEffect(() => {
    if (!isConnected) {
      setSettings(undefined);
      return;
    }
    call("GET", `/api/admin/connections/${encodeURIComponent(id)}/status`).then(
      // Without a prototype, because a plugin may name a field `constructor`.
      ({ configured, ...fields }) => setSettings(Object.assign(Object.create(null), configured && fields)),
      () => setSettings({}),
    );
  }, [id, isConnected, round]);
  return settings;
}

/**
 * The details that a plugin shows in a health response, as `[name, value]`. All of it is shown as text, never as
 * markup.
 */
function listDetails(health) {
  return Object.entries(health ?? {})
    .filter(([name, value]) => !OWN_FIELDS.has(name) && value !== null)
    .map(([name, value]) => [toSentence(name.replaceAll("_", " ")), value]);
}

function formatValue(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const Details = ({ entries }) => html`<dl class="kv">${entries.map(([name, value]) => [
  html`<dt key=${name}>${name}</dt>`,
  html`<dd>${formatValue(value)}</dd>`,
])}</dl>`;

/** The facts, settings and details of a connection. */
function Overview({ plugin, connection, settings, facts }) {
  const labelOf = (name) => plugin.fields?.find((field) => field.name === name)?.label ?? name;
  const set = Object.entries(settings ?? {}).map(([name, value]) => [labelOf(name), value]);
  const details = listDetails(facts);
  return html`
    <section class="card stack" aria-labelledby="overview">
      <h2 id="overview">Overview</h2>
      <div class="connection"><${ConnectionFacts} connection=${connection} /></div>
      ${set.length > 0 && html`<h3>Settings</h3><${Details} entries=${set} />`}
      ${details.length > 0 && html`<h3>Details from ${plugin.title}</h3><${Details} entries=${details} />`}
    </section>
  `;
}

/** Shown after a connect: the details that the plugin found, and what to do next. */
function Success({ plugin, connection, health, isLoading }) {
  const { title, id, capabilities } = plugin;
  const heading = useRef(null);
  const isSlow = useSlow(isLoading);
  useEffect(() => heading.current?.focus(), []);
  return html`
    <section class="card stack" aria-labelledby="success">
      <${Status} kind="ok" word="Connected" />
      <h2 id="success" tabindex="-1" ref=${heading}>
        ${title} is connected${connection?.org_name && ` to ${connection.org_name}`}
      </h2>
      ${isSlow && html`<${Progress} label=${`Loading details from ${title}…`} />`}
      <${Details} entries=${listDetails(health)} />
      <div class="row">
        ${capabilities?.users && html`<${Button} look="primary" to=${connectionPath(id, "match")}>
          Match its users to people<//>`}
        <${Button} look=${capabilities?.users ? "plain" : "primary"} to="/">Go to connections<//>
      </div>
    </section>
  `;
}

/** The status with its explanation, and a link if the connection can do nothing about it here. */
function StatusNotice({ status, connection, canWork }) {
  const kind = { ok: "ok", soon: "warn", wait: "warn", ask: "info", off: "warn", none: "info" }[status.kind] ?? "bad";
  return html`<${Notice} kind=${kind} title=${status.word} means=${status.means}
    todo=${status.todo}>
    ${status.needed && html`<${NeededSecrets} sentences=${status.needed} />
      <div class="row"><${Button} icon="box" to=${`/providers/${encodeURIComponent(connection.provider)}`}>View plugin<//></div>`}
    ${status.hasReason && connection.reason && html`<p class="wrap">Reason: ${explainReason(connection.reason)}</p>`}
    ${!canWork && status.action?.to && html`<div class="row">
      <${Button} to=${status.action.to}>${status.action.label}<//></div>`}
  <//>`;
}

/** The form or the sign-in that connects a provider, or the choice of an organisation. */
function ConnectSection({ plugin, connection, status, settings, flow, onDone }) {
  const isUpdate = Boolean(connection);
  const reasons = { needs_reauth: "rejected", unreadable: "unreadable" };
  const dead = isUpdate && (status.needed ? "needed" : reasons[connection.status]);
  const [isOpen, setOpen] = useState(false);
  const [isChoosing, setChoosing] = useState(false);
  const mustConnect = !isUpdate || dead || connection.status === "expiring" || Boolean(connection.disconnect);
  const isOAuth = plugin.auth === "oauth2";
  const isShown = mustConnect || isOpen || flow.phase !== "idle";
  const canChoose = plugin.capabilities?.accounts && isUpdate;
  const section = useRef(null);
  useFocusRecovery(section, `${isShown} ${isChoosing} ${connection?.status} ${flow.phase} ${flow.isAway}`);
  if (connection?.status === "needs_choice" || isChoosing) {
    return html`<section class="card stack" aria-label="Organisation" tabindex="-1" ref=${section}>
      <${OrganisationChoice} provider=${plugin.id} title=${plugin.title} onChosen=${() => {
        setChoosing(false);
        onDone();
      }} onCancel=${isChoosing ? () => setChoosing(false) : undefined} />
    </section>`;
  }
  const change = isOAuth ? "Sign in again" : "Change settings";
  if (!isShown) {
    return html`<div class="row" role="group" aria-label="Changes" tabindex="-1" ref=${section}>
      <${Button} onClick=${() => setOpen(true)}>${change}<//>
      ${canChoose && html`<${Button} onClick=${() => setChoosing(true)}>Choose another organisation<//>`}
    </div>`;
  }
  const heading = isUpdate ? (mustConnect ? "Reconnect" : change) : "Connect";
  const done = () => {
    setOpen(false);
    onDone();
  };
  return html`
    <section class="card stack loose" aria-labelledby="connect" tabindex="-1" ref=${section}>
      <h2 id="connect">${heading}</h2>
      ${isOAuth
        ? html`<${OAuthSignIn} provider=${plugin.id} title=${plugin.title} isUpdate=${isUpdate} flow=${flow} />`
        : isUpdate && settings === undefined
          ? html`<${Progress} label="Loading settings…" />`
          : html`<${ConnectForm} ...${{ plugin, settings, isUpdate, dead, needed: status.needed }}
              onDone=${done} onCancel=${mustConnect ? undefined : () => setOpen(false)} />`}
    </section>
  `;
}

/** The box beside the page: the status, and links to the pages about this provider. */
function Summary({ id, title, plugin, connection, status }) {
  const hasUsers = connection && plugin?.capabilities?.users && ["ok", "soon", "wait"].includes(status.kind);
  return html`
    <aside class="card stack" aria-label=${`About ${title}`}>
      <div class="row"><${Monogram} id=${id} title=${title} />
        <${Status} ...${status} /></div>
      ${hasUsers && html`<div class="stack tight">
        <${Button} icon="people" to=${connectionPath(id, "users")}>Users<//>
        <${Button} icon="link" to=${connectionPath(id, "match")}>Match to people<//>
      </div>`}
      ${plugin && html`<${Button} icon="box" to=${`/providers/${encodeURIComponent(id)}`}>
        View plugin<//>`}
    </aside>
  `;
}
