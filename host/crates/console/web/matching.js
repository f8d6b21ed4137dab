// Whose the accounts of a provider are, by email address: a plan that is looked at, applied, and undone as a whole.
import { call } from "./api.js";
import { titleOf, useConnections, useProviders } from "./data.js";
import { STANDINGS, why } from "./evidence.js";
import { duration, number, plural } from "./format.js";
import { Filters } from "./importing.js";
import { Decide } from "./decide.js";
import { connectionPath } from "./router.js";
import { Rows } from "./rows.js";
import { Button, Empty, Field, Notice, Page, Progress, Status, Time, toast, useFoundFocus } from "./ui.js";
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

export default function Matching({ route }) {
  const { provider } = route;
  const { providers } = useProviders();
  const { connections } = useConnections();
  const title = titleOf(providers, provider);
  // {step: "reading" | "plan" | "applied" | "failed", isApplying, plan, problem}
  const [state, setState] = useState({ step: "reading", isApplying: false });
  const [isUndoing, setUndoing] = useState(false);
  const [undone, setUndone] = useState(null);
  const [problem, setProblem] = useState(null);
  const stop = useRef(null);
  const isConnected = connections?.some((connection) => connection.provider === provider);

  const match = async (isApplying) => {
    stop.current?.abort();
    const abort = (stop.current = new AbortController());
    setProblem(null);
    setUndone(null);
    setState((before) => ({ step: "reading", isApplying, plan: before.plan, since: Date.now() }));
    try {
      const path = `/api/admin/connections/${encodeURIComponent(provider)}/match`;
      const plan = await call("POST", path, { dry_run: !isApplying }, { signal: abort.signal });
      setState((before) => ({ step: isApplying ? "applied" : "plan", plan, looked: isApplying ? before.plan : null }));
    } catch (refusal) {
      if (refusal.name === "AbortError")
        setState((before) => ({ step: before.plan ? "plan" : "stopped", plan: before.plan }));
      else
        setState((before) => ({
          step: before.plan ? "plan" : "failed",
          plan: before.plan,
          refusal,
          wasApplying: isApplying,
        }));
    }
  };
  useEffect(() => {
    if (isConnected) match(false);
    return () => stop.current?.abort();
  }, [isConnected]);

  const undo = async (planId) => {
    setUndoing(true);
    setProblem(null);
    try {
      const path = `/api/admin/connections/${encodeURIComponent(provider)}/match/${encodeURIComponent(planId)}/undo`;
      const answer = await call("POST", path);
      await match(false);
      setUndone(answer.undone);
    } catch (refusal) {
      setProblem(refusal);
    }
    setUndoing(false);
  };
  const decided = (person, change) => {
    setState((before) => {
      const people = before.plan.people.map((one) =>
        one.person_id === person.person_id ? { ...one, ...change } : one,
      );
      const counts = {};
      for (const key of Object.keys(STANDINGS)) counts[key] = people.filter(({ status }) => status === key).length;
      return { ...before, plan: { ...before.plan, people, counts } };
    });
  };

  const { step, plan } = state;
  const shown = useRef(null);
  useFoundFocus(shown, step);
  const count = plan?.counts.matched ?? 0;
  const actions = html`
    ${plan && step === "plan" && html`<${Button} icon="refresh" onClick=${() => match(false)}>Refresh<//>`}
    ${
      plan &&
      step === "plan" &&
      count > 0 &&
      html`<${Button} look="primary" icon="link" onClick=${() => match(true)}>
      Link ${plural(count, "person", "people")}<//>`
    }`;
  return html`
    <${Page} title=${`Match ${title}`} actions=${actions} back=${{ to: "/mappings", label: "Mappings" }}
      lead=${`Finds out who each account at ${title} belongs to. Nothing changes until you apply it.`}>
      <div class="stack" tabindex="-1" ref=${shown}>
      ${
        connections &&
        !isConnected &&
        html`<${Empty} icon="plug" title=${`${title} is not connected`}
        action=${html`<${Button} look="primary"
          to=${connectionPath(provider)}>Connect it<//>`}>Its accounts can be matched once it is connected.<//>`
      }
      ${isConnected && step === "reading" && html`<${Reading}
        ...${{ title, state, onStop: () => stop.current.abort() }} />`}
      ${step === "stopped" && html`<${Notice} title="Stopped" means="Nothing was changed."
        onRetry=${() => match(false)} />`}
      ${state.refusal && html`<${Refused} ...${{ title, state, match }} />`}
      ${problem && html`<${Notice} problem=${problem} title="The match could not be undone" />`}
      ${undone !== null && html`<${Notice} kind="ok"
        title=${undone ? `${plural(undone, "link")} undone` : "There was nothing left to undo"} />`}
      ${step === "applied" && html`<${Applied} ...${{ title, state, undo, isUndoing, match }} />`}
      ${plan && step === "plan" && html`<${LastMatch} key=${undone} ...${{ provider, undo, isUndoing }} />`}
      ${plan && step !== "reading" && html`<${Plan}
        ...${{ plan, title, provider, decided, isDone: step === "applied" }} />`}
      </div>
    <//>
  `;
}

function Reading({ title, state, onStop }) {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.round((Date.now() - (state.since ?? Date.now())) / 1000);
  const words = state.isApplying
    ? `Reading every account at ${title} again, and linking`
    : `Reading every account at ${title}`;
  return html`
    <div class="card stack">
      <${Progress} label=${`${words}…${seconds > 2 ? ` ${duration(seconds * 1000)}` : ""}`} />
      <p class="muted small">A large directory takes a while: up to ten minutes where ${title} limits requests.</p>
      <div class="row"><${Button} onClick=${onStop}>Stop<//></div>
    </div>
  `;
}

function Refused({ title, state, match }) {
  const { refusal, wasApplying } = state;
  if (refusal.code === "conflict") {
    return html`<${Notice} problem=${refusal} kind="warn" title="People or mappings changed in the meantime"
      onRetry=${() => match(false)}
      means="The result would have differed from the plan you reviewed. Nothing was linked."
      todo="Refresh the plan, then link." />`;
  }
  return html`<${Notice} problem=${refusal}
    title=${wasApplying ? "Nobody was linked" : `The accounts at ${title} could not be read`}
    onRetry=${() => match(false)} />`;
}

/** What was linked, and whether that is what was looked at. */
function Applied({ title, state, undo, isUndoing, match }) {
  const linked = new Set(
    state.plan.people.filter(({ status }) => status === "matched").map(({ person_id }) => person_id),
  );
  const looked =
    state.looked?.people.filter(({ status }) => status === "matched").map(({ person_id }) => person_id) ?? [];
  const more = [...linked].filter((id) => !looked.includes(id)).length;
  const less = looked.filter((id) => !linked.has(id)).length;
  const differs =
    (more || less) &&
    `The accounts changed since you reviewed the plan: ${number(more)} more and ${number(less)} fewer were linked.`;
  return html`
    <${Notice} kind="ok" means=${differs || undefined}
      title=${`${plural(linked.size, "person is", "people are")} linked to their accounts at ${title}`}>
      <div class="row">
        ${linked.size > 0 && html`<${Button} icon="undo" isBusy=${isUndoing}
          onClick=${() => undo(state.plan.plan_id)}>Undo all<//>`}
        <${Button} to="/mappings">Go to mappings<//>
        <${Button} look="quiet" icon="refresh" onClick=${() => match(false)}>Refresh<//>
      </div>
    <//>
  `;
}

/** The last match that was applied here, which can still be undone: the audit has it. */
function LastMatch({ provider, undo, isUndoing }) {
  const [last, setLast] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    const ask = (action) =>
      call(
        "GET",
        `/api/admin/audit?${new URLSearchParams({ limit: 20, provider, action, outcome: "done" })}`,
        undefined,
        { signal: stop.signal },
      );
    Promise.all([ask("mappings.match"), ask("mappings.undo")])
      .then(([matches, undos]) => {
        const gone = new Set(undos.entries.map(({ detail }) => /^plan (\S+):/u.exec(detail)?.[1]));
        const found = matches.entries.map((entry) => ({
          entry,
          parts: /^plan (\S+): (\d+) linked/u.exec(entry.detail),
        }));
        const open = found.find(({ parts }) => parts && Number(parts[2]) > 0 && !gone.has(parts[1]));
        if (open) setLast({ ...open.entry, plan: open.parts[1], count: Number(open.parts[2]) });
      })
      .catch(() => {});
    return () => stop.abort();
  }, [provider]);
  if (!last) return null;
  return html`<p class="row muted">
    <span>Last match: ${plural(last.count, "person", "people")} linked by ${last.actor} <${Time}
      at=${last.at} />.</span>
    <${Button} look="quiet" icon="undo" isBusy=${isUndoing} onClick=${() => undo(last.plan)}>Undo<//>
  </p>`;
}

function Plan({ plan, title, provider, decided, isDone }) {
  const [kind, setKind] = useState("all");
  const [text, setText] = useState("");
  const [open, setOpen] = useState(null);
  const rows = useRef(null);
  const sought = text.trim().toLowerCase();
  const shown = useMemo(() => {
    const order = Object.keys(STANDINGS);
    const found = plan.people.filter(
      ({ status, name, email }) =>
        (kind === "all" || status === kind) && (!sought || `${name} ${email}`.toLowerCase().includes(sought)),
    );
    return kind === "all" ? found.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status)) : found;
  }, [plan, kind, sought]);
  const kinds = Object.entries(STANDINGS).map(([key, { label, done }]) => ({
    key,
    label: isDone && done ? done : label,
    count: plan.counts[key] ?? 0,
  }));
  const columns = useMemo(() => columnsOf(title, isDone), [title, isDone]);
  const close = (change) => {
    if (change) {
      decided(open, change);
      toast(change.words);
    }
    setOpen(null);
    rows.current?.focus();
  };
  return html`
    <p>${plural(plan.people.length, "person", "people")} and ${plural(plan.accounts, "account")} at ${title}.
      ${plan.unclaimed > 0 && ` ${plural(plan.unclaimed, "account matches", "accounts match")} nobody here.`}</p>
    <div class="toolbar">
      <${Filters} label="Status" all=${plan.people.length} kinds=${kinds} chosen=${kind}
        onChoose=${setKind} />
      <${Field} label="Search people" kind="search" placeholder="Name or email" value=${text} onInput=${setText} />
    </div>
    <${Rows} key=${`${kind} ${sought}`} label=${`People and their accounts at ${title}`} columns=${columns} rows=${shown}
      rowHeight=${60} handle=${rows}
      onOpen=${setOpen} empty=${html`<${Empty} icon="search"
        title="No matches">Change the filter or the search.<//>`} />
    <p class="muted small keys">Arrow keys move, Enter opens a person.</p>
    ${open && html`<${Decide} person=${open} title=${title} provider=${provider} onClose=${close} />`}
  `;
}

const columnsOf = (title, isDone) => [
  {
    key: "person",
    title: "Person",
    width: 13,
    cell: ({ name, email, active }) => html`<span class="two">
    <span>${name}${!active && " (inactive)"}</span><span class="muted small">${email}</span></span>`,
  },
  {
    key: "standing",
    title: "Status",
    width: 11.5,
    className: "rows-mid",
    cell: ({ status }) => {
      const { word, done, kind } = STANDINGS[status] ?? { word: status, kind: "none" };
      return html`<${Status} kind=${isDone && done ? "ok" : kind} word=${isDone && done ? done : word} />`;
    },
  },
  { key: "account", title: "Account", width: 13, cell: (person) => html`<${AccountOf} person=${person} />` },
  { key: "why", title: "Why", width: 18, className: "rows-words", cell: (person) => why(person, title) },
];

function AccountOf({ person }) {
  const { accounts, external_id: id, more_accounts: more = 0 } = person;
  const account = accounts.find((one) => one.external_id === id) ?? (id ? null : accounts[0]);
  if (!account && !id) return html`<span class="muted" aria-hidden="true">–</span><span class="unseen">none</span>`;
  const rest = id ? 0 : accounts.length - 1 + more;
  return html`<span class="two">
    <span>${account?.name || account?.email || id}${rest > 0 && html` <span
      class="muted">and ${number(rest)} more</span>`}</span>
    <span class="muted small">${account?.email ?? ""} <span class="mono">${account?.external_id ?? id}</span></span>
  </span>`;
}
