// A file of rows is taken in: read, shown with what it would change line by line, and only then sent.
import { explain } from "./problems.js";
import { number, plural, sentence } from "./format.js";
import { Rows } from "./rows.js";
import { parse, textOf, Unreadable } from "./sheet.js";
import { Button, Dialog, Field, Notice, Progress } from "./ui.js";
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

/**
 * `prepare({signal, progress})` reads what the file is compared with. `judge(sheet, known, choice)` gives
 * `{rows: [{line, kind, …}], kinds: [{key, label}], notes: [words], columns, choices?, action, isReady}`, or throws Unreadable.
 * `submit(judged, {isWithout, signal, progress})` sends, and gives the words of what came of it; `lines(error, judged)`
 * says on which line an error of the service is.
 */
export function Importing({ title, file, prepare, judge, submit, lines, onClose }) {
  const [state, setState] = useState({ step: "reading", label: `Reading ${file.name}…`, done: 0 });
  const [choice, setChoice] = useState("");
  const [kind, setKind] = useState("all");
  const [isWithout, setWithout] = useState(false);
  const stop = useRef(new AbortController());
  useEffect(() => () => stop.current.abort(), []);

  useEffect(() => {
    const { signal } = stop.current;
    const say = (label) => (done) =>
      setState((before) => (before.step === "reading" ? { step: "reading", label, done } : before));
    const read = async () => {
      const sheet = await parse(await textOf(file), say(`Reading ${file.name}…`));
      const compare = say("Comparing with existing data…");
      compare(0);
      const known = await prepare({ signal, progress: (read, all) => compare(all ? read / all : 0) });
      setState({ step: "looked", sheet, known });
    };
    read().catch((problem) => problem.name === "AbortError" || setState({ step: "unread", problem }));
  }, [file]);

  const judged = useMemo(() => {
    if (!state.sheet) return null;
    try {
      return judge(state.sheet, state.known, choice);
    } catch (problem) {
      return { problem };
    }
  }, [state.sheet, choice]);

  const send = async () => {
    const { signal } = stop.current;
    const { sheet, known } = state;
    setState({ step: "sending", sheet, known, label: "Uploading…", done: 0 });
    const progress = (label, done) =>
      setState((before) => (before.step === "sending" ? { ...before, label, done } : before));
    try {
      const words = await submit(judged, { isWithout, signal, progress });
      setState({ step: "done", words });
    } catch (refusal) {
      if (refusal.name !== "AbortError") setState({ step: "looked", sheet, known, refusal });
    }
  };

  const wrong = judged?.rows?.filter((row) => row.kind === "wrong").length ?? 0;
  const isReady = judged?.isReady && (!wrong || isWithout);
  const close = html`<${Button} onClick=${onClose}>${state.step === "done" ? "Close" : "Cancel"}<//>`;
  const actions =
    state.step === "looked" && judged && !judged.problem
      ? html`${close}<${Button} look="primary" disabled=${!isReady} onClick=${send}>${judged.action(isWithout)}<//>`
      : close;
  const problem = state.problem ?? judged?.problem;
  return html`
    <${Dialog} title=${title} onClose=${onClose} actions=${actions} isWide=${true}>
      ${
        (state.step === "reading" || state.step === "sending") &&
        html`<${Progress} label=${state.label} value=${state.done} max=${state.done > 0 ? 1 : undefined} />`
      }
      ${
        problem &&
        html`<${Notice} kind="bad" problem=${problem instanceof Unreadable ? undefined : problem}
        title=${`${file.name} cannot be read`} means=${problem instanceof Unreadable ? problem.message : undefined}
        todo="Nothing was changed. Fix the file and drop it again." />`
      }
      ${
        state.step === "looked" &&
        judged &&
        !judged.problem &&
        html`
        ${state.refusal && html`<${Refused} refusal=${state.refusal} judged=${judged} lines=${lines} />`}
        <${Looked} ...${{ judged, kind, setKind, choice, setChoice, wrong, isWithout, setWithout }} />
      `
      }
      ${
        state.step === "done" &&
        html`<${Notice} kind="ok" title=${state.words.title} means=${state.words.means}>
        ${
          state.words.list?.length > 0 &&
          html`<div role="region" aria-label="Skipped" tabindex="0">
          <ul class="lines">${state.words.list.map((word) => html`<li>${word}</li>`)}</ul></div>`
        }
      <//>`
      }
    <//>
  `;
}

function Looked({ judged, kind, setKind, choice, setChoice, wrong, isWithout, setWithout }) {
  const shown = useMemo(
    () => (kind === "all" ? judged.rows : judged.rows.filter((row) => row.kind === kind)),
    [judged, kind],
  );
  const kinds = judged.kinds.map(({ key, label }) => ({
    key,
    label,
    count: judged.rows.filter((row) => row.kind === key).length,
  }));
  return html`
    ${judged.notes.map((note) => html`<p>${note}</p>`)}
    ${
      judged.choices &&
      html`<${Field} label=${judged.choices.label} kind="choice" required=${true} choices=${judged.choices.choices}
      value=${choice} onInput=${setChoice} />`
    }
    <${Filters} label="Lines" all=${judged.rows.length} kinds=${kinds} chosen=${kind} onChoose=${setKind} />
    <${Rows} key=${kind} label="What the file changes" columns=${judged.columns} rows=${shown} rowHeight=${44}
      empty=${html`<p class="muted">No such lines.</p>`} />
    ${
      wrong > 0 &&
      html`<label class="check"><input type="checkbox" checked=${isWithout}
      onChange=${(event) => setWithout(event.currentTarget.checked)} /> Skip ${plural(wrong, "line")} with errors</label>`
    }
  `;
}

/** Buttons that narrow a list to one kind, each with how many there are. */
export function Filters({ label, all, kinds, chosen, onChoose }) {
  const shown = [{ key: "all", label: "All", count: all }, ...kinds.filter(({ count }) => count > 0)];
  return html`
    <div class="filters" role="group" aria-label=${label}>
      ${shown.map(
        ({ key, label: word, count }) => html`<button key=${key} type="button" class="filter"
        aria-pressed=${chosen === key ? "true" : "false"}
          onClick=${() => onChoose(key)}>${word} <b>${number(count)}</b></button>`,
      )}
    </div>
  `;
}

function Refused({ refusal, judged, lines }) {
  const said = explain(refusal);
  const errors = (refusal.errors ?? []).map((error) => ({ ...error, ...lines(error, judged) }));
  if (!errors.length) return html`<${Notice} problem=${refusal} />`;
  return html`
    <${Notice} kind="bad" title="The service refused the file" means=${refusal.before ?? "Nothing was changed."}
      todo=${said.todo}>
      <ul class="lines">
        ${errors.slice(0, 100).map(({ line, field, message }) =>
          html`<li>${line ? `Line ${line}: ` : ""}${sentence(`${field} ${message}`)}</li>`)}
      </ul>
      ${refusal.requestId && html`<p class="muted small">Request id <code>${refusal.requestId}</code></p>`}
    <//>
  `;
}
