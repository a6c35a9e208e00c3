// Observable Plot, and the parts of d3 that it takes. Each adds itself to a global object, those it needs first.
// Marks of trees, meshes and contours need further parts: a line here and in tools/explorer/vendor.py.
import "../vendor/d3-array.js";
import "../vendor/d3-color.js";
import "../vendor/d3-format.js";
import "../vendor/d3-path.js";
import "../vendor/d3-geo.js";
import "../vendor/d3-random.js";
import "../vendor/d3-selection.js";
import "../vendor/d3-time.js";
import "../vendor/d3-axis.js";
import "../vendor/d3-interpolate.js";
import "../vendor/d3-shape.js";
import "../vendor/d3-time-format.js";
import "../vendor/d3-scale.js";
import "../vendor/d3-scale-chromatic.js";
import "../vendor/plot.js";

export const { Plot, d3 } = /** @type {any} */ (globalThis);
