// The evaluation request of a state, and variants as short text: `normal:std=0.02`, `Adam`, `given`, or JSON.

const OPTIMIZERS = ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW", "Adadelta", "Adamax", "NAdam", "RAdam"];

export const optimizers = OPTIMIZERS;

export const MAX_STEPS = 200; // of an evaluation of the page; a request by hand takes more
const STEPS = [0, MAX_STEPS, 20];

/** The settings of a state where it has some, else the preset's. `faults` name those that are not what it says. */
export function settingsOf(state, preset) {
  const of = (name, range) => clamp(Number(state[name] || range[2]), range);
  const settings = {
    depth: of("depth", preset.controls.depth),
    width: of("width", preset.controls.width),
    gain: positive(state.gain, 1),
    lr: positive(state.lr, preset.lr),
    norm: Boolean(preset.normalisable && state.norm === "1"),
    steps: of("steps", STEPS),
    seed: /^\d+$/.test(state.seed ?? "") ? state.seed : "0",
    variants: state.variants ? listOf(state.variants) : preset.variants,
  };
  return { ...settings, faults: faultsOf(state, settings, preset) };
}

function faultsOf(state, settings, preset) {
  const faults = {};
  for (const [name, [low, high]] of Object.entries({ ...preset.controls, steps: STEPS }))
    if (state[name] && Number(state[name]) !== settings[name])
      faults[name] = `The address says ${state[name]}: it is a whole number from ${low} to ${high}.`;
  for (const name of ["gain", "lr"])
    if (state[name] && Number(state[name]) !== settings[name]) faults[name] = `The address says ${state[name]}: it is a number above 0.`;
  if (state.seed && state.seed !== settings.seed) faults.seed = `The address says ${state.seed}: it is a whole number, in digits.`;
  if (state.norm === "1" && !settings.norm) faults.norm = `The address says norm=1: ${preset.title} has no such switch.`;
  if (state.preset && state.preset !== preset.id) faults.preset = `There is no network ${state.preset}: this is ${preset.title}.`;
  return faults;
}

/** Variants as one text of an address, and back. */
export const listOf = (text) => text.split("|").filter(Boolean);
export const textOf = (variants) => variants.join("|");

function clamp(value, [low, high, fallback]) {
  return Number.isFinite(value) ? Math.min(high, Math.max(low, Math.round(value))) : fallback;
}

function positive(value, fallback) {
  return Number(value) > 0 && Number.isFinite(Number(value)) ? Number(value) : fallback;
}

/** The request of a preset with its settings. */
export function requestOf(preset, settings) {
  const numbers = { ...settings, scaled: rounded(0.02 / Math.sqrt(2 * settings.depth)) };
  const { layers, input, ...rest } = filled(preset.request, numbers);
  const seed = Number.isSafeInteger(Number(settings.seed)) ? Number(settings.seed) : settings.seed;
  const request = { seed, layers, input, ...rest };
  if (settings.steps > 0) {
    Object.assign(request, { optimizer: { kind: "Adam", lr: settings.lr }, steps: settings.steps });
  }
  request.compare = settings.variants.map((text) => variantOf(text, settings));
  return request;
}

// "$width" is a number, "$width*4" four times it, "h{1..$depth}" a name, and {"$if": "norm"} an entry that may be absent.
function filled(value, numbers) {
  if (Array.isArray(value)) {
    return value.filter((part) => !part?.$if || numbers[part.$if]).map((part) => filled(part, numbers));
  }
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).filter(([name]) => name !== "$if");
    return Object.fromEntries(members.map(([name, part]) => [name, filled(part, numbers)]));
  }
  if (typeof value !== "string") return value;
  const whole = value.match(/^\$(\w+)(?:\*(\d+))?$/);
  return whole ? numbers[whole[1]] * Number(whole[2] ?? 1) : value.replace("$depth", numbers.depth);
}

