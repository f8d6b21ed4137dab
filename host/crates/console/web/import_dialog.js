// The dialog that imports a CSV file: it reads the file, shows what each line changes, and sends it only then.
import { parseCsv, readText, toCsv, UnreadableFile } from "./csv.js";
import { DataGrid } from "./data_grid.js";
import { FilterButtons } from "./filter_buttons.js";
import { formatCount, toSentence } from "./format.js";
import { explainProblem } from "./problems.js";
import { saveFile } from "./transfer.js";
import { Button, Dialog, Field, Notice, Progress } from "./ui.js";
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

/**
 * - `loadExisting({signal, progress})` loads the data with which the file is compared.
 * - `compare(sheet, existing, choice)` returns the plan: `{rows: [{line, kind, …}], kinds: [{key, label}],
 *   notes: [sentence], columns, choices?, action, isReady, check?, optional?}`. It throws UnreadableFile.
 *   `check(signal)` compares the rows further before they can be sent. `optional()` names rows that are sent only if
 *   somebody wants it; `action` and `isReady` are called with that decision.
 * - `submit(plan, {signal, progress, includesOptional})` sends the rows without errors, and returns
 *   `{title, means, list?}`.
 * - `locateError(error, plan)` returns the line of an error of the service, and its message.
 */
export function ImportDialog({ title, file, loadExisting, compare, submit, locateError, onClose }) {
  const [state, setState] = useState({ step: "reading", label: `Reading ${file.name}…`, done: 0 });
  const [choice, setChoice] = useState("");
  const [kind, setKind] = useState("all");
  const [skipsErrors, setSkipsErrors] = useState(false);
  const [includesOptional, setIncludesOptional] = useState(false);
  const abort = useRef(new AbortController());
  useEffect(() => () => abort.current.abort(), []);

  useEffect(() => {
    const { signal } = abort.current;
    const report = (label) => (done) =>
      setState((before) => (before.step === "reading" ? { step: "reading", label, done } : before));
    const read = async () => {
      const sheet = await parseCsv(await readText(file), report(`Reading ${file.name}…`));
      const progress = report("Comparing with existing data…");
      progress(0);
      const existing = await loadExisting({ signal, progress: (read, all) => progress(all ? read / all : 0) });
      setState({ step: "review", sheet, existing });
    };
    read().catch((problem) => problem.name === "AbortError" || setState({ step: "unreadable", problem }));
  }, [file]);

  const plan = useMemo(() => {
    if (!state.sheet) return null;
    try {
      return compare(state.sheet, state.existing, choice);
    } catch (problem) {
      return { problem };
    }
  }, [state.sheet, choice]);

  const isChecked = useCheck(plan);
  const send = async () => {
    const { signal } = abort.current;
    const { sheet, existing } = state;
    setState({ step: "sending", sheet, existing, label: "Uploading…", done: 0 });
    const progress = (label, done) =>
      setState((before) => (before.step === "sending" ? { ...before, label, done } : before));
    try {
      const result = await submit(plan, { signal, progress, includesOptional });
      setState({ step: "done", result, sheet, skipped: plan.rows.filter((row) => row.kind === "wrong") });
    } catch (rejection) {
      if (rejection.name !== "AbortError") setState({ step: "review", sheet, existing, rejection });
    }
  };

  const { step, label, done, rejection, result } = state;
  const isReviewing = step === "review" && plan && !plan.problem;
  const errorCount = plan?.rows?.filter((row) => row.kind === "wrong").length ?? 0;
  const isReady = isReviewing && isChecked && plan.isReady(includesOptional) && (!errorCount || skipsErrors);
  const actions = html`
    <${Button} onClick=${onClose}>${step === "done" ? "Close" : "Cancel"}<//>
    ${isReviewing && html`<${Button} look="primary" disabled=${!isReady} onClick=${send}>${plan.action(includesOptional)}<//>`}`;
  const optional = isReviewing && isChecked ? plan.optional?.() : null;
  const problem = state.problem ?? plan?.problem;
  return html`
    <${Dialog} title=${title} onClose=${onClose} actions=${actions} isWide=${true}>
      ${
        (step === "reading" || step === "sending") &&
        html`<${Progress} label=${label} value=${done} max=${done > 0 ? 1 : undefined} />`
      }
      ${problem && html`<${ReadError} file=${file} problem=${problem} />`}
      ${
        isReviewing &&
        html`
        ${rejection && html`<${Rejection} ...${{ rejection, plan, locateError }} />`}
        <${Review} ...${{ plan, isChecked, kind, setKind, choice, setChoice, errorCount, skipsErrors, setSkipsErrors }} />
        ${
          optional &&
          html`<label class="check"><input type="checkbox" checked=${includesOptional}
          onChange=${(event) => setIncludesOptional(event.currentTarget.checked)} /> ${optional}</label>`
        }
      `
      }
      ${step === "done" && html`<${Result} ...${{ result, file, sheet: state.sheet, skipped: state.skipped }} />`}
    <//>
  `;
}

