// A table of any length. Only the visible rows are in the document, and their data is loaded page by page.
//
// It is an ARIA grid: Tab stops once, arrow keys move inside, Enter edits or opens a cell, Escape ends editing.
import { useCursor } from "./grid_cursor.js";
import { SETTLED_MS, useViewport } from "./grid_viewport.js";
import { PagedRows } from "./paged_rows.js";
import { keepPosition, takePosition } from "./router.js";
import { Notice } from "./ui.js";
import { html, useEffect, useLayoutEffect, useMemo, useReducer, useRef } from "./vendor/preact.js";

/** Rows that are drawn empty until the number of rows is known. */
const PLACEHOLDERS = 10;

/**
 * `columns` are `{key, title, width (rem), cell(row), edit?(row, {text, done}), clear?(row), className?}`. The rows are
 * either `rows`, or loaded by `load(offset, limit, {signal, isBackground})` again when `query` or `stale` changes.
 * `handle.current` gets `{update, reload, focus, row}`. `onUndo` is called for Ctrl+Z in a cell.
 */
export function DataGrid({ label, columns, load, rows, query = "", stale = 0, rowHeight = 52, handle, empty, ...actions }) {
  const { onOpen, onUndo } = actions;
  const scroller = useRef(null);
  const head = useRef(null);
  const body = useRef(null);
  const onChange = useRef(null);
  const paged = useMemo(() => (rows ? null : new PagedRows(load, (change) => onChange.current(change))), [!rows]);
  const { total, problem } = paged ?? { total: rows.length, problem: null };
  const getRow = (index) => (paged ? paged.row(index) : rows[index]);
  const count = total ?? PLACEHOLDERS;
  const isEmpty = total === 0;
  const viewport = useViewport({ scroller, head, count, rowHeight, isEmpty });
  const requestRows = useLoading({ paged, load, query, stale, view: viewport.view, count });
  useGridStyle({ scroller, body, columns, viewport, isEmpty });
  const cursor = useCursor({ scroller, viewport, columns, count, getRow, onOpen, onUndo });
  const [, redraw] = useReducer((draws) => draws + 1, 0);
  const place = useRef(null);
  place.current = viewport;
  useEffect(() => keepPosition(label, () => place.current.readPosition()), [label]);
  useLayoutEffect(() => {
    const position = total > 0 ? takePosition(label) : null;
    if (position) viewport.scrollTo(position);
  }, [total]);
  onChange.current = ({ isRestart }) => {
    if (isRestart) {
      viewport.scrollTo(0);
      cursor.reset();
    }
    redraw();
  };
  const reload = () => {
    paged?.reload();
    requestRows();
  };
  if (handle) {
    handle.current = { update: (change) => paged?.update(change), reload, focus: cursor.focus, row: getRow };
  }
  const retry = () => {
    reload();
    redraw();
  };
  if (isEmpty && !problem) return html`<div class="grid-empty">${empty}</div>`;
  return html`
    ${problem && html`<${Notice} problem=${problem} onRetry=${retry} />`}
    <div
      class=${onOpen ? "grid grid-open" : "grid"}
      ref=${scroller}
      role="grid"
      aria-label=${label}
      aria-rowcount=${total === null ? -1 : total + 1}
      aria-colcount=${columns.length}
      aria-busy=${total === null || Boolean(paged?.isOutdated)}
      onKeyDown=${cursor.onKeyDown}
      onClick=${cursor.onClick}
      onfocusin=${cursor.onFocus}
    >
      <div class="grid-head" role="rowgroup">
        <div class="grid-titles" role="row" aria-rowindex="1" ref=${head}>
          ${columns.map(
            ({ key, title }, index) =>
              html`<div key=${key} class="grid-title" role="columnheader" aria-colindex=${index + 1}>${title}</div>`,
          )}
        </div>
      </div>
      <div class="grid-body" role="rowgroup" ref=${body}>
        ${listDrawnRows(viewport.view, cursor.active.row, count).map(
          (index) =>
            html`<${Row}
              key=${index}
              index=${index}
              y=${index * viewport.rowPixels - viewport.view.base}
              row=${getRow(index)}
              columns=${columns}
              focus=${cursor.active.row === index ? cursor.active.column : -1}
              editing=${cursor.editing?.row === index ? cursor.editing : null}
              done=${cursor.stopEditing}
            />`,
        )}
      </div>
    </div>
  `;
}

