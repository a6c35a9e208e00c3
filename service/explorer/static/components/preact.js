// Preact, its hooks, and htm's tag for templates. The page loads Preact itself as two plain scripts.
import htm from "../vendor/htm.js";

export const { Component, Fragment, createRef, h, render } = globalThis.preact;
export const { useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } = globalThis.preactHooks;
export const html = htm.bind(h);
