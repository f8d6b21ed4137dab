// The one door to what is vendored here: Preact, its hooks, and `html`, htm's templates bound to Preact.
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
