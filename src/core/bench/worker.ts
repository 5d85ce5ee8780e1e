/**
 * The program of a process that does the accelerated side's work for another one: so two builds of npubridge can take
 * turns, each with its own code and its own engine. Requests and answers are messages of Node.js; see remote.ts.
 */
import type {Case, Round, Side, SuiteContext} from './suites/suite.ts'

import {NpuBridgeError} from '../errors.ts'
import {answerRequests} from './child-program.ts'
import {factsOf} from './device-facts.ts'
import {measureMemory} from './memory.ts'
import {openCompat, openEngine} from './open-engine.ts'
import {Participants} from './participants.ts'
import {type Greeting, PROTOCOL, type Request, type WorkerSettings} from './remote.ts'
import {ACCELERATED} from './sides.ts'
import {measureStartup} from './startup.ts'
import {SUITES} from './suites/index.ts'

class Host {
  readonly #context: SuiteContext
  readonly #participants: Participants
  readonly #cases = new Map<string, Promise<readonly Case[]>>()

  constructor({effort, model, selection}: WorkerSettings) {
    this.#participants = new Participants({
      engine: async (profile, device) => openEngine(device ? {...selection, device} : selection, profile),
      compat: openCompat,
      async legacy() {
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'the old module is not part of this comparison')
      },
    })
    this.#context = {
      participants: this.#participants,
      effort,
      model: async () => model,
      async modelFile() {
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'other programs are not part of this comparison')
      },
      otherDevices: async () => [],
      peers: [],
      signal: new AbortController().signal,
      async measureApart() {
        throw new NpuBridgeError('UNSUPPORTED_OPERATION', 'this process is one of its own already')
      },
      measureMemory: async (request) => measureMemory({...request, selection}),
      measureStartup: async (startupModel) => measureStartup({model: startupModel, selection}),
      deviceFacts: async () => factsOf(this.#participants),
      note() {},
    }
  }

  async side(suite: string, index: number): Promise<Side> {
    const found = SUITES.find(({name}) => name === suite)
    const cases = this.#cases.get(suite) ?? found?.cases(this.#context)
    if (cases) this.#cases.set(suite, cases)
    const side = (await cases)?.[index]?.sides[ACCELERATED]
    if (side) return side
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', `this build has no case ${index} of a suite ${suite}`)
  }

  async close(): Promise<void> {
    await this.#participants[Symbol.asyncDispose]()
  }
}

let host: Host | undefined

async function answer(request: Request): Promise<Greeting | null | Round> {
  if (request.type === 'open') {
    host = new Host(request.settings)
    return {protocol: PROTOCOL, suites: SUITES.map(({name}) => name)}
  }

  if (request.type === 'close') {
    await host?.close()
    return null
  }

  const side = await host!.side(request.suite, request.index)
  if (side.absent) throw new NpuBridgeError('UNSUPPORTED_OPERATION', side.absent.reason)
  if (request.type === 'measure') return side.measure(request.share)
  await side.prepare?.()
  return null
}

answerRequests(answer)
