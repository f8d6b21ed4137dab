// The plan of a match as a table: each person with status, account and reason. A row opens the person's decision.
import { DataGrid } from "./data_grid.js";
import { FilterButtons } from "./filter_buttons.js";
import { formatCount, formatNumber } from "./format.js";
import { MatchDecision } from "./match_decision.js";
import { explainMatch, MATCH_STATUSES } from "./match_reasons.js";
import { EmptyState, Field, showToast, Status } from "./ui.js";
import { html, useMemo, useRef, useState } from "./vendor/preact.js";

/** `onDecided(person, change)` is called after a decision about one person. */
export function MatchPlan({ plan, title, provider, onDecided, isApplied }) {
  const [kind, setKind] = useState("all");
  const [text, setText] = useState("");
  const [open, setOpen] = useState(null);
  const grid = useRef(null);
  const search = text.trim().toLowerCase();
  const shown = useMemo(() => {
    const order = Object.keys(MATCH_STATUSES);
    const found = plan.people.filter(
      ({ status, name, email }) =>
        (kind === "all" || status === kind) && (!search || `${name} ${email}`.toLowerCase().includes(search)),
    );
    return kind === "all" ? found.sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status)) : found;
  }, [plan, kind, search]);
  const kinds = Object.keys(MATCH_STATUSES).map((key) => ({
    key,
    label: getStatus(key, isApplied).label,
    count: plan.counts[key] ?? 0,
  }));
  const inactive = plan.people.filter(({ active, status }) => !active && status === "matched").length;
  const columns = useMemo(() => getColumns(title, isApplied), [title, isApplied]);
  const close = (change) => {
    if (change) {
      onDecided(open, change);
      showToast(change.message);
    }
    setOpen(null);
    grid.current?.focus();
  };
  return html`
    <p>${formatCount(plan.people.length, "person", "people")} and ${formatCount(plan.accounts, "account")} at ${title}.
      ${inactive > 0 && ` ${formatCount(inactive, "person who matches is", "people who match are")} inactive, and not
        listed under Mappings.`}
      ${plan.unclaimed > 0 && ` ${formatCount(plan.unclaimed, "account matches", "accounts match")} nobody here.`}</p>
    <div class="toolbar">
      <${FilterButtons} label="Status" all=${plan.people.length} kinds=${kinds} chosen=${kind}
        onChoose=${setKind} />
      <${Field} label="Search people" kind="search" placeholder="Name or email" value=${text} onInput=${setText} />
    </div>
    <${DataGrid} key=${`${kind} ${search}`} label=${`People and their accounts at ${title}`} columns=${columns}
      rows=${shown} rowHeight=${60} handle=${grid} onOpen=${setOpen}
      empty=${html`<${EmptyState} icon="search" title="No matches">Change the filter or the search.<//>`} />
    <p class="muted small keys">Use the arrow keys to move, and Enter to open a person.</p>
    ${open && html`<${MatchDecision} person=${open} title=${title} provider=${provider} onClose=${close} />`}
  `;
}

/** Returns the label and the kind of a status, before or after the match is applied. */
function getStatus(status, isApplied) {
  const { label, labelWhenApplied, kind } = MATCH_STATUSES[status] ?? { label: status, kind: "none" };
  return isApplied && labelWhenApplied ? { label: labelWhenApplied, kind: "ok" } : { label, kind };
}

const getColumns = (title, isApplied) => [
  {
    key: "person",
    title: "Person",
    width: 13,
    cell: ({ name, email, active }) => html`<span class="two">
    <span>${name}${!active && " (inactive)"}</span><span class="muted small">${email}</span></span>`,
  },
  {
    key: "status",
    title: "Status",
    width: 11.5,
    className: "grid-mid",
    cell: ({ status }) => {
      const { label, kind } = getStatus(status, isApplied);
      return html`<${Status} kind=${kind} word=${label} />`;
    },
  },
  { key: "account", title: "Account", width: 13, cell: (person) => html`<${PersonAccount} person=${person} />` },
  { key: "why", title: "Why", width: 18, className: "grid-words", cell: (person) => explainMatch(person, title) },
];

function PersonAccount({ person }) {
  const { accounts, external_id: id, more_accounts: more = 0 } = person;
  const account = accounts.find((one) => one.external_id === id) ?? (id ? null : accounts[0]);
  if (!account && !id) return html`<span class="muted" aria-hidden="true">–</span><span
    class="visually-hidden">none</span>`;
  const rest = id ? 0 : accounts.length - 1 + more;
  return html`<span class="two">
    <span>${account?.name || account?.email || id}${rest > 0 && html` <span
      class="muted">and ${formatNumber(rest)} more</span>`}</span>
    <span class="muted small">${account?.email ?? ""} <span class="mono">${account?.external_id ?? id}</span></span>
  </span>`;
}