/** A variant of `compare`: inits times the gain, optimizers with the learning rate. */
export function variantOf(text, { gain, lr }) {
  if (text.startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      return text; // the service says what is wrong with it
    }
  }
  const [kind, ...rest] = text.split(":");
  const words = rest.join(":");
  if (kind === "given") return { label: words || "as given" };
  const parameters = Object.fromEntries(
    words.split(",").filter(Boolean).map((word) => [word.split("=")[0].trim(), number(word.split("=").slice(1).join("="))]),
  );
  if (OPTIMIZERS.includes(kind)) return { label: labelOf(text), optimizer: { kind, lr, ...parameters } };
  const init = scaled({ kind, ...parameters }, gain);
  const label = gain !== 1 && init.kind !== "zeros" ? `${labelOf(text)} × ${gain}` : labelOf(text);
  return { label, init: Object.keys(init).length === 1 ? init.kind : init };
}

/** The words for a variant: `normal std=0.02`. */
export function labelOf(text) {
  if (text.startsWith("{")) {
    try {
      return String(JSON.parse(text).label ?? text);
    } catch {
      return text;
    }
  }
  if (text.startsWith("given:")) return text.slice("given:".length);
  return text === "given" ? "as given" : text.replace(":", " ").replaceAll(",", " ");
}

function number(text) {
  if (text === "true" || text === "false") return text === "true";
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

const GAINS = {
  linear: () => 1,
  relu: () => Math.SQRT2,
  leaky_relu: (a) => Math.sqrt(2 / (1 + a * a)),
  tanh: () => 5 / 3,
  selu: () => 3 / 4,
};

/** The init whose numbers are `gain` times as large: its deviation, its mean and its bounds. Zeros stay. */
export function scaled(init, gain) {
  if (gain === 1) return init;
  const times = (defaults) => {
    const found = { ...init };
    for (const [name, fallback] of Object.entries(defaults)) {
      const value = rounded(Number(init[name] ?? fallback) * gain);
      if (Number.isFinite(value) && (value !== 0 || name in init || name !== "mean")) found[name] = value;
    }
    return found;
  };
  switch (init.kind) {
    case "constant":
      return times({ value: 0 });
    case "normal":
      return times({ mean: 0, std: 1 });
    case "trunc_normal": // its bounds are numbers, unless there is a cutoff of so many deviations
      return times({ mean: 0, std: 1, ...(init.cutoff == null && { a: -2, b: 2 }) });
    case "sparse":
      return times({ std: 0.01 });
    case "uniform":
      return times({ a: 0, b: 1 });
    case "xavier_uniform":
    case "xavier_normal":
    case "glorot_uniform":
    case "glorot_normal":
    case "orthogonal":
    case "delta_orthogonal":
    case "dirac":
    case "eye":
      return times({ gain: 1 });
    case "kaiming_uniform":
    case "kaiming_normal":
    case "he_uniform":
    case "he_normal": {
      const own = (GAINS[init.nonlinearity ?? "leaky_relu"] ?? GAINS.linear)(init.a ?? 0);
      const distribution = init.kind.endsWith("uniform") ? "uniform" : "normal";
      return varianceScaling((own * gain) ** 2, init.mode ?? "fan_in", distribution);
    }
    case "lecun_uniform":
      return varianceScaling(gain ** 2, "fan_in", "uniform");
    case "lecun_normal":
      return varianceScaling(gain ** 2, "fan_in", "truncated_normal");
    case "variance_scaling":
      return { ...init, scale: rounded((init.scale ?? 1) * gain ** 2) };
    default:
      return init;
  }
}

function varianceScaling(scale, mode, distribution) {
  return { kind: "variance_scaling", scale: rounded(scale), mode, distribution };
}

function rounded(value) {
  return Number(value.toPrecision(6));
}

/** JSON with a line for what fits into one. */
export function pretty(value, indent = "", room = 100) {
  const compact = spaced(value);
  if (value === null || typeof value !== "object" || indent.length + compact.length <= room && indent) return compact;
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((part) => pretty(part, inner, room))
    : Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${pretty(part, inner, room)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${spaced(part)}`).join(", ")}}`;
}
