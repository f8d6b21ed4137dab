// The rows of the database that somebody inserted or changed by hand: which they are, and what to do about each.
import { formatCount, toDisplayable } from "./format.js";
import { connectionPath, Link } from "./router.js";
import { Notice } from "./ui.js";
import { html } from "./vendor/preact.js";

/** The maximum number of rows that the service lists. */
const MAX_ROWS = 100;

/** The tables with such rows: what a row is, and what to do. A row with `path` is about a provider. */
const TABLES = {
  tokens: {
    what: "API token",
    todo: (row) => html`It is rejected. Revoke it with <code>jackfield token revoke ${row}</code>.`,
  },
  sessions: { what: "Session", todo: () => "It is rejected. If it was yours, sign in again." },
  signin_links: {
    what: "Sign-in link",
    todo: () => html`It does not work. If it was yours, print another one with <code>jackfield signin-link</code>.`,
  },
  oauth_apps: { what: "OAuth app", todo: () => "It is not used. Set it again on the provider's page.", path: connectionPath },
  configured_apps: {
    what: "Record of where the OAuth app of the settings is sent",
    todo: () => "The app is not used. Approve the plugin again, with jackfield plugin approve.",
  },
  oauth_flows: { what: "Sign-in at a provider", todo: () => "It cannot be completed. Start it again." },
  connections: {
    what: "Connection",
    todo: () => "It is not used. Connect it again with all its fields.",
    path: connectionPath,
  },
};

export function EditedRows({ rows = [] }) {
  if (!rows.length) return null;
  const count = formatCount(rows.length, "row of the database was", "rows of the database were");
  return html`
    <${Notice} kind="warn"
      title=${`${rows.length < MAX_ROWS ? "" : "At least "}${count} inserted or changed by hand`}
      means="Jackfield did not write what is stored there, so it ignores these rows. Somebody with access to the database may have tried to give themselves more access."
      todo="Find out who changed the database. Then repair each row:">
      <ul class="lines">${rows.map(({ table, row }) => html`<li key=${`${table} ${row}`} class="wrap"><${EditedRow}
        table=${table} row=${row} /></li>`)}</ul>
    <//>
  `;
}

function EditedRow({ table, row }) {
  const shown = toDisplayable(row);
  const { what, todo, path } = TABLES[table] ?? { what: table };
  return html`<b>${what}</b> ${path ? html`<${Link} to=${path(row)}>${shown}<//>` : html`<code>${shown}</code>`}${
    todo && html`<br /><span class="muted">${todo(shown)}</span>`}`;
}
