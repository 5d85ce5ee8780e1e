/** An engine that is opened when it is first needed, and closed with whoever needed it. */
import type {Engine} from '../engine/engine.ts'

export class LazyEngine<T extends AsyncDisposable = Engine> implements AsyncDisposable {
  readonly #open: () => Promise<T>
  #opened: Promise<T> | undefined

  constructor(open: () => Promise<T>) {
    this.#open = open
  }

  readonly get = async (): Promise<T> => {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = await this.#opened?.catch(() => undefined)
    await engine?.[Symbol.asyncDispose]()
  }
}
