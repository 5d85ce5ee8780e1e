import type {Profile} from '../participants.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {apartSide, BATCHES, batchSide, latencySide, tunedSide} from './inference-engines.ts'
import {peerSide} from './inference-peers.ts'
import {absent, type Case, type Suite, type SuiteContext} from './suite.ts'

const LEGACY_HAS_NONE = 'the old module runs no models'
const APART =
  'What is started anew for each round, as benchmark_app is, is compared with processes of npubridge that are, too, and that run each inference by itself, as it does.'
const NO_MODEL = 'there is no model here: npubridge models pull silero-vad'

export const inference: Suite = {
  name: 'inference',
  description: 'inferences of a real model, tuned for latency and for throughput, one by one and in batches',
  metrics: [
    {name: 'throughput', title: 'throughput, several in flight', unit: 'inferences/s', better: 'higher'},
    {name: 'latency_p50', title: 'latency p50', unit: 'us', better: 'lower'},
    {name: 'latency_p99', title: 'latency p99', unit: 'us', better: 'lower'},
    {name: 'compute_p50', title: 'compute p50', unit: 'us', better: 'lower'},
    {
      name: 'throughput_tuned',
      title: 'throughput, tuned for it',
      unit: 'inferences/s',
      better: 'higher',
      point: {axis: 'items of a batch', x: 1},
    },
    ...BATCHES.map(
      (size) =>
        ({
          name: `throughput_batch_${size}`,
          title: `throughput, batches of ${size}`,
          unit: 'inferences/s',
          better: 'higher',
          point: {axis: 'items of a batch', x: size},
        }) as const,
    ),
  ],
  notes: [
    'Latency is with one inference in flight, on an engine of the profile latency, and timed around submit(), inputs copied in and outputs out. It is told apart into the time before the work (queue) and that on the device (compute), without the copying of inputs and outputs: what other programs call latency is the latter.',
    'Tuned for throughput, and in batches, they are on an engine of the profile throughput; batches are one operation with so many items, four of them in flight, and count as so many inferences.',
  ],
  async cases(context) {
    context.note(`Throughput is with ${context.effort.concurrency} inferences in flight.`)
    const model = await context.model()
    if (hasSlowPeers(context)) context.note(APART)
    return [
      {
        title: 'inference',
        metrics: ['throughput', 'latency_p50', 'latency_p99', 'compute_p50'],
        rounds: context.effort.rounds,
        sides: {...(await comparedSides(0, latencySide, model, context)), ...peerSides('latency', model, context)},
      },
      {
        title: 'inference tuned for throughput',
        metrics: ['throughput_tuned'],
        rounds: context.effort.rounds,
        sides: {...(await comparedSides(1, tunedSide, model, context)), ...peerSides('throughput', model, context)},
      },
      {
        title: 'inference in batches',
        metrics: BATCHES.map((size) => `throughput_batch_${size}`),
        rounds: context.effort.rounds,
        sides: await sidesOf(batchSide, model, context),
      },
    ]
  },
}

/** The same, with the accelerated side in processes of its own where it is compared with such. */
async function comparedSides(
  index: number,
  sideOn: typeof latencySide,
  model: string | null,
  context: SuiteContext,
): Promise<Case['sides']> {
  const sides = await sidesOf(sideOn, model, context)
  return model === null || !hasSlowPeers(context) ? sides : {...sides, [ACCELERATED]: apartSide(context, model, index)}
}

function hasSlowPeers({peers}: SuiteContext): boolean {
  return peers.some(({slow = false}) => slow)
}

/** The accelerated side and each other device. */
async function sidesOf(
  sideOn: typeof latencySide,
  model: string | null,
  context: SuiteContext,
): Promise<Case['sides']> {
  const legacy = {
    [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_HAS_NONE),
    [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_HAS_NONE),
  }
  if (model === null) return {...legacy, [ACCELERATED]: absent('not_available', NO_MODEL)}
  const {participants} = context
  const profile: Profile = sideOn === latencySide ? 'latency' : 'throughput'
  const chosen = async () => participants.engine(profile)
  const devices = (await context.otherDevices()).map((device) => {
    const side = sideOn(context, model, async () => participants.deviceEngine(device, profile))
    return [`${ACCELERATED}_${device}`, side] as const
  })
  return {...legacy, [ACCELERATED]: sideOn(context, model, chosen), ...Object.fromEntries(devices)}
}

function peerSides(profile: Profile, model: string | null, context: SuiteContext): Case['sides'] {
  const peers = model === null ? [] : context.peers
  return Object.fromEntries(peers.map((peer) => [`peer_${peer.name}`, peerSide(peer, profile, model!, context)]))
}