/** Lists the rows in view, and the active row, because an element that is removed loses the focus. */
function listDrawnRows(view, active, count) {
  const [first, last] = [view.first, Math.min(view.last, count - 1)];
  const drawn = [];
  if (active < first) drawn.push(active);
  for (let index = first; index <= last; index += 1) drawn.push(index);
  if (active > last && active < count) drawn.push(active);
  return drawn;
}

/** Loads the rows in view. Returns a function that does so at once. */
function useLoading({ paged, load, query, stale, view, count }) {
  const requestRows = () => paged?.request(view.first, Math.min(view.last, Math.max(0, count - 1)));
  const latest = useRef(null);
  latest.current = requestRows;
  const timer = useRef(0);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      paged?.close();
    },
    [paged],
  );

  // The first page at once. Other pages only when scrolling has stopped, so that rows which fly past are not loaded.
  useEffect(() => {
    clearTimeout(timer.current);
    if (paged?.total === null) requestRows();
    else timer.current = setTimeout(() => latest.current(), SETTLED_MS);
  }, [paged, view.first, view.last, paged ? paged.total : count]);

  const previous = useRef({ query, stale });
  useEffect(() => {
    const before = previous.current;
    previous.current = { query, stale };
    if (!paged) return;
    paged.load = load;
    if (before.query !== query) paged.restart(load);
    else if (before.stale !== stale) {
      paged.reload();
      requestRows();
    }
  });
  return requestRows;
}

/** Sets sizes through the style object, because the content security policy forbids style attributes. */
function useGridStyle({ scroller, body, columns, viewport, isEmpty }) {
  const { rowPixels, bodyHeight } = viewport;
  useLayoutEffect(() => {
    const style = scroller.current?.style;
    if (!style) return;
    const widths = columns.map(({ width = 10 }, at) => (at ? `${width}rem` : `min(${width}rem, 44vw)`));
    style.setProperty("--columns", columns.map(({ width = 10 }, at) => `minmax(${widths[at]}, ${width}fr)`).join(" "));
    style.setProperty("--width", `calc(${widths.join(" + ")})`);
    style.setProperty("--row", `${rowPixels}px`);
  }, [columns.map(({ key, width }) => `${key} ${width}`).join(), isEmpty]);
  useLayoutEffect(() => body.current?.style.setProperty("height", `${bodyHeight}px`), [bodyHeight]);
}

function Row({ index, y, row, columns, focus, editing, done }) {
  const element = useRef(null);
  useLayoutEffect(() => element.current.style.setProperty("transform", `translateY(${y}px)`), [y]);
  return useMemo(() => {
    const cells = columns.map((column, at) => {
      const isEdited = editing?.column === at && row;
      const classes = ["grid-cell", column.className, column.edit && "grid-editable", isEdited && "grid-edited"];
      const shown = isEdited ? column.edit(row, { text: editing.text, done }) : row && column.cell(row);
      return html`<div
        key=${column.key}
        class=${classes.filter(Boolean).join(" ")}
        role=${at === 0 && row ? "rowheader" : "gridcell"}
        aria-colindex=${at + 1}
        aria-readonly=${column.edit ? "false" : null}
        tabindex=${focus === at && !isEdited ? 0 : -1}
        data-at=${`${index} ${at}`}
      >
        ${row ? shown : html`<span class="grid-placeholder"></span>${at === 0 && html`<span
          class="visually-hidden">not loaded yet</span>`}`}
      </div>`;
    });
    return html`<div ref=${element} class="grid-row" role="row" aria-rowindex=${index + 2}>${cells}</div>`;
  }, [index, row, columns, focus, editing]);
}
