/** The accelerated side in a process of its own, from this build of npubridge or from another one. */
import {stat} from 'node:fs/promises'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

import type {Effort} from './effort.ts'
import type {EngineSelection} from './open-engine.ts'
import type {Round, Side} from './suites/suite.ts'

import {NpuBridgeError} from '../errors.ts'
import {ChildProgram} from './child-program.ts'

/** Raised when requests or answers change their meaning. */
export const PROTOCOL = 2

export interface WorkerSettings {
  readonly effort: Effort
  readonly model: string | null
  readonly selection: EngineSelection
}

export type Request =
  | {readonly index: number; readonly share: number; readonly suite: string; readonly type: 'measure'}
  | {readonly index: number; readonly suite: string; readonly type: 'prepare'}
  | {readonly settings: WorkerSettings; readonly type: 'open'}
  | {readonly type: 'close'}

/** The answer to `open`. */
export interface Greeting {
  readonly protocol: number
  readonly suites: readonly string[]
}

/** The program of the build in `folder`; of this one when undefined. */
export async function workerProgram(folder?: string): Promise<string> {
  const here = fileURLToPath(import.meta.url)
  if (folder === undefined) return path.join(path.dirname(here), `worker${path.extname(here)}`)
  const program = path.resolve(folder, 'dist/core/bench/worker.js')
  const stats = await stat(program).catch(() => null)
  if (stats?.isFile()) return program
  throw new NpuBridgeError('INVALID_ARGUMENT', `there is no build of npubridge in ${folder}: ${program} is missing`, {
    suggestions: [`Build it there: npm --prefix ${folder} run build`],
  })
}

export class RemoteSide implements AsyncDisposable {
  readonly #child: ChildProgram

  /** Starts the program; it answers once it is there. */
  static async open(program: string, settings: WorkerSettings): Promise<RemoteSide> {
    const child = new ChildProgram(program)
    const side = new RemoteSide(child)
    try {
      const greeting = (await side.#ask({type: 'open', settings})) as null | Partial<Greeting>
      if (greeting?.protocol === PROTOCOL) return side
      throw new NpuBridgeError('UNSUPPORTED_OPERATION', `${program} is of a version that this one cannot work with`)
    } catch (error) {
      await side[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(child: ChildProgram) {
    this.#child = child
  }

  /** The side of case number `index` of `suite`. */
  side(suite: string, index: number): Side {
    return {
      prepare: async () => {
        await this.#ask({type: 'prepare', suite, index})
      },
      measure: async (share = 1) => (await this.#ask({type: 'measure', suite, index, share})) as Round,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]()
  }

  async #ask(request: Request): Promise<unknown> {
    return this.#child.ask(request)
  }
}

/** One round of case number `index` of `suite` by a process that is started for it. */
export async function measureApart(settings: WorkerSettings, suite: string, index: number): Promise<Round> {
  await using remote = await RemoteSide.open(await workerProgram(), settings)
  const side = remote.side(suite, index)
  await side.prepare?.()
  return await side.measure()
}
