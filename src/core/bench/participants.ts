import type {Engine} from '../engine/engine.ts'
import type {LegacyEngine} from '../engine/legacy.ts'

export type Profile = 'latency' | 'throughput'
export type DeviceKind = 'cpu' | 'gpu' | 'npu'

/** How the sides are opened; each call gives a new one. */
export interface Openers {
  /** What the user asked for; with `device`, that device and nothing else. */
  readonly engine: (profile: Profile, device?: DeviceKind) => Promise<Engine>
  /** The old module with (`sleep`) or without the pauses in which it pretends to work. */
  readonly legacy: (options: {sleep: boolean}) => Promise<LegacyEngine>
  /** npubridge's Python package, served like an old module. */
  readonly compat: () => Promise<LegacyEngine>
}

/** The engines of a benchmark: each opened when it is first needed, used by all suites, and closed with this. */
export class Participants implements AsyncDisposable {
  readonly open: Openers
  readonly #engines = new Map<string, Promise<Engine>>()
  readonly #adopted: AsyncDisposable[] = []
  readonly #legacy = new Map<string, Promise<LegacyEngine>>()

  constructor(open: Openers) {
    this.open = open
  }

  /** The accelerated engine, tuned for this. A failure to open it is given to everybody who asks. */
  async engine(profile: Profile = 'latency'): Promise<Engine> {
    return once(this.#engines, profile, async () => this.open.engine(profile))
  }

  /** An engine on this device, whatever else there is. */
  async deviceEngine(device: DeviceKind, profile: Profile): Promise<Engine> {
    return once(this.#engines, `${device} ${profile}`, async () => this.open.engine(profile, device))
  }

  async legacy({sleep}: {sleep: boolean}): Promise<LegacyEngine> {
    return once(this.#legacy, String(sleep), async () => this.open.legacy({sleep}))
  }

  async compat(): Promise<LegacyEngine> {
    return once(this.#legacy, 'compat', async () => this.open.compat())
  }

  /** Has `other` closed together with the engines. */
  adopt<T extends AsyncDisposable>(other: T): T {
    this.#adopted.push(other)
    return other
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled<Engine>([...this.#engines.values(), ...this.#legacy.values()])
    const engines = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    await Promise.all([
      ...engines.map(async (engine) => engine.shutdown({drainMs: 0})),
      ...this.#adopted.map(async (other) => other[Symbol.asyncDispose]()),
    ])
  }
}

async function once<T>(opened: Map<string, Promise<T>>, key: string, open: () => Promise<T>): Promise<T> {
  const found = opened.get(key) ?? open()
  opened.set(key, found)
  return found
}
