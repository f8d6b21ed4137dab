// A table of any length: the rows in sight are in the document, their pages come from the server when they are due.
// An ARIA grid: one stop for Tab, arrows inside, Enter edits or opens, Escape leaves.
import { html, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "./vendor/preact.js";
import { Paged } from "./paged.js";
import { Notice } from "./ui.js";

// Browsers cap the height of an element, the lowest of them at 17 million pixels. Beyond this the scroll bar stands for
// more rows than its pixels, and base says how far they are apart.
const TALLEST = 8_000_000;
// Rows that are drawn beyond both edges, and by how many the drawn part moves at once.
const BEYOND = 8;
const STEP = 4;
// Nothing is asked for while the bar is dragged past it.
const SETTLED_MS = 70;
const SKELETONS = 10;

// Columns are `{key, title, width (rem), cell(row), edit?(row, {text, done}), clear?(row), className?}`.
export function Rows({ label, columns, load, rows, query = "", stale = 0, rowHeight = 52, handle, empty, onOpen }) {
  const scroller = useRef(null);
  const head = useRef(null);
  const place = useRef({
    top: 0,
    base: 0,
    height: 0,
    focus: false,
    editing: false,
    flies: false,
    timer: 0,
    idle: 0,
    settle: 0,
  }).current;
  const [view, setView] = useState({ first: 0, last: 30, base: 0 });
  const [active, setActive] = useState({ row: 0, column: 0 });
  const [editing, setEditing] = useState(null);
  const [, redraw] = useReducer((count) => count + 1, 0);
  const latest = useRef({});
  const paged = useMemo(() => (rows ? null : new Paged(load, (news) => latest.current.changed(news))), [!rows]);
  const source = paged ?? { total: rows.length, row: (index) => rows[index], problem: null };
  const total = source.total;
  const count = total ?? SKELETONS;
  const unit = useMemo(() => (rowHeight * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16, []);
  const full = count * unit;
  const tall = Math.min(full, TALLEST);

  const ratio = () => Math.max(1, full - place.height) / Math.max(1, tall - place.height);
  const ask = () => paged?.want(view.first, Math.min(view.last, Math.max(0, count - 1)));

  // Which rows are drawn, from where the bar stands.
  const look = () => {
    const from = (place.top + place.base) / unit;
    const to = from + place.height / unit;
    // What flies past is drawn as far as it is seen; the rest follows when it has settled.
    const [step, beyond] = place.flies ? [1, 1] : [STEP, BEYOND];
    const first = Math.max(0, Math.floor(from / step) * step - beyond);
    const last = Math.min(count - 1, Math.ceil(to / step) * step + beyond);
    const { base } = place;
    const isSame = (before) => before.first === first && before.last === last && before.base === base;
    setView((before) => (isSame(before) ? before : { first, last, base }));
  };

  // Puts the top of the visible part at this pixel of the whole list.
  const scrollTo = (pixel) => {
    const target = Math.max(0, Math.min(pixel, full - place.height));
    scroller.current.scrollTop = target / ratio();
    place.top = scroller.current.scrollTop;
    place.base = full > tall ? target - place.top : 0;
    look();
  };

  const onScroll = () => {
    const top = scroller.current.scrollTop;
    if (full > tall) {
      const end = tall - place.height;
      if (top <= 0) place.base = 0;
      else if (top >= end - 1) place.base = full - tall;
      else if (Math.abs(top - place.top) >= place.height) place.base = top * ratio() - top;
      clearTimeout(place.idle);
      // A wheel moves row by row; the bar follows when it rests.
      place.idle = setTimeout(() => scroller.current && scrollTo(place.top + place.base), 200);
    }
    const isFar = Math.abs(top - place.top) > place.height / 2;
    place.top = top;
    place.flies ||= isFar;
    if (place.flies) {
      clearTimeout(place.settle);
      place.settle = setTimeout(() => {
        place.flies = false;
        latest.current.look();
      }, SETTLED_MS);
    }
    look();
  };

  const reveal = (row) => {
    const from = place.top + place.base;
    if (row * unit < from) scrollTo(row * unit);
    else if ((row + 1) * unit > from + place.height) scrollTo((row + 1) * unit - place.height);
  };

  const move = (row, column) => {
    const to = {
      row: Math.max(0, Math.min(row, count - 1)),
      column: Math.max(0, Math.min(column, columns.length - 1)),
    };
    place.focus = true;
    reveal(to.row);
    setActive(to);
  };

  const edit = (text) => {
    const row = source.row(active.row);
    if (!row || !columns[active.column].edit) return false;
    begin({ ...active, text });
    return true;
  };

  const begin = (cell) => {
    place.editing = true;
    setEditing(cell);
  };

  const done = (refocus = true) => {
    // An editor that is taken away loses the focus once more, which says nothing new.
    if (!place.editing) return;
    place.editing = false;
    place.focus = refocus;
    setEditing(null);
  };

  latest.current = {
    changed({ restarted }) {
      if (restarted) {
        scrollTo(0);
        setActive({ row: 0, column: 0 });
        done(false);
      }
      redraw();
    },
    look,
    ask,
  };

  // The bar, without keeping the browser from scrolling meanwhile.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const scrolled = () => latest.current.scrolled();
    element.addEventListener("scroll", scrolled, { passive: true });
    const watch = new ResizeObserver(() => {
      place.height = Math.max(0, element.clientHeight - head.current.offsetHeight);
      latest.current.look();
    });
    watch.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      watch.disconnect();
      for (const timer of [place.idle, place.timer, place.settle]) clearTimeout(timer);
    };
  }, [total === 0]);
  latest.current.scrolled = onScroll;

  useEffect(() => () => paged?.close(), [paged]);

  // The first page at once, what a movement brings into sight when it has settled.
  useEffect(() => {
    clearTimeout(place.timer);
    if (paged?.total === null) ask();
    else place.timer = setTimeout(() => latest.current.ask(), SETTLED_MS);
  }, [paged, view.first, view.last, total]);

  const asked = useRef({ query, stale });
  useEffect(() => {
    const before = asked.current;
    asked.current = { query, stale };
    if (!paged) return;
    paged.load = load;
    if (before.query !== query) paged.restart(load);
    else if (before.stale !== stale) {
      paged.reload();
      ask();
    }
  });

  useLayoutEffect(() => {
    look();
    if (active.row >= count) setActive({ row: Math.max(0, count - 1), column: active.column });
  }, [count]);

  useLayoutEffect(() => {
    const style = scroller.current?.style;
    if (!style) return;
    const least = columns.map(({ width = 10 }, at) => (at ? `${width}rem` : `min(${width}rem, 44vw)`));
    style.setProperty("--columns", columns.map(({ width = 10 }, at) => `minmax(${least[at]}, ${width}fr)`).join(" "));
    style.setProperty("--width", `calc(${least.join(" + ")})`);
    style.setProperty("--row", `${unit}px`);
  }, [columns.map(({ key, width }) => `${key} ${width}`).join(), total === 0]);

  const body = useRef(null);
  useLayoutEffect(() => body.current?.style.setProperty("height", `${tall}px`), [tall]);

  const cellAt = ({ row, column }) => scroller.current?.querySelector(`[data-at="${row} ${column}"]`);

  // Scrolls sideways as far as the column that stays in place hides a cell.
  const uncover = (cell, column) => {
    if (column === 0) return;
    const { clientWidth, scrollLeft } = scroller.current;
    const fixed = head.current.firstElementChild.offsetWidth;
    const [left, right] = [cell.offsetLeft, cell.offsetLeft + cell.offsetWidth];
    if (left - fixed < scrollLeft) scroller.current.scrollLeft = left - fixed;
    else if (right > scrollLeft + clientWidth) {
      scroller.current.scrollLeft = Math.min(right - clientWidth, left - fixed);
    }
  };

  useLayoutEffect(() => {
    const cell = editing && cellAt(editing);
    if (cell) uncover(cell, editing.column);
  }, [editing]);

  useLayoutEffect(() => {
    const cell = place.focus && !editing && cellAt(active);
    if (!cell) return;
    place.focus = false;
    cell.focus({ preventScroll: true });
    uncover(cell, active.column);
  });

  if (handle) {
    handle.current = {
      update: (change) => paged?.update(change),
      reload: () => {
        paged?.reload();
        ask();
      },
      focus: () => move(active.row, active.column),
      row: (index) => source.row(index),
    };
  }

  const onKeyDown = (event) => {
    if (editing) {
      if (event.key === "Escape" && !event.defaultPrevented) done();
      return;
    }
    const cell = event.target.closest?.("[data-at]");
    if (!cell) return;
    const { row, column } = active;
    const page = Math.max(1, Math.floor(place.height / unit) - 1);
    const far = event.ctrlKey || event.metaKey;
    const moves = {
      ArrowUp: () => move(far ? 0 : row - 1, column),
      ArrowDown: () => move(far ? count - 1 : row + 1, column),
      ArrowLeft: () => move(row, far ? 0 : column - 1),
      ArrowRight: () => move(row, far ? columns.length - 1 : column + 1),
      Home: () => move(far ? 0 : row, 0),
      End: () => move(far ? count - 1 : row, columns.length - 1),
      PageUp: () => move(row - page, column),
      PageDown: () => move(row + page, column),
      Enter: () => edit("") || open(cell),
      F2: () => edit(""),
      Delete: () => source.row(row) && columns[column].clear?.(source.row(row)),
    };
    if (event.altKey || event.target !== cell) return;
    if (moves[event.key]) moves[event.key]();
    else if (event.key.length === 1 && event.key !== " " && !far && edit(event.key)) event.preventDefault();
    if (moves[event.key]) event.preventDefault();
  };

  const open = (cell) => {
    const inner = cell.querySelector("a, button");
    if (inner) inner.click();
    else if (source.row(active.row)) onOpen?.(source.row(active.row), active.row);
  };

  const at = (event) => {
    const cell = event.target.closest?.("[data-at]");
    if (!cell) return null;
    const [row, column] = cell.dataset.at.split(" ").map(Number);
    return { row, column };
  };

  const onFocus = (event) => {
    const cell = at(event);
    if (cell && (cell.row !== active.row || cell.column !== active.column)) setActive(cell);
  };

  const onClick = (event) => {
    const cell = at(event);
    if (!cell || event.target.closest("a, button, input, [role=listbox]")) return;
    setActive(cell);
    if (editing && editing.row === cell.row && editing.column === cell.column) return;
    const row = source.row(cell.row);
    if (row && columns[cell.column].edit) begin({ ...cell, text: "" });
    else if (row) onOpen?.(row, cell.row);
  };

  const retry = () => {
    paged.reload();
    ask();
    redraw();
  };
  if (total === 0 && !source.problem) return html`<div class="rows-empty">${empty}</div>`;

  const drawn = [];
  const [first, last] = [view.first, Math.min(view.last, count - 1)];
  // The row that has the focus stays in the document, else the focus would be lost with it.
  if (active.row < first) drawn.push(active.row);
  for (let index = first; index <= last; index += 1) drawn.push(index);
  if (active.row > last && active.row < count) drawn.push(active.row);

  return html`
    ${source.problem && html`<${Notice} problem=${source.problem} onRetry=${retry} />`}
    <div
      class=${onOpen ? "rows rows-open" : "rows"}
      ref=${scroller}
      role="grid"
      aria-label=${label}
      aria-rowcount=${total === null ? -1 : total + 1}
      aria-colcount=${columns.length}
      aria-busy=${total === null || Boolean(paged?.outdated)}
      onKeyDown=${onKeyDown}
      onClick=${onClick}
      onfocusin=${onFocus}
    >
      <div class="rows-head" role="rowgroup">
        <div class="rows-titles" role="row" aria-rowindex="1" ref=${head}>
          ${columns.map(
            ({ key, title }, index) =>
              html`<div key=${key} class="rows-title" role="columnheader" aria-colindex=${index + 1}>${title}</div>`,
          )}
        </div>
      </div>
      <div class="rows-body" role="rowgroup" ref=${body}>
        ${drawn.map(
          (index) =>
            html`<${Row}
              key=${index}
              index=${index}
              y=${index * unit - view.base}
              row=${source.row(index)}
              columns=${columns}
              focus=${active.row === index ? active.column : -1}
              editing=${editing?.row === index ? editing : null}
              done=${done}
            />`,
        )}
      </div>
    </div>
  `;
}

function Row({ index, y, row, columns, focus, editing, done }) {
  const element = useRef(null);
  useLayoutEffect(() => element.current.style.setProperty("transform", `translateY(${y}px)`), [y]);
  return useMemo(() => {
    const cells = columns.map((column, at) => {
      const isEdited = editing?.column === at && row;
      const classes = ["rows-cell", column.className, column.edit && "rows-editable", isEdited && "rows-edited"];
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
        ${row ? shown : html`<span class="rows-skeleton"></span>${at === 0 && html`<span class="unseen">not loaded yet</span>`}`}
      </div>`;
    });
    return html`<div ref=${element} class="rows-row" role="row" aria-rowindex=${index + 2}>${cells}</div>`;
  }, [index, row, columns, focus, editing]);
}
