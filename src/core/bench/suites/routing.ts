import {median} from 'simple-statistics'

import type {RoutingMethod} from '../../engine/engine.ts'

import {asNpuBridgeError} from '../../errors.ts'
import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {perSecond, timesUs} from '../timing.ts'
import {agents, LEGACY_COMPARES_NO_TEXTS, TextSource} from './routed-texts.ts'
import {absent, type Side, type Suite, type SuiteContext} from './suite.ts'

const TEXTS = 2000
/** Embedding takes thousands of times as long. */
const EMBEDDED = 128
const LEGACY_HAS_NONE = {
  status: 'not_available',
  reason: LEGACY_COMPARES_NO_TEXTS,
} as const

export const routing: Suite = {
  name: 'routing',
  description: `choosing one of ${agents.length} agents for texts, by words and by meaning`,
  metrics: [
    {name: 'lexical', title: `by words, ${TEXTS} texts at once`, unit: 'ops/s', better: 'higher'},
    {name: 'lexical_latency', title: 'by words, one text', unit: 'us', better: 'lower'},
    {name: 'hybrid', title: `by words and meaning, ${EMBEDDED} new texts at once`, unit: 'ops/s', better: 'higher'},
  ],
  notes: [
    `Each text is new, so that nothing comes from a cache. A sample is one round; times are around submit(), from Node, with the texts as JSON. The agents have descriptions of about ten words.`,
  ],
  cases: async (context) => [
    {
      title: 'routing',
      metrics: routing.metrics.map(({name}) => name),
      rounds: Math.min(context.effort.rounds, 20),
      sides: {
        [LEGACY_AS_SHIPPED]: absent(LEGACY_HAS_NONE.status, LEGACY_HAS_NONE.reason),
        [LEGACY_WITHOUT_SLEEP]: absent(LEGACY_HAS_NONE.status, LEGACY_HAS_NONE.reason),
        [ACCELERATED]: await acceleratedSide(context),
      },
    },
  ],
}

async function acceleratedSide({effort, participants}: SuiteContext): Promise<Side> {
  const texts = new TextSource()
  const ask = async (method: RoutingMethod, count: number) => {
    const engine = await participants.engine()
    await engine.submit({type: 'route', agents, descriptions: texts.take(count), method, topK: 0})
  }

  const missing = await whyNot(async () => ask('hybrid', 1))
  const rate = async (method: RoutingMethod, count: number) => {
    const times = await timesUs(async () => ask(method, count), effort.roundMs)
    return perSecond(count, [median(times)])
  }

  return {
    ...(missing !== undefined && {lacks: {hybrid: {status: 'not_available' as const, reason: missing}}}),
    async prepare() {
      await ask('lexical', TEXTS)
    },
    async measure() {
      const latencies = await timesUs(async () => ask('lexical', 1), effort.roundMs)
      return {
        values: {
          lexical: await rate('lexical', TEXTS),
          lexical_latency: median(latencies),
          ...(missing === undefined && {hybrid: await rate('hybrid', EMBEDDED)}),
        },
      }
    },
  }
}

/** What keeps `work` from being done; undefined when nothing does. */
async function whyNot(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return asNpuBridgeError(error).message
  }
}
