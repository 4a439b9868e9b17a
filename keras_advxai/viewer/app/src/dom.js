/** Elements of the page. Whatever comes from data goes in as text, and never as markup. */

/**
 * An element.
 *
 * @param {string} name Its tag, with classes behind dots: `div.card.wide`.
 * @param {Record<string, any>} [attributes] Attributes; functions under `on...` listen to events, `text` is the text.
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(element.style, value);
    else if (key in element && typeof value !== "string") element[key] = value;
    else element.setAttribute(key, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * An element of a picture in lines.
 *
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @param {...Node} children
 */
export function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Puts other children into an element.
 * @param {Element} element
 * @param {...(Node | string | null | undefined | false)} children */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child).map((child) => /** @type {Node | string} */ (child)));
  return element;
}

/** A button.
 * @param {string} text
 * @param {(event: Event) => void} onclick
 * @param {Record<string, any>} [attributes] */
export function button(text, onclick, attributes = {}) {
  return h("button", { type: "button", text, onclick, ...attributes });
}

/**
 * A labelled list to choose from.
 *
 * @param {string} label
 * @param {[string, string][]} options Value and text of each.
 * @param {(value: string) => void} onchange
 */
export function choice(label, options, onchange) {
  const list = h("select", { "aria-label": label, onchange: () => onchange(list.value) });
  for (const [value, text] of options) list.append(h("option", { value, text, title: text }));
  return h("label.field", {}, h("span.label", { text: label }), list);
}

/** Writes a file for the user.
 * @param {string} name
 * @param {Blob} blob */
export function download(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
