// Exports everything that the console uses of the vendored libraries: Preact, its hooks, and `html`, htm's templates for Preact.
import htm from "./htm.module.js";
import { h } from "./preact.module.js";

export { Component, createContext, Fragment, h, render } from "./preact.module.js";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "./hooks.module.js";
export const html = htm.bind(h);
