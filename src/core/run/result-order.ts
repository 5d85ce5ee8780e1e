/** Gives results in the order in which their operations were opened, or as they come. */
export class ResultOrder<T> {
  readonly #unordered: boolean
  readonly #waiting = new Map<number, T>()
  #opened = 0
  /** The place of the next result to give. */
  #next = 0

  constructor(unordered: boolean) {
    this.#unordered = unordered
  }

  /** The place of an operation whose result will be put later. */
  open(): number {
    return this.#opened++
  }

  put(place: number, result: T): void {
    this.#waiting.set(place, result)
  }

  /** The next result that may be written, if it is there. */
  take(): T | undefined {
    // A map keeps the order in which its entries were made, which is that of completion.
    const place = this.#unordered ? this.#waiting.keys().next().value : this.#next
    if (place === undefined) return undefined
    const result = this.#waiting.get(place)
    if (result === undefined) return undefined
    this.#waiting.delete(place)
    this.#next++
    return result
  }
}
