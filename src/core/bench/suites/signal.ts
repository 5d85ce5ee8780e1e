import {median} from 'simple-statistics'

import type {Engine, SignalOperation} from '../../engine/engine.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {inWindow, perSecond, timesUs} from '../timing.ts'
import {absent, type Side, type Suite, type SuiteContext} from './suite.ts'

const SHORT = 1024
const LONG = 1_000_000
const CHANNELS = 64
/** Transforms that wait at once, and how many a round has: enough that the garbage of their results is collected in it. */
const WINDOW = 64
const TRANSFORMS = 16_384
const SECTIONS = [
  [0.2066, 0.4132, 0.2066, 1, -0.3695, 0.1958],
  [0.2452, 0.4904, 0.2452, 1, -0.4388, 0.4196],
]
/** Of each case; a round does all of its signals one after the other. */
const MOST_ROUNDS = 15
/** Why the old module has no figures for them. */
const LEGACY_PROCESSES_NOTHING = 'the old module hands its samples back as they came; it processes none'

type Work = Omit<SignalOperation, 'data' | 'type'>

const WORKS = {
  sosfilt: {operation: 'filter', parameters: {kind: 'sosfilt', sos: SECTIONS}},
  welch: {operation: 'spectral', parameters: {kind: 'welch'}},
  wavedec: {operation: 'wavelet', parameters: {kind: 'wavedec', wavelet: 'db4'}},
} as const satisfies Record<string, Work>

const shortSignals = {
  title: 'short signals',
  metrics: ['rfft', 'rfft_f64', 'rfft_latency'],
  async measure(engine: Engine, roundMs: number) {
    const double = samples([SHORT])
    const single = {data: Float32Array.from(double.data as Float64Array), shape: [SHORT]}
    const rate = async (operation: SignalOperation) => {
      const started = performance.now()
      await inWindow(WINDOW, TRANSFORMS, async () => engine.submit(operation))
      return perSecond(TRANSFORMS, [(performance.now() - started) * 1000])
    }

    return {
      rfft: await rate(transformOf(single)),
      rfft_f64: await rate(transformOf(double)),
      rfft_latency: median(await timesUs(async () => engine.submit(transformOf(single)), roundMs)),
    }
  },
}

const longSignals = {
  title: 'long signals',
  metrics: ['sosfilt', 'welch', 'wavedec', 'channels'],
  async measure(engine: Engine, roundMs: number) {
    const long = samples([LONG])
    const rate = async (work: Work, data: SignalOperation['data']) => {
      const times = await timesUs(async () => engine.submit({type: 'signal', ...work, data}), roundMs)
      return perSecond(1, [median(times)])
    }

    return {
      sosfilt: await rate(WORKS.sosfilt, long),
      welch: await rate(WORKS.welch, long),
      wavedec: await rate(WORKS.wavedec, long),
      channels: await rate(WORKS.sosfilt, samples([CHANNELS, LONG / 10])),
    }
  },
}

export const signal: Suite = {
  name: 'signal',
  description: 'transforms, filters, spectra and wavelets of samples, in float64 where nothing else is said',
  metrics: [
    {
      name: 'rfft',
      title: `transforms of ${SHORT} float32 samples, ${WINDOW} at once`,
      unit: 'ops/s',
      better: 'higher',
      target: {kind: 'value', bound: 100_000},
    },
    {name: 'rfft_f64', title: 'the same in float64', unit: 'ops/s', better: 'higher'},
    {name: 'rfft_latency', title: `one transform of ${SHORT} samples`, unit: 'us', better: 'lower'},
    {name: 'sosfilt', title: `fourth order, ${LONG} samples`, unit: 'ops/s', better: 'higher'},
    {name: 'welch', title: `Welch, ${LONG} samples`, unit: 'ops/s', better: 'higher'},
    {name: 'wavedec', title: `wavelet db4, ${LONG} samples`, unit: 'ops/s', better: 'higher'},
    {
      name: 'channels',
      title: `fourth order, ${CHANNELS} channels of ${LONG / 10} samples`,
      unit: 'ops/s',
      better: 'higher',
    },
  ],
  notes: [
    'A sample is one round; times are around submit(), from Node, and the results are awaited. `npm run bench:signal` compares the same work with scipy and PyWavelets.',
  ],
  // Long signals leave megabytes to be collected, which short ones would pay for if they came in turns.
  cases: async ({effort, participants}: SuiteContext) =>
    [shortSignals, longSignals].map(({measure, metrics, title}) => ({
      title,
      metrics,
      rounds: Math.min(effort.rounds, MOST_ROUNDS),
      sides: {
        [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_PROCESSES_NOTHING),
        [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_PROCESSES_NOTHING),
        [ACCELERATED]: accelerated(async () => participants.engine(), effort.roundMs, measure),
      },
    })),
}

/** Figures by metric. */
type Measure = (engine: Engine, roundMs: number) => Promise<Record<string, number>>

function accelerated(open: () => Promise<Engine>, roundMs: number, measure: Measure): Side {
  return {
    async prepare() {
      await (await open()).submit(transformOf(samples([SHORT])))
    },
    async measure() {
      return {values: await measure(await open(), roundMs)}
    },
  }
}

function transformOf(data: SignalOperation['data']) {
  return {type: 'signal', operation: 'fft', parameters: {kind: 'rfft'}, data} as const
}

const made = new Map<string, SignalOperation['data']>()

/** Samples of two tones; the same each time, since millions of them take longer to make than to process. */
function samples(shape: number[]): SignalOperation['data'] {
  const key = shape.join('x')
  const known = made.get(key)
  if (known) return known
  const length = shape.reduce((product, size) => product * size, 1)
  const tones = {data: Float64Array.from({length}, (_, k) => Math.sin(k * 0.37) + Math.cos(k * 0.011)), shape}
  made.set(key, tones)
  return tones
}
