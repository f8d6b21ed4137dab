// Scrolling of a grid of any length: which rows are in sight, and how the scroll position maps to rows.
import { useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

/**
 * Browsers limit the height of an element, some to 17 million pixels. A longer list is drawn in an element of this
 * height: a pixel of the scroll bar then stands for several pixels of the list.
 */
const MAX_HEIGHT = 8_000_000;
/** Rows that are drawn beyond both edges of the visible part. */
const OVERSCAN = 8;
/** The drawn part moves by this many rows at once. */
const STEP = 4;
/** Scrolling has stopped when nothing moved for so long. */
export const SETTLED_MS = 70;
const ALIGN_MS = 200;

/** Returns the rows to draw, rounded to steps so that they do not change with every pixel. */
function computeView({ top, base, height, isFast }, rowPixels, count) {
  const from = (top + base) / rowPixels;
  const to = from + height / rowPixels;
  // During fast scrolling only the visible rows are drawn; the rest follows when it has settled.
  const [step, overscan] = isFast ? [1, 1] : [STEP, OVERSCAN];
  const first = Math.max(0, Math.floor(from / step) * step - overscan);
  const last = Math.min(count - 1, Math.ceil(to / step) * step + overscan);
  return { first, last, base };
}

/** Calls the latest handlers when the grid is scrolled or resized. */
function useScrollEvents({ scroller, head, state, latest, isEmpty }) {
  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    // The right edge fades while there are columns beyond it.
    const showMore = () => {
      element.dataset.more = element.scrollWidth - element.clientWidth - element.scrollLeft > 1 ? "right" : "";
    };
    const onScroll = () => {
      showMore();
      latest.current.handleScroll();
    };
    // Passive, so that the browser does not wait for the handler.
    element.addEventListener("scroll", onScroll, { passive: true });
    const observer = new ResizeObserver(() => {
      state.height = Math.max(0, element.clientHeight - head.current.offsetHeight);
      showMore();
      latest.current.updateView();
    });
    observer.observe(element);
    observer.observe(head.current);
    return () => {
      element.removeEventListener("scroll", onScroll);
      observer.disconnect();
      clearTimeout(state.alignTimer);
      clearTimeout(state.settleTimer);
    };
  }, [isEmpty]);
}

/**
 * The visible part of `count` rows of `rowHeight` (in pixels at the default font size). `scroller` is the element that
 * scrolls, `head` its fixed first row; both are refs, which are empty while `isEmpty`.
 *
 * `view` is `{first, last, base}`: the rows to draw, and how many pixels to subtract from a row's position in the list.
 */
export function useViewport({ scroller, head, count, rowHeight, isEmpty }) {
  const state = useRef({ top: 0, base: 0, height: 0, isFast: false, alignTimer: 0, settleTimer: 0 }).current;
  const [view, setView] = useState({ first: 0, last: 30, base: 0 });
  const rowPixels = useMemo(
    () => (rowHeight * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16,
    [],
  );
  const listHeight = count * rowPixels;
  const bodyHeight = Math.min(listHeight, MAX_HEIGHT);
  const isScaled = listHeight > bodyHeight;
  const getScale = () => Math.max(1, listHeight - state.height) / Math.max(1, bodyHeight - state.height);

  const updateView = () => {
    const view = computeView(state, rowPixels, count);
    const isSame = (before) => Object.keys(view).every((key) => before[key] === view[key]);
    setView((before) => (isSame(before) ? before : view));
  };

  /** Scrolls so that the visible part starts at this pixel of the list. */
  const scrollTo = (pixel) => {
    const target = Math.max(0, Math.min(pixel, listHeight - state.height));
    if (scroller.current) scroller.current.scrollTop = target / getScale();
    state.top = scroller.current?.scrollTop ?? 0;
    state.base = isScaled ? target - state.top : 0;
    updateView();
  };

  const handleScroll = () => {
    const top = scroller.current.scrollTop;
    if (isScaled) {
      const end = bodyHeight - state.height;
      if (top <= 0) state.base = 0;
      else if (top >= end - 1) state.base = listHeight - bodyHeight;
      else if (Math.abs(top - state.top) >= state.height) state.base = top * getScale() - top;
      clearTimeout(state.alignTimer);
      // A wheel moves row by row; afterwards the scroll bar is moved to where it belongs.
      state.alignTimer = setTimeout(() => scroller.current && scrollTo(state.top + state.base), ALIGN_MS);
    }
    const isFar = Math.abs(top - state.top) > state.height / 2;
    state.top = top;
    state.isFast ||= isFar;
    if (state.isFast) {
      clearTimeout(state.settleTimer);
      state.settleTimer = setTimeout(() => {
        state.isFast = false;
        latest.current.updateView();
      }, SETTLED_MS);
    }
    updateView();
  };

  const latest = useRef({});
  latest.current = { updateView, handleScroll };
  useScrollEvents({ scroller, head, state, latest, isEmpty });

  /** Scrolls as little as necessary to show a row. */
  const revealRow = (row) => {
    const from = state.top + state.base;
    if (row * rowPixels < from) scrollTo(row * rowPixels);
    else if ((row + 1) * rowPixels > from + state.height) scrollTo((row + 1) * rowPixels - state.height);
  };

  /** Scrolls sideways until the first column, which is fixed, does not cover a cell. */
  const revealCell = (cell, column) => {
    if (column === 0) return;
    const { clientWidth, scrollLeft } = scroller.current;
    const fixedWidth = head.current.firstElementChild.offsetWidth;
    const [left, right] = [cell.offsetLeft, cell.offsetLeft + cell.offsetWidth];
    if (left - fixedWidth < scrollLeft) scroller.current.scrollLeft = left - fixedWidth;
    else if (right > scrollLeft + clientWidth) {
      scroller.current.scrollLeft = Math.min(right - clientWidth, left - fixedWidth);
    }
  };

  /** Returns how many rows Page Up and Page Down move. */
  const countPageRows = () => Math.max(1, Math.floor(state.height / rowPixels) - 1);
  /** Returns the pixel of the list at which the visible part starts. */
  const readPosition = () => state.top + state.base;
  return { view, rowPixels, bodyHeight, updateView, scrollTo, revealRow, revealCell, countPageRows, readPosition };
}
