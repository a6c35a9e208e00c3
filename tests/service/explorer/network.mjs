// What the room of networks computes by itself: requests of presets and lessons, scaled inits, places in a text.
import { locate } from "./pointers.mjs";
import library from "./presets.mjs";
import { labelOf, listOf, pretty, requestOf, scaled, settingsOf, variantOf } from "./request.mjs";

const drawn = (id, title, faulty, preset, state) => {
  const settings = settingsOf({ steps: "1", ...state }, preset);
  return { id, title, faulty: faulty.map(labelOf), text: pretty(requestOf(preset, settings)) };
};
const presets = library.presets.map((preset) => drawn(preset.id, preset.title, preset.faulty, preset, {}));
const extremes = library.presets.flatMap((preset) =>
  [0, 1].map((end) => {
    const [depth, width] = [preset.controls.depth[end], preset.controls.width[end]].map(String);
    const state = { depth, width, norm: "1", steps: "0", variants: preset.variants[0] };
    return drawn(`${preset.id}-${end}`, preset.title, [], preset, state);
  }),
);
const lessons = library.lessons.map(({ id, title, faulty, state }) =>
  drawn(id, title, faulty, library.presets.find((preset) => preset.id === state.preset), state),
);

const given = JSON.parse(process.argv[2]);
process.stdout.write(
  JSON.stringify({
    presets,
    extremes,
    lessons,
    scaled: given.inits.map((init) => scaled(init, given.gain)),
    variants: given.variants.map((text) => variantOf(text, { gain: 1, lr: 0.1 })),
    places: given.pointers.map((pointer) => locate(given.text, pointer)),
    unreadable: locate("{", ""),
    list: listOf("zeros|normal:std=0.02"),
  }),
);
