/** What an element gets: `on…` are listeners, `class` and the rest attributes; undefined and false are left out. */
export type Props = Readonly<
  Record<string, string | number | boolean | undefined | ((event: Event) => void)>
>;

/** Makes an element. Text is always text, never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: readonly (Node | string | undefined)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** Sets text if it differs: what did not change keeps its selection, and is not announced again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A row that stays the same element as long as its item is there, so that focus and selection stay too. */
export interface Row<T> {
  readonly element: HTMLElement;
  update(item: T): void;
}

/** Shows items as rows of `parent`, in their order. */
export function createRows<T>(
  parent: HTMLElement,
  keyOf: (item: T) => string,
  make: (item: T) => Row<T>,
): (items: readonly T[]) => void {
  const rows = new Map<string, Row<T>>();
  return (items) => {
    const keys = new Set(items.map((item) => keyOf(item)));
    for (const [key, row] of rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      rows.delete(key);
    }
    for (const [index, item] of items.entries()) {
      const key = keyOf(item);
      const row = rows.get(key) ?? make(item);
      rows.set(key, row);
      row.update(item);
      if (parent.children[index] !== row.element)
        parent.insertBefore(row.element, parent.children[index] ?? null);
    }
  };
}
