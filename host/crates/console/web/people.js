// The page of all people: search, add, change, remove, and import from a CSV file.
import { call } from "./api.js";
import { DataGrid } from "./data_grid.js";
import { useEvents } from "./events.js";
import { useFileDrop } from "./file_drop.js";
import { formatCount } from "./format.js";
import { ImportPeople } from "./import_people.js";
import { PersonForm, RemovePerson } from "./person.js";
import { downloadCsv } from "./transfer.js";
import { Button, EmptyState, Field, FileDrop, Notice, Page, showToast, Status } from "./ui.js";
import { useTypedFilter } from "./url_filters.js";
import { html, useRef, useState } from "./vendor/preact.js";

const PATH = "/api/admin/people";

export default function People({ route }) {
  const { query } = route;
  const [typed, setTyped] = useTypedFilter(query, "q");
  const [stale, setStale] = useState(0);
  const [total, setTotal] = useState(null);
  const [open, setOpen] = useState(null);
  const [file, setFile] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isExporting, setExporting] = useState(false);
  const grid = useRef(null);
  const isOver = useFileDrop(setFile);
  useEvents({ mappings: true }, () => setStale((count) => count + 1));

  const filters = new URLSearchParams(query.q ? { q: query.q } : {}).toString();
  const load = async (offset, limit, options) => {
    const page = await call("GET", `${PATH}?offset=${offset}&limit=${limit}&${filters}`, undefined, options);
    setTotal(page.total);
    return { rows: page.people, total: page.total };
  };
  const exportCsv = async () => {
    setProblem(null);
    setExporting(true);
    await downloadCsv(PATH, "people").catch(setProblem);
    setExporting(false);
  };
  const close = (message) => {
    setOpen(null);
    if (!message) return grid.current?.focus();
    showToast(message);
    setStale((count) => count + 1);
    return undefined;
  };
  const add = html`<${Button} look="primary" icon="plus" onClick=${() => setOpen({ kind: "new" })}>Add a person<//>`;
  const empty = query.q
    ? html`<${EmptyState} icon="search" title="No matches">No name or email contains “${query.q}”.<//>`
    : html`<${EmptyState} icon="people" title="No people yet" action=${add}>
        Add them one by one, or drop a CSV file with the columns name and email.<//>`;
  return html`
    <${Page} title="People" lead="The people of your company. Their accounts in each service are listed under Mappings." actions=${add}>
      <div class="toolbar">
        <${Field} label="Search people" kind="search" placeholder="Name or email" value=${typed} onInput=${setTyped} />
        <p class="count muted" role="status">${total === null ? "" : formatCount(total, "person", "people")}</p>
        <${Button} icon="download" isBusy=${isExporting} onClick=${exportCsv}>${filters ? "Export all as CSV" : "Export CSV"}<//>
      </div>
      ${problem && html`<${Notice} problem=${problem} title="The file could not be created" onRetry=${exportCsv} />`}
      <${DataGrid} label="People" columns=${COLUMNS} load=${load} query=${filters} stale=${stale} handle=${grid}
        empty=${empty}
        onOpen=${(person) => setOpen({ kind: "change", person })} />
      ${total > 0 && html`<p class="muted small keys">Use the arrow keys to move, and Enter or a click to open a person.</p>`}
      <${FileDrop} label="Choose a CSV file" accept=".csv,text/csv" onFile=${setFile}
        help="or drop one on this page. Columns: name and email; optionally user_id, active. You can review the changes first." />
      ${isOver && html`<div class="veil" aria-hidden="true">Drop the file to review its changes</div>`}
      ${open?.kind === "new" && html`<${PersonForm} onClose=${close} />`}
      ${
        open?.kind === "change" &&
        html`<${PersonForm} person=${open.person} onClose=${close}
        onRemove=${() => setOpen({ kind: "remove", person: open.person })} />`
      }
      ${open?.kind === "remove" && html`<${RemovePerson} person=${open.person} onClose=${close} />`}
      ${file && html`<${ImportPeople} file=${file} onClose=${() => setFile(null)} />`}
    <//>
  `;
}

const COLUMNS = [
  { key: "name", title: "Name", width: 14, cell: ({ name }) => name },
  { key: "email", title: "Email", width: 16, cell: ({ email }) => html`<span class="muted">${email}</span>` },
  {
    key: "id",
    title: "Internal ID",
    width: 8,
    cell: ({ user_id }) => user_id && html`<span class="mono">${user_id}</span>`,
  },
  {
    key: "state",
    title: "State",
    width: 8,
    className: "grid-mid",
    cell: ({ active }) => html`<${Status} kind=${active ? "ok" : "off"} word=${active ? "Active" : "Inactive"} />`,
  },
];
