import type {TensorMap} from './engine.ts'

/** A stream that nothing came for this long is taken for abandoned. */
const IDLE_MS = 5 * 60_000

interface Stream {
  readonly state: TensorMap
  readonly usedAt: number
}

/** What recurrent models remember between the inferences of a stream, by input name. */
export class StreamStates {
  readonly #streams = new Map<string, Stream>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size
  }

  /** The state that the last inference of `stream` left; undefined before its first. */
  recall(stream: string): TensorMap | undefined {
    this.#forgetIdle()
    return this.#streams.get(stream)?.state
  }

  remember(stream: string, state: TensorMap): void {
    // Deleted first, so that the streams stand in the order of their last use.
    this.#streams.delete(stream)
    this.#streams.set(stream, {state, usedAt: this.#now()})
  }

  close(stream: string): void {
    this.#streams.delete(stream)
  }

  /** Closes the streams whose key begins with `prefix`. */
  closeAll(prefix: string): void {
    for (const stream of this.#streams.keys()) if (stream.startsWith(prefix)) this.#streams.delete(stream)
  }

  #forgetIdle(): void {
    const oldest = this.#now() - IDLE_MS
    for (const [stream, {usedAt}] of this.#streams) {
      if (usedAt > oldest) return
      this.#streams.delete(stream)
    }
  }
}
