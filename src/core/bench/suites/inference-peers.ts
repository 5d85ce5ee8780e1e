/** The sides of the suite inference that are other programs. */
import type {Engine} from '../../engine/engine.ts'
import type {Peer, PeerRequest, PeerSession} from '../peers/peer.ts'
import type {Round, Side, SuiteContext} from './suite.ts'

import {asNpuBridgeError, NpuBridgeError} from '../../errors.ts'
import {type Description, inputsFor} from '../model-inputs.ts'
import {loadModel} from './load-model.ts'

/** Of a program that takes seconds for each, and of what is compared with it. */
export function fewRounds({rounds}: SuiteContext['effort']): number {
  return Math.max(FEW_ROUNDS, Math.ceil(rounds / 3))
}

const FEW_ROUNDS = 7
/** In the engine the others wait, by priority, where no device has them; benchmark_app has the same by default. */
const SAME_REQUESTS = 'as many requests on the device at once as the engine has there'

export function peerSide(peer: Peer, profile: PeerRequest['profile'], model: string, context: SuiteContext): Side {
  const {effort, note, participants, signal} = context
  const durationMs = effort.roundMs
  let session: PeerSession
  let window: number
  const measure = async (): Promise<Round> => {
    if (profile === 'throughput') {
      return {values: {throughput_tuned: (await session.run({durationMs, window})).perSecond}}
    }

    const {latenciesUs, p50Us, p99Us} = await session.run({durationMs, window: 1})
    const {perSecond} = await session.run({durationMs, window})
    return {
      values: {
        throughput: perSecond,
        latency_p50: p50Us,
        compute_p50: p50Us,
        ...(p99Us !== null && {latency_p99: p99Us}),
      },
      ...(latenciesUs && {latenciesUs: {latency: latenciesUs}}),
    }
  }

  return {
    ...(peer.slow && {rounds: fewRounds(effort)}),
    lacks: {
      latency_p99: {status: 'not_available', reason: `${peer.name} tells the median only`},
    },
    async prepare() {
      // The one that the program is compared with.
      const engine = await participants.engine(profile)
      const loaded = await loadModel(engine, model)
      window = Math.min(effort.concurrency, loaded.requests ?? effort.concurrency)
      session = participants.adopt(
        await peer.open({...(await modelOn(engine, loaded, await context.modelFile(model))), profile}, signal),
      )
      const inputs = session.ownInputs ? 'shapes' : 'inputs'
      note(`${peer.name} is ${session.about}, with the same model, ${inputs}, device and hint, and ${SAME_REQUESTS}.`)
    },
    measure,
  }
}

async function modelOn(engine: Engine, loaded: Description, model: string): Promise<Omit<PeerRequest, 'profile'>> {
  const inputs = inputsFor(loaded)
  const {devices} = await engine.health()
  const device = devices.find(({state}) => state === 'available')?.name
  if (device === undefined) throw new NpuBridgeError('DEVICE_UNAVAILABLE', 'the accelerated side has no device')
  return {
    model,
    device,
    inputs: Object.entries(inputs).map(([name, {data, datatype, shape}]) => {
      if (!datatype) throw asNpuBridgeError(new Error(`${name} of ${data.length} elements has no type`))
      return {name, datatype, shape}
    }),
  }
}
