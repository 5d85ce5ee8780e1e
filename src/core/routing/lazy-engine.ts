/** An engine that is opened when it is first needed, and closed with whoever needed it. */
import type {Engine} from '../engine/engine.ts'

export class LazyEngine implements AsyncDisposable {
  readonly #open: () => Promise<Engine>
  #opened: Promise<Engine> | undefined

  constructor(open: () => Promise<Engine>) {
    this.#open = open
  }

  readonly get = async (): Promise<Engine> => {
    this.#opened ??= this.#open()
    return this.#opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const engine = await this.#opened?.catch(() => undefined)
    await engine?.[Symbol.asyncDispose]()
  }
}
