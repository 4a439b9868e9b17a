/** Numbers and names as people read them. */

/** @typedef {import("./types.js").About} About */

/** A share in percent.
 * @param {number | null | undefined} value */
export function percent(value, digits = 1) {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : `${(100 * value).toFixed(digits)} %`;
}

/** A number with three decimals.
 * @param {number | null | undefined} value */
export function number(value) {
  return value === null || value === undefined || !Number.isFinite(value) ? "–" : value.toFixed(3);
}

/**
 * The name of a class, or its number.
 *
 * @param {number} index
 * @param {About} about
 */
export function className(index, about) {
  if (index < 0) return "no class";
  const name = about.class_names[index];
  return name === undefined || name === "" ? `class ${index}` : name;
}

/** A name that fits, of a long one the end, as of a path.
 * @param {string} name */
export function ending(name, longest = 32) {
  const letters = Array.from(name);
  return letters.length <= longest ? name : `…${letters.slice(1 - longest).join("")}`;
}

/** A name that fits, of a long one both ends, as of a layer: `block13_…relu`.
 * @param {string} name */
export function ends(name, longest = 22) {
  const letters = Array.from(name);
  const [first, last] = [Math.ceil((longest - 1) / 2), Math.floor((longest - 1) / 2)];
  return letters.length <= longest ? name : `${letters.slice(0, first).join("")}…${letters.slice(-last).join("")}`;
}

/** `1 image`, `2 images`.
 * @param {number} count
 * @param {string} what */
export function counted(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
