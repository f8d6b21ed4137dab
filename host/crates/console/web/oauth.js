// Connecting by OAuth: the provider's window, how its flow goes on, and whatever may come between.
import { call, Problem } from "./api.js";
import { sentence } from "./format.js";
import { wordOf } from "./problems.js";
import { Button, Field, Notice, Progress, Time, toast, useSlow } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

const CHANNEL = "jackfield-oauth";
const KEPT = "jackfield.flows";
const POLL_MS = 2_000;

const path = (provider, rest) => `/api/admin/connections/${encodeURIComponent(provider)}/${rest}`;

// ---- which flow a state belongs to, for the landing page in the other window; no code and no token is ever kept -----

function flows() {
  try {
    const kept = Object.entries(JSON.parse(localStorage.getItem(KEPT)) ?? {});
    return Object.fromEntries(kept.filter(([, flow]) => Date.parse(flow.expires_at) > Date.now()));
  } catch {
    return {};
  }
}

function keep(state, flow) {
  localStorage.setItem(KEPT, JSON.stringify({ ...flows(), [state]: flow }));
}

function forget(isOver) {
  const rest = Object.entries(flows()).filter(([, flow]) => !isOver(flow));
  localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(rest)));
}

/** A flow of this provider that was begun here, or in another tab, and is not over. */
function openFlow(provider) {
  const found = Object.values(flows()).filter((flow) => flow.provider === provider);
  return found.sort((a, b) => Date.parse(b.expires_at) - Date.parse(a.expires_at))[0] ?? null;
}

// ---- the window ------------------------------------------------------------------------------------------------------

/** Opens an empty window; within the click, or the browser takes it for an advertisement. Null where it does so. */
function openWindow(provider) {
  const [width, height] = [600, 760];
  const left = Math.max(0, screenX + (outerWidth - width) / 2);
  const top = Math.max(0, screenY + (outerHeight - height) / 2);
  const name = `jackfield-${provider}`;
  const opened = window.open("", name, `popup,width=${width},height=${height},left=${left},top=${top}`);
  if (!opened || opened.closed) return null;
  try {
    opened.document.title = "One moment…";
    opened.document.body.textContent = "One moment: contacting the provider…";
  } catch {
    // A window of that name was already at the provider. It is led on from there.
  }
  return opened;
}

/**
 * The state of one flow: `{phase, url, expiresAt, reason, problem, begin, cancel}`. Phases: `idle`, `asking`, `waiting`
 * (with `isAway` once the window cannot be seen any more, `isBlocked` where there is none), `failed`, `expired`.
 * `onDone` is called when it succeeded.
 */
export function useFlow(provider, onDone) {
  const [state, set] = useState({ phase: "idle" });
  const opened = useRef(null);
  const flowId = state.flow?.flow_id;
  const done = useRef(onDone);
  done.current = onDone;

  useEffect(() => {
    const flow = openFlow(provider);
    if (flow) set({ phase: "waiting", flow, isElsewhere: true });
  }, [provider]);

  useEffect(() => {
    if (state.phase !== "waiting") return undefined;
    let isOver = false;
    const end = (next) => {
      if (isOver) return;
      isOver = true;
      // One that worked makes every other sign-in at this provider needless.
      forget((flow) => flow.flow_id === flowId || (next.phase === "idle" && flow.provider === provider));
      opened.current?.close();
      opened.current = null;
      set(next);
      if (next.phase === "idle") done.current();
    };
    const look = async () => {
      if (Date.parse(state.flow.expires_at) <= Date.now()) return end({ phase: "expired" });
      try {
        const found = await call("GET", path(provider, `auth-flows/${encodeURIComponent(flowId)}`), undefined, { isBackground: true });
        if (found.status === "succeeded") return end({ phase: "idle" });
        if (found.status === "failed") return end({ phase: "failed", reason: found.reason });
        if (found.status === "expired") return end({ phase: "expired" });
      } catch (problem) {
        // The network may come back; a flow that is not ours any more does not.
        if (problem.status === 404) return end({ phase: "expired" });
      }
      const isAway = Boolean(opened.current?.closed);
      if (!isOver) set((before) => (before.isAway === isAway ? before : { ...before, isAway }));
      return undefined;
    };
    const channel = new BroadcastChannel(CHANNEL);
    // Nothing of the message is believed but that it is time to ask.
    channel.onmessage = ({ data }) => data?.flow_id === flowId && look();
    const timer = setInterval(look, POLL_MS);
    look();
    return () => {
      isOver = true;
      channel.close();
      clearInterval(timer);
    };
  }, [state.phase, flowId]);

  const begin = async () => {
    const window = openWindow(provider);
    opened.current = window;
    set({ phase: "asking" });
    try {
      const asked = await call("GET", path(provider, "auth-url"));
      const url = asked.reroute_url ?? asked.url;
      const flow = { flow_id: asked.flow_id, provider, expires_at: asked.expires_at };
      // What was begun here before is what this one is in place of; its window is this very window.
      forget((before) => before.flow_id === flowId);
      keep(new URL(asked.url).searchParams.get("state"), flow);
      if (!/^https?:$/.test(new URL(url).protocol)) throw new Problem(502, { code: "plugin_fault" });
      if (window) window.location.replace(url);
      set({ phase: "waiting", flow, url, isBlocked: !window });
    } catch (problem) {
      window?.close();
      set({ phase: "failed", problem });
    }
  };
  const cancel = () => {
    forget((flow) => flow.flow_id === flowId);
    opened.current?.close();
    opened.current = null;
    set({ phase: "idle" });
  };
  const show = () => opened.current?.focus();
  return { ...state, begin, cancel, show };
}

// ---- what is seen of it ----------------------------------------------------------------------------------------------

