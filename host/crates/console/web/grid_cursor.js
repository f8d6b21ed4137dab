// The active cell of a grid: moved by keys and clicks, and edited or opened from there.
import { useLayoutEffect, useRef, useState } from "./vendor/preact.js";

const clamp = (value, max) => Math.max(0, Math.min(value, max));

/** Returns the row and the column of the cell in which an event happened, or null. */
function findCell(event) {
  const cell = event.target.closest?.("[data-at]");
  if (!cell) return null;
  const [row, column] = cell.dataset.at.split(" ").map(Number);
  return { row, column };
}

/**
 * Returns the cell to which a key moves, as `[row, column]`, or undefined. With Ctrl or Cmd, arrow keys move to the
 * edge.
 */
function findTarget(key, isFar, { row, column }, { lastRow, lastColumn, viewport }) {
  switch (key) {
    case "ArrowUp":
      return [isFar ? 0 : row - 1, column];
    case "ArrowDown":
      return [isFar ? lastRow : row + 1, column];
    case "ArrowLeft":
      return [row, isFar ? 0 : column - 1];
    case "ArrowRight":
      return [row, isFar ? lastColumn : column + 1];
    case "Home":
      return [isFar ? 0 : row, 0];
    case "End":
      return [isFar ? lastRow : row, lastColumn];
    case "PageUp":
      return [row - viewport.countPageRows(), column];
    case "PageDown":
      return [row + viewport.countPageRows(), column];
    default:
      return undefined;
  }
}

/**
 * `getRow(index)` returns a loaded row. `onOpen(row, index)` opens a row from a cell that cannot be edited and has no
 * link or button. `onUndo` is called for Ctrl+Z. Returns the active cell, the edited cell or null, and the event handlers
 * of the grid.
 */
export function useCursor({ scroller, viewport, columns, count, getRow, onOpen, onUndo }) {
  const [active, setActive] = useState({ row: 0, column: 0 });
  const [editing, setEditing] = useState(null);
  const state = useRef({ needsFocus: false, isEditing: false }).current;

  const move = (row, column) => {
    const to = { row: clamp(row, count - 1), column: clamp(column, columns.length - 1) };
    state.needsFocus = true;
    viewport.revealRow(to.row);
    setActive(to);
  };

  const startEditing = (cell) => {
    state.isEditing = true;
    setEditing(cell);
  };

  const stopEditing = (refocus = true) => {
    // An editor that is removed loses the focus, which calls this a second time.
    if (!state.isEditing) return;
    state.isEditing = false;
    state.needsFocus = refocus;
    setEditing(null);
  };

  /** Edits the active cell, starting with this text. Returns false if it cannot be edited. */
  const edit = (text) => {
    if (!getRow(active.row) || !columns[active.column].edit) return false;
    startEditing({ ...active, text });
    return true;
  };

  const open = (cell) => {
    const control = cell.querySelector("a, button");
    if (control) control.click();
    else if (getRow(active.row)) onOpen?.(getRow(active.row), active.row);
  };

  const reset = () => {
    setActive({ row: 0, column: 0 });
    stopEditing(false);
  };

  useLayoutEffect(() => {
    viewport.updateView();
    if (active.row >= count) setActive({ row: Math.max(0, count - 1), column: active.column });
  }, [count]);
  useFocusedCell({ scroller, viewport, active, editing, state });

  const onKeyDown = (event) => {
    if (editing) {
      if (event.key === "Escape" && !event.defaultPrevented) stopEditing();
      return;
    }
    const cell = event.target.closest?.("[data-at]");
    if (!cell || event.altKey || event.target !== cell) return;
    const isFar = event.ctrlKey || event.metaKey;
    const to = findTarget(event.key, isFar, active, { lastRow: count - 1, lastColumn: columns.length - 1, viewport });
    const row = getRow(active.row);
    const actions = {
      Enter: () => edit("") || open(cell),
      F2: () => edit(""),
      Delete: () => row && columns[active.column].clear?.(row),
    };
    // Otherwise the browser undoes the last change of a text field, wherever it is.
    if (isFar && event.key.toLowerCase() === "z" && !event.shiftKey && onUndo) {
      event.preventDefault();
      onUndo();
      return;
    }
    const isText = event.key.length === 1 && event.key !== " " && !isFar;
    if (to) move(...to);
    else if (actions[event.key]) actions[event.key]();
    else if (!isText || !edit(event.key)) return;
    event.preventDefault();
  };

  const onFocus = (event) => {
    const cell = findCell(event);
    if (cell && (cell.row !== active.row || cell.column !== active.column)) setActive(cell);
  };

  const onClick = (event) => {
    const cell = findCell(event);
    if (!cell || event.target.closest("a, button, input, [role=listbox]")) return;
    setActive(cell);
    if (editing && editing.row === cell.row && editing.column === cell.column) return;
    const row = getRow(cell.row);
    if (row && columns[cell.column].edit) startEditing({ ...cell, text: "" });
    else if (row) onOpen?.(row, cell.row);
  };

  const focus = () => move(active.row, active.column);
  return { active, editing, stopEditing, reset, focus, onKeyDown, onFocus, onClick };
}

/** Shows the edited cell, and moves the focus to the active cell if `state.needsFocus`. */
function useFocusedCell({ scroller, viewport, active, editing, state }) {
  const findElement = ({ row, column }) => scroller.current?.querySelector(`[data-at="${row} ${column}"]`);
  useLayoutEffect(() => {
    const cell = editing && findElement(editing);
    if (cell) viewport.revealCell(cell, editing.column);
  }, [editing]);
  useLayoutEffect(() => {
    const cell = state.needsFocus && !editing && findElement(active);
    if (!cell) return;
    state.needsFocus = false;
    cell.focus({ preventScroll: true });
    viewport.revealCell(cell, active.column);
  });
}
