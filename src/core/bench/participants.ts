import type {Engine} from '../engine/engine.ts'
import type {LegacyEngine} from '../engine/legacy.ts'

/** How the two sides are opened; each call gives a new one. */
export interface Openers {
  readonly engine: () => Promise<Engine>
  /** The old module with (`sleep`) or without the pauses in which it pretends to work. */
  readonly legacy: (options: {sleep: boolean}) => Promise<LegacyEngine>
}

/** The engines of a benchmark: each opened when it is first needed, used by all suites, and closed with this. */
export class Participants implements AsyncDisposable {
  readonly open: Openers
  #engine: Promise<Engine> | undefined
  readonly #legacy = new Map<boolean, Promise<LegacyEngine>>()

  constructor(open: Openers) {
    this.open = open
  }

  /** The accelerated engine. A failure to open it is given to everybody who asks. */
  async engine(): Promise<Engine> {
    this.#engine ??= this.open.engine()
    return this.#engine
  }

  async legacy({sleep}: {sleep: boolean}): Promise<LegacyEngine> {
    const opened = this.#legacy.get(sleep) ?? this.open.legacy({sleep})
    this.#legacy.set(sleep, opened)
    return opened
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled([this.#engine, ...this.#legacy.values()])
    const engines = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    await Promise.all(engines.map(async (engine) => engine?.shutdown({drainMs: 0})))
  }
}