/** Runs the check of a plan, and returns whether it has ended. */
function useCheck(plan) {
  const [checkedPlan, setCheckedPlan] = useState(null);
  useEffect(() => {
    if (!plan?.check) return undefined;
    const abort = new AbortController();
    plan.check(abort.signal).then(
      () => setCheckedPlan(plan),
      () => {},
    );
    return () => abort.abort();
  }, [plan]);
  return !plan?.check || checkedPlan === plan;
}

function ReadError({ file, problem }) {
  const isUnreadable = problem instanceof UnreadableFile;
  return html`<${Notice} kind="bad" problem=${isUnreadable ? undefined : problem} title=${`${file.name} cannot be read`}
    means=${isUnreadable ? problem.message : undefined} todo="Nothing was changed. Fix the file and drop it again." />`;
}

/** Saves lines of the file with what is wrong with each, so that they can be corrected and imported on their own. */
function saveLines(file, sheet, skipped) {
  const byLine = new Map(sheet.rows.map(({ line, cells }) => [line, cells]));
  const lines = skipped.map(({ line, error }) => [...sheet.titles.map((_, at) => byLine.get(line)?.[at] ?? ""), error]);
  saveFile(new Blob([`\ufeff${toCsv([[...sheet.titles, "error"], ...lines])}`]), `${file.name.replace(/\.csv$/i, "")}-errors.csv`);
}

function Result({ result, file, sheet, skipped }) {
  const { title, means, list = [] } = result;
  const left = skipped.length && `${formatCount(skipped.length, "line")} with errors skipped.`;
  return html`<${Notice} kind=${left ? "warn" : "ok"} title=${title} means=${[means, left].filter(Boolean).join(" ")}>
    ${left && html`<div class="row"><${Button} icon="download" onClick=${() => saveLines(file, sheet, skipped)}>Save the
      skipped lines<//></div>`}
    ${
      list.length > 0 &&
      html`<div role="region" aria-label="Skipped" tabindex="0">
        <ul class="lines">${list.map((sentence) => html`<li>${sentence}</li>`)}</ul></div>`
    }
  <//>`;
}

function Review({ plan, isChecked, kind, setKind, choice, setChoice, errorCount, skipsErrors, setSkipsErrors }) {
  // Copies, because the grid does not draw a row again that is the same object, and the check changes rows.
  const shown = useMemo(
    () => plan.rows.filter((row) => kind === "all" || row.kind === kind).map((row) => ({ ...row })),
    [plan, isChecked, kind],
  );
  const kinds = plan.kinds.map(({ key, label }) => ({
    key,
    label,
    count: plan.rows.filter((row) => row.kind === key).length,
  }));
  return html`
    ${plan.notes.map((note) => html`<p>${note}</p>`)}
    ${!isChecked && html`<${Progress} label="Comparing with the accounts at the service…" />`}
    ${
      plan.choices &&
      html`<${Field} label=${plan.choices.label} kind="choice" required=${true} choices=${plan.choices.choices}
      value=${choice} onInput=${setChoice} />`
    }
    <${FilterButtons} label="Lines" all=${plan.rows.length} kinds=${kinds} chosen=${kind} onChoose=${setKind} />
    <${DataGrid} key=${kind} label="Changes in the file" columns=${plan.columns} rows=${shown} rowHeight=${44}
      empty=${html`<p class="muted">No such lines.</p>`} />
    ${
      errorCount > 0 &&
      html`<label class="check"><input type="checkbox" checked=${skipsErrors}
      onChange=${(event) => setSkipsErrors(event.currentTarget.checked)} /> Skip ${formatCount(errorCount, "line")} with
      errors</label>`
    }
  `;
}

/** The errors of the service, by the line of the file. */
function Rejection({ rejection, plan, locateError }) {
  const { todo } = explainProblem(rejection);
  const errors = (rejection.errors ?? []).map((error) => ({ ...error, ...locateError(error, plan) }));
  if (!errors.length) return html`<${Notice} problem=${rejection} />`;
  return html`
    <${Notice} kind="bad" title="The service rejected the file" means=${rejection.doneBefore ?? "Nothing was changed."}
      todo=${todo}>
      <ul class="lines">
        ${errors.slice(0, 100).map(({ line, field, message }) =>
          html`<li>${line ? `Line ${line}: ` : ""}${toSentence(`${field} ${message}`)}</li>`)}
      </ul>
      ${rejection.requestId && html`<p class="muted small">Request id <code>${rejection.requestId}</code></p>`}
    <//>
  `;
}
