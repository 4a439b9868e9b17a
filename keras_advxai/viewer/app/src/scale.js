/** A MOD between noise and chance, on a line. */

import { color } from "./colors.js";
import { h } from "./dom.js";
import { driftOf } from "./explainers.js";
import { WORDS } from "./gloss.js";
import { number } from "./text.js";

/**
 * A MOD between noise and chance, on a line.
 *
 * @param {import("./types.js").View} view
 */
export function scale(view) {
  const { attack } = view.state;
  const found = driftOf(view.figures, view.state);
  const of = found?.attacks[attack];
  const mod = of?.mod[view.level] ?? null;
  if (!found || !of || mod === null) return null;
  const noise = view.about.attacks.find((item) => item.name === attack)?.noise;
  const control = noise ? (found.attacks[noise]?.mod[view.level] ?? null) : null;
  const end = 1.12 * Math.max(found.chance ?? 0, of.mod_high[view.level] ?? mod, mod, 0.02);
  const place = (value) => `${Math.min(100, (100 * value) / end)}%`;
  const own = color(attack, view.about);
  // The labels of the two ticks stand on the outer sides, since noise may be as much as chance.
  const isBelow = control === null || found.chance === null || control <= found.chance;
  const tick = (kind, value, text, isLeft) => value === null ? null : h(`div.tick.${kind}${isLeft ? ".left" : ""}`, { style: { left: place(value) } }, h("span", { text: `${text} ${number(value)}` }));
  const [low, high] = [of.mod_low[view.level] ?? null, of.mod_high[view.level] ?? null];
  const label = `MOD ${number(mod)}, noise ${number(control)}, chance ${number(found.chance)}`;
  return h("div.scale", { role: "img", "aria-label": label },
    h("div.line"),
    tick("noise", control, "noise", isBelow && Number(control) > 0.2 * end),
    tick("chance", found.chance, "chance", !isBelow || Number(found.chance) > 0.8 * end && (control === null || Number(control) < 0.4 * end)),
    low === null || high === null ? null : h("div.interval", { style: { left: place(low), width: `calc(${place(high)} - ${place(low)})`, background: own } }),
    h("div.mark", { style: { left: place(mod), background: own } }, h("span", { text: `MOD ${number(mod)}`, title: WORDS.MOD })));
}
