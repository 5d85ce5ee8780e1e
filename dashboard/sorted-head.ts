/** The head of a table whose columns are buttons that sort it. */
import {el, setAttribute} from './dom.ts'

export interface Column<T> {
  readonly title: string
  readonly compare: (a: T, b: T) => number
}

/** The largest first; what is not known last. */
export function byNumber<T>(read: (item: T) => number | null): Column<T>['compare'] {
  return (a, b) => (read(b) ?? -1) - (read(a) ?? -1)
}

export class SortedHead<T> {
  readonly row: HTMLTableRowElement = el('tr')
  readonly #columns: ReadonlyArray<Column<T>>
  #sort: number
  #isReversed = false

  /** @param options.sort the column that it is sorted by at first */
  constructor(
    table: HTMLElement,
    columns: ReadonlyArray<Column<T>>,
    {onSort, sort}: {readonly onSort: () => void; readonly sort: number},
  ) {
    this.#columns = columns
    this.#sort = sort
    for (const [index, {title}] of columns.entries()) {
      const button = el('button', {type: 'button'}, title)
      button.addEventListener('click', () => {
        this.#isReversed = this.#sort === index && !this.#isReversed
        this.#sort = index
        this.#tell()
        onSort()
      })
      this.row.append(el('th', {scope: 'col'}, button))
    }

    table.querySelector('thead')!.append(this.row)
    this.#tell()
  }

  /** By the chosen column, and then by the first. */
  sorted(items: readonly T[]): T[] {
    const {compare} = this.#columns[this.#sort]!
    const sign = this.#isReversed ? -1 : 1
    return items.toSorted((a, b) => sign * compare(a, b) || this.#columns[0]!.compare(a, b))
  }

  #tell(): void {
    for (const [index, th] of [...this.row.children].entries()) {
      if (index === this.#sort) setAttribute(th, 'aria-sort', this.#isReversed ? 'descending' : 'ascending')
      else th.removeAttribute('aria-sort')
    }
  }
}
