// The exact density of the distributions that have one formula.

const POINTS = 240;

/** Points of the density of a planned tensor between two values; null where there is none. */
export function density({ init, mean, std }, low, high) {
  const kind = typeof init === "string" ? init : init?.kind;
  if (!(std > 0)) return null;
  if (/^(normal|xavier_normal|kaiming_normal)$/.test(kind)) {
    const at = (x) => Math.exp(-(((x - mean) / std) ** 2) / 2) / (std * Math.sqrt(2 * Math.PI));
    return Array.from({ length: POINTS + 1 }, (_, point) => {
      const x = low + (point / POINTS) * (high - low);
      return { x, y: at(x) };
    });
  }
  if (/^(uniform|xavier_uniform|kaiming_uniform|lecun_uniform)$/.test(kind)) {
    const half = Math.sqrt(3) * std;
    return [mean - half, mean + half].map((x) => ({ x, y: 1 / (2 * half) }));
  }
  return null;
}
