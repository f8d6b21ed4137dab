// The page that matches a provider's accounts to people: a plan to review, apply, and undo as a whole.
import { call, Problem } from "./api.js";
import { formatCount, formatDuration, formatNumber } from "./format.js";
import { titleOf, useConnections, usePlugins } from "./live_lists.js";
import { MatchPlan } from "./match_plan.js";
import { MATCH_STATUSES } from "./match_reasons.js";
import { connectionPath } from "./router.js";
import { Button, EmptyState, Notice, Page, Progress, Time, useFocusRecovery } from "./ui.js";
import { html, useEffect, useRef, useState } from "./vendor/preact.js";

export default function Match({ route }) {
  const { provider } = route;
  const { plugins } = usePlugins();
  const { connections } = useConnections();
  const title = titleOf(plugins, provider);
  const isConnected = connections?.some((connection) => connection.provider === provider);
  const { state, runMatch, stop, undo, isUndoing, undoneCount, problem, updatePerson } = useMatch(provider, isConnected);
  const { step, plan } = state;
  const content = useRef(null);
  useFocusRecovery(content, step);
  const count = plan?.counts.matched ?? 0;
  const actions =
    plan &&
    step === "plan" &&
    html`
    <${Button} icon="refresh" onClick=${() => runMatch(false)}>Refresh<//>
    ${count > 0 && html`<${Button} look="primary" icon="link" onClick=${() => runMatch(true)}>
      Link ${formatCount(count, "person", "people")}<//>`}`;
  return html`
    <${Page} title=${`Match ${title}`} actions=${actions} back=${{ to: connectionPath(provider), label: title }}
      lead=${`Finds the person for each account at ${title}. Nothing changes until you apply the plan.`}>
      <div class="stack" tabindex="-1" ref=${content}>
      ${
        connections &&
        !isConnected &&
        html`<${EmptyState} icon="plug" title=${`${title} is not connected`}
        action=${html`<${Button} look="primary"
          to=${connectionPath(provider)}>Connect it<//>`}>Its accounts can be matched once it is connected.<//>`
      }
      ${isConnected && step === "reading" && html`<${Reading} ...${{ title, state, onStop: stop }} />`}
      ${step === "stopped" && html`<${Notice} title="Stopped" means="Nothing was changed."
        onRetry=${() => runMatch(false)} />`}
      ${state.rejection && html`<${Rejection} ...${{ title, state, runMatch }} />`}
      ${problem && html`<${Notice} problem=${problem} title="The match could not be undone" />`}
      ${undoneCount !== null && html`<${Notice} kind="ok"
        title=${undoneCount ? `${formatCount(undoneCount, "link")} undone` : "There was nothing left to undo"} />`}
      ${step === "applied" && html`<${Applied} ...${{ title, state, undo, isUndoing, runMatch }} />`}
      ${plan && step === "plan" && html`<${LastMatch} key=${undoneCount} ...${{ provider, undo, isUndoing }} />`}
      ${plan && step !== "reading" && html`<${MatchPlan}
        ...${{ plan, title, provider, onDecided: updatePerson, isApplied: step === "applied" }} />`}
      </div>
    <//>
  `;
}

/**
 * The match of a provider. `state` is `{step, plan, …}` with the steps `reading`, `plan`, `applied`, `stopped` and
 * `failed`; it has a `rejection` if the last request failed.
 */
function useMatch(provider, isConnected) {
  const [state, setState] = useState({ step: "reading", isApplying: false });
  const [isUndoing, setUndoing] = useState(false);
  const [undoneCount, setUndoneCount] = useState(null);
  const [problem, setProblem] = useState(null);
  const abort = useRef(null);
  const running = useRef(null);
  const path = `/api/admin/connections/${encodeURIComponent(provider)}/match`;

  /** Asks how far a match is until it has ended, and returns its plan. */
  const follow = async (planId, signal) => {
    running.current = planId;
    storeRunning(provider, planId);
    try {
      for (;;) {
        const run = await call("GET", `${path}/${encodeURIComponent(planId)}`, undefined, { signal, isBackground: true });
        if (run.plan) return run.plan;
        if (run.state === "cancelled") throw new DOMException("The match was cancelled.", "AbortError");
        if (run.problem) throw new Problem(502, { code: run.problem.code, detail: run.problem.detail });
        setState((before) => ({ ...before, isApplying: !run.dry_run, accounts: run.accounts, since: Date.parse(run.started_at) }));
        await sleep(POLL_INTERVAL, signal);
      }
    } finally {
      running.current = null;
      // A page that is left or reloaded finds the match again.
      if (!signal.aborted) storeRunning(provider, null);
    }
  };

  const runMatch = async (isApplying, runningId) => {
    abort.current?.abort();
    const { signal } = (abort.current = new AbortController());
    setProblem(null);
    setUndoneCount(null);
    setState((before) => ({ step: "reading", isApplying, plan: before.plan, since: Date.now() }));
    try {
      const answer = runningId ? { plan_id: runningId, state: "running" } : await call("POST", path, { dry_run: !isApplying }, { signal });
      const plan = answer.state === "running" ? await follow(answer.plan_id, signal) : answer;
      const isApplied = !plan.dry_run;
      setState((before) => ({ step: isApplied ? "applied" : "plan", plan, reviewed: isApplied ? before.plan : null }));
    } catch (rejection) {
      if (runningId && rejection.status === 404) return runMatch(false);
      const isStopped = rejection.name === "AbortError";
      setState(({ plan }) => ({
        step: plan ? "plan" : isStopped ? "stopped" : "failed",
        plan,
        ...(!isStopped && { rejection, wasApplying: isApplying }),
      }));
    }
  };
  useEffect(() => {
    if (isConnected) runMatch(false, findRunning(provider));
    return () => abort.current?.abort();
  }, [isConnected]);

  const undo = async (planId) => {
    setUndoing(true);
    setProblem(null);
    try {
      const answer = await call("POST", `${path}/${encodeURIComponent(planId)}/undo`);
      await runMatch(false);
      setUndoneCount(answer.undone);
    } catch (failure) {
      setProblem(failure);
    }
    setUndoing(false);
  };

  /** Shows the decision about one person without another match. */
  const updatePerson = (person, change) => {
    setState((before) => {
      const people = before.plan.people.map((one) =>
        one.person_id === person.person_id ? { ...one, ...change } : one,
      );
      const counts = {};
      for (const key of Object.keys(MATCH_STATUSES)) counts[key] = people.filter(({ status }) => status === key).length;
      return { ...before, plan: { ...before.plan, people, counts } };
    });
  };
  const stop = async () => {
    const planId = running.current;
    abort.current.abort();
    if (!planId) return;
    storeRunning(provider, null);
    // A match that has ended meanwhile cannot be cancelled, and needs no message.
    await call("DELETE", `${path}/${encodeURIComponent(planId)}`).catch(() => {});
  };
  return { state, runMatch, stop, undo, isUndoing, undoneCount, problem, updatePerson };
}

/** How often the page asks how far a match is, in milliseconds. */
const POLL_INTERVAL = 1000;

const sleep = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("The page no longer waits.", "AbortError"));
    });
  });

const runningKey = (provider) => `match:${provider}`;

/** Returns the match that this tab waited for when it was reloaded or left the page. */
const findRunning = (provider) => sessionStorage.getItem(runningKey(provider)) ?? undefined;

function storeRunning(provider, planId) {
  if (planId) sessionStorage.setItem(runningKey(provider), planId);
  else sessionStorage.removeItem(runningKey(provider));
}

function Reading({ title, state, onStop }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => redraw((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.round((Date.now() - (state.since ?? Date.now())) / 1000);
  const label = state.isApplying
    ? `Reading all accounts at ${title} again, and linking people`
    : `Reading all accounts at ${title}`;
  return html`
    <div class="card stack">
      <${Progress} label=${`${label}…${seconds > 2 ? ` ${formatDuration(seconds * 1000)}` : ""}`} />
      ${state.accounts > 0 && html`<p>${formatCount(state.accounts, "account")} read so far.</p>`}
      <p class="muted small">You can leave this page and come back. A large directory takes a while: up to ten minutes if ${title} limits requests.</p>
      <div class="row"><${Button} onClick=${onStop}>Stop<//></div>
    </div>
  `;
}

function Rejection({ title, state, runMatch }) {
  const { rejection, wasApplying } = state;
  if (rejection.code === "conflict") {
    return html`<${Notice} problem=${rejection} kind="warn" title="People or mappings changed in the meantime"
      onRetry=${() => runMatch(false)}
      means="The result would have differed from the plan you reviewed. Nobody was linked."
      todo="Refresh the plan, then link." />`;
  }
  return html`<${Notice} problem=${rejection}
    title=${wasApplying ? "Nobody was linked" : `The accounts at ${title} could not be read`}
    onRetry=${() => runMatch(false)} />`;
}

/** How many people were linked, and whether that differs from the reviewed plan. */
function Applied({ title, state, undo, isUndoing, runMatch }) {
  const listMatched = (plan) =>
    (plan?.people ?? []).filter(({ status }) => status === "matched").map(({ person_id }) => person_id);
  const linked = new Set(listMatched(state.plan));
  const reviewed = new Set(listMatched(state.reviewed));
  const more = [...linked].filter((id) => !reviewed.has(id)).length;
  const fewer = [...reviewed].filter((id) => !linked.has(id)).length;
  const difference =
    more || fewer
      ? `The accounts changed since you reviewed the plan: ${formatNumber(more)} more and ${formatNumber(fewer)} fewer were linked.`
      : undefined;
  return html`
    <${Notice} kind="ok" means=${difference}
      title=${`${formatCount(linked.size, "person is", "people are")} linked to their accounts at ${title}`}>
      <div class="row">
        ${linked.size > 0 && html`<${Button} icon="undo" isBusy=${isUndoing}
          onClick=${() => undo(state.plan.plan_id)}>Undo all<//>`}
        <${Button} to="/mappings">Go to mappings<//>
        <${Button} look="quiet" icon="refresh" onClick=${() => runMatch(false)}>Refresh<//>
      </div>
    <//>
  `;
}

/** Finds the last applied match that is not undone yet, in the audit log. */
async function findLastMatch(provider, signal) {
  const list = (action) => {
    const query = new URLSearchParams({ limit: 20, provider, action, outcome: "done" });
    return call("GET", `/api/admin/audit?${query}`, undefined, { signal });
  };
  const [matches, undos] = await Promise.all([list("mappings.match"), list("mappings.undo")]);
  const undone = new Set(undos.entries.map(({ detail }) => /^plan (\S+):/u.exec(detail)?.[1]));
  for (const { detail, actor, at } of matches.entries) {
    const [, planId, linked] = /^plan (\S+): (\d+) linked/u.exec(detail) ?? [];
    if (Number(linked) > 0 && !undone.has(planId)) return { planId, count: Number(linked), actor, at };
  }
  return null;
}

function LastMatch({ provider, undo, isUndoing }) {
  const [last, setLast] = useState(null);
  useEffect(() => {
    const abort = new AbortController();
    // Without it the page lacks a button, which is no reason to show an error.
    findLastMatch(provider, abort.signal).then(setLast, () => {});
    return () => abort.abort();
  }, [provider]);
  if (!last) return null;
  return html`<p class="row muted">
    <span>Last match: ${formatCount(last.count, "person", "people")} linked by ${last.actor} <${Time}
      at=${last.at} />.</span>
    <${Button} look="quiet" icon="undo" isBusy=${isUndoing} onClick=${() => undo(last.planId)}>Undo<//>
  </p>`;
}
