// One OAuth flow: it opens the provider's page in a window, and waits until the service has the result.
import { call, Problem } from "./api.js";
import { useEffect, useRef, useState } from "./vendor/preact.js";

const CHANNEL = "jackfield-oauth";
const STORAGE_KEY = "jackfield.flows";
const POLL_MS = 2_000;

const pathOf = (provider, rest) => `/api/admin/connections/${encodeURIComponent(provider)}/${rest}`;

// The callback page in the other window finds the flow of its `state` in the local storage. No code or token is stored.

function readFlows() {
  try {
    const stored = Object.entries(JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {});
    return Object.fromEntries(stored.filter(([, flow]) => Date.parse(flow.expires_at) > Date.now()));
  } catch {
    return {};
  }
}

function storeFlow(state, flow) {
  localStorage.setItem(STORAGE_KEY, JSON.stringify({ ...readFlows(), [state]: flow }));
}

function removeFlows(isOver) {
  const rest = Object.entries(readFlows()).filter(([, flow]) => !isOver(flow));
  localStorage.setItem(STORAGE_KEY, JSON.stringify(Object.fromEntries(rest)));
}

/** Finds the newest pending flow of a provider, started in this tab or another one. */
function findPendingFlow(provider) {
  const found = Object.values(readFlows()).filter((flow) => flow.provider === provider);
  return found.sort((a, b) => Date.parse(b.expires_at) - Date.parse(a.expires_at))[0] ?? null;
}

/**
 * Opens an empty window. Call it inside a click handler, otherwise the browser blocks it. Returns null if it was
 * blocked.
 */
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
    // A window with this name is already open at the provider. It is navigated from there.
  }
  return opened;
}

/**
 * The flow of a provider: `{phase, flow, url, reason, problem, start, cancel, showWindow}`. `onDone` is called when it
 * succeeded. The phases are:
 * - `idle`;
 * - `starting`: the service prepares the flow;
 * - `waiting` for the provider, with `isBlocked` if the browser blocked the window, `isAway` if the window was closed or
 *   cannot be seen from here, and `isElsewhere` if the flow was started in another tab;
 * - `failed`, with a `reason` or a `problem`;
 * - `expired`.
 */
export function useFlow(provider, onDone) {
  const [state, setState] = useState({ phase: "idle" });
  const popup = useRef(null);
  const flowId = state.flow?.flow_id;
  const done = useRef(onDone);
  done.current = onDone;

  useEffect(() => {
    const flow = findPendingFlow(provider);
    if (flow) setState({ phase: "waiting", flow, isElsewhere: true });
  }, [provider]);

  useFlowResult({ provider, state, setState, popup, done });

  const start = async () => {
    const opened = openWindow(provider);
    popup.current = opened;
    setState({ phase: "starting" });
    try {
      const answer = await call("GET", pathOf(provider, "auth-url"));
      const url = answer.reroute_url ?? answer.url;
      const flow = { flow_id: answer.flow_id, provider, expires_at: answer.expires_at };
      // The new flow replaces the previous one of this page, and uses its window.
      removeFlows((before) => before.flow_id === flowId);
      storeFlow(new URL(answer.url).searchParams.get("state"), flow);
      if (!/^https?:$/.test(new URL(url).protocol)) throw new Problem(502, { code: "plugin_fault" });
      if (opened) opened.location.replace(url);
      setState({ phase: "waiting", flow, url, isBlocked: !opened });
    } catch (problem) {
      opened?.close();
      setState({ phase: "failed", problem });
    }
  };
  const cancel = () => {
    removeFlows((flow) => flow.flow_id === flowId);
    popup.current?.close();
    popup.current = null;
    setState({ phase: "idle" });
  };
  const showWindow = () => popup.current?.focus();
  return { ...state, start, cancel, showWindow };
}

/** Asks the service for the result while a flow is waiting: at intervals, and when the callback page reports one. */
function useFlowResult({ provider, state, setState, popup, done }) {
  const flowId = state.flow?.flow_id;
  useEffect(() => {
    if (state.phase !== "waiting") return undefined;
    let isOver = false;
    const finish = (next) => {
      if (isOver) return;
      isOver = true;
      // After a success, other pending flows of this provider are not needed.
      removeFlows((flow) => flow.flow_id === flowId || (next.phase === "idle" && flow.provider === provider));
      popup.current?.close();
      popup.current = null;
      setState(next);
      if (next.phase === "idle") done.current();
    };
    const poll = async () => {
      if (Date.parse(state.flow.expires_at) <= Date.now()) return finish({ phase: "expired" });
      try {
        const path = pathOf(provider, `auth-flows/${encodeURIComponent(flowId)}`);
        const found = await call("GET", path, undefined, { isBackground: true });
        if (found.status === "succeeded") return finish({ phase: "idle" });
        if (found.status === "failed") return finish({ phase: "failed", reason: found.reason });
        if (found.status === "expired") return finish({ phase: "expired" });
      } catch (problem) {
        // Other failures may be temporary.
        if (problem.status === 404) return finish({ phase: "expired" });
      }
      const isAway = Boolean(popup.current?.closed);
      if (!isOver) setState((before) => (before.isAway === isAway ? before : { ...before, isAway }));
      return undefined;
    };
    const channel = new BroadcastChannel(CHANNEL);
    // The message only says when to ask. The result comes from the service.
    channel.onmessage = ({ data }) => data?.flow_id === flowId && poll();
    const timer = setInterval(poll, POLL_MS);
    poll();
    return () => {
      isOver = true;
      channel.close();
      clearInterval(timer);
    };
  }, [state.phase, flowId]);
}
