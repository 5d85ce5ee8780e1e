/** Elements of the page. Texts come from anywhere, so they are only ever set as text. */

type Child = Node | string

/** An element with attributes and children; a string is text. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

export function svg(
  tag: string,
  attributes: Readonly<Record<string, number | string>> = {},
  ...children: Child[]
): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.querySelector<T>(`#${id}`)
  if (!element) throw new Error(`the page has no #${id}`)
  return element
}

/** Sets a text where it is another one: what does not change costs nothing. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

/** A child for each item, made once and kept by its key, in the order of the items. */
export function keyed<T, E extends Element>(
  parent: Element,
  items: readonly T[],
  parts: {key: (item: T) => string; make: (item: T) => E; update: (element: E, item: T) => void},
): void {
  const known = new Map([...parent.children].map((child) => [(child as HTMLElement).dataset.key, child as E]))
  const wanted = items.map((item) => {
    const key = parts.key(item)
    const element = known.get(key) ?? parts.make(item)
    known.delete(key)
    setAttribute(element, 'data-key', key)
    parts.update(element, item)
    return element
  })
  for (const gone of known.values()) gone.remove()
  for (const [index, element] of wanted.entries()) {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null)
  }
}
