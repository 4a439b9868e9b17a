/** One colour for an attack wherever it is drawn; noise is gray and dashed. */

/** @typedef {import("./types.js").About} About */

const COUNT = 6;

/** The colour of an attack, a variable of the style sheet, which has one for light and one for dark.
 * @param {string} name
 * @param {About} about */
export function color(name, about) {
  const attack = about.attacks.find((item) => item.name === name);
  if (!attack || attack.aim === "noise") return "var(--noise)";
  const place = about.attacks.filter((item) => item.aim !== "noise").findIndex((item) => item.name === name);
  return `var(--attack-${place % COUNT})`;
}

/** The dashes of an attack's line.
 * @param {string} name
 * @param {About} about */
export function dashes(name, about) {
  const attack = about.attacks.find((item) => item.name === name);
  const same = about.attacks.filter((item) => item.aim !== "noise").findIndex((item) => item.name === name);
  if (!attack || attack.aim === "noise") return "5 4";
  return same >= COUNT ? "9 3 2 3" : null; // a seventh attack has the colour of the first
}