function Waiting({ title, flow }) {
  const { isBlocked, isAway, isElsewhere, url, begin, cancel, show } = flow;
  const until = html`It expires <${Time} at=${flow.flow.expires_at} />.`;
  if (isBlocked) {
    return html`
      <${Notice} kind="warn" title="Your browser blocked the window"
        means=${`Open ${title}'s page with this link instead. This page continues on its own once you are done there.`}>
        <div class="row">
          <a class="button primary" href=${url} target="_blank" rel="noopener noreferrer">Open ${title} in a new tab</a>
          <${Button} onClick=${cancel}>Cancel<//>
        </div>
      <//>`;
  }
  if (isAway || isElsewhere) {
    return html`
      <${Notice} kind="warn"
        title=${isAway
          ? `The ${title} window was closed, or cannot be seen from here`
          : `A sign-in at ${title} is already in progress`}
        means=${isAway
          ? "If it is still open, finish there. If not, nothing has happened: open it again."
          : "It was started in another tab, or before this page was loaded. Finish it there, or start over."}>
        <${Progress} label="Waiting for the provider's answer…" />
        <div class="row">
          <${Button} look="primary" onClick=${begin}>${isAway ? "Open it again" : "Start over"}<//>
          <${Button} onClick=${cancel}>Cancel<//>
        </div>
      <//>`;
  }
  return html`
    <div class="stack">
      <${Progress} label=${`Waiting for you at ${title}, in the other window…`} />
      <p class="muted">Allow access there and choose your organisation. ${until}</p>
      <div class="row">
        <${Button} onClick=${show}>Show window<//>
        <${Button} look="quiet" onClick=${cancel}>Cancel<//>
      </div>
    </div>`;
}

/** Why a flow failed, as a sentence. */
function inWords(reason) {
  const word = wordOf(reason);
  if (word?.startsWith("access_denied")) return "Access was declined there.";
  return sentence(word ?? reason);
}

/** The button that begins, and whatever came of it. */
export function OAuth({ provider, isUpdate, flow }) {
  const { title } = provider;
  const isSlow = useSlow(flow.phase === "asking");
  const [isSetting, setSetting] = useState(false);
  const needsApp = flow.problem?.code === "unsupported";
  if (needsApp || isSetting) {
    return html`<${App} provider=${provider} isMissing=${needsApp} onCancel=${() => setSetting(false)}
      onDone=${() => {
        setSetting(false);
        flow.cancel();
      }} />`;
  }
  if (flow.phase === "waiting") return html`<${Waiting} title=${title} flow=${flow} />`;
  return html`
    <div class="stack">
      ${flow.phase === "expired" && html`<${Notice} kind="warn" title="The sign-in expired"
        means="It has to be finished within ten minutes. Nothing was changed." todo="Start again." />`}
      ${flow.phase === "failed" && flow.problem && html`<${Notice} problem=${flow.problem} />`}
      ${flow.phase === "failed" && !flow.problem && html`<${Notice} kind="bad" title=${`${title} was not connected`}
        means=${inWords(flow.reason)} todo="Nothing was changed. If you declined by mistake, start again." />`}
      <p>${title} opens in a new window. Sign in there and allow access; the window closes on its own.</p>
      ${isSlow && html`<${Progress} label=${`Preparing the sign-in at ${title}…`} />`}
      <div class="row">
        <${Button} look="primary" icon="away" isBusy=${flow.phase === "asking"} onClick=${flow.begin}>
          ${isUpdate ? `Sign in at ${title} again` : `Sign in at ${title}`}<//>
        <${Button} look="quiet" onClick=${() => setSetting(true)}>Set up the OAuth app<//>
      </div>
    </div>
  `;
}

/** Under which app this service is known at the provider. */
function App({ provider, isMissing, onDone, onCancel }) {
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const wrong = (name) => problem?.errors.find(({ field }) => field === name)?.message;
  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem(null);
    try {
      const body = { client_id: id.trim(), ...(secret.trim() && { client_secret: secret.trim() }) };
      await call("PUT", `/api/admin/providers/${encodeURIComponent(provider.id)}/oauth-app`, body);
      setSecret("");
      onDone();
    } catch (refusal) {
      setProblem(refusal);
    } finally {
      setBusy(false);
    }
  };
  const back = `${location.origin}/oauth/callback`;
  const copy = () => navigator.clipboard.writeText(back).then(() => toast("Copied."), () => {});
  return html`
    <form class="stack" onSubmit=${save} novalidate autocomplete="off">
      ${isMissing && html`<${Notice} kind="info" title=${`${provider.title} does not know this Jackfield yet`}
        means=${`Create an OAuth app in ${provider.title}'s developer console, with the redirect URL below.`}
        todo="Then enter its client ID and secret here. This is needed only once." />`}
      <div>
        <p class="strong">Redirect URL</p>
        <p class="row"><code>${back}</code>
          ${navigator.clipboard && html`<${Button} look="quiet" onClick=${copy}>Copy<//>`}</p>
      </div>
      <${Field} label="Client ID" value=${id} onInput=${setId} required error=${wrong("client_id")} name="client_id" />
      <${Field} label="Client secret" value=${secret} onInput=${setSecret} isSecret isOptional name="client_secret"
        error=${wrong("client_secret")} help="Sealed when saved, and never shown again. Public clients have none." />
      ${problem && !problem.errors.length && html`<${Notice} problem=${problem} />`}
      <div class="row">
        <${Button} type="submit" look="primary" isBusy=${isBusy} disabled=${!id.trim()}>Save app<//>
        ${!isMissing && html`<${Button} onClick=${onCancel}>Cancel<//>`}
      </div>
    </form>
  `;
}
