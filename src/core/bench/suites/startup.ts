import {performance} from 'node:perf_hooks'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {absent, type Side, type Suite, type SuiteContext} from './suite.ts'

const US_PER_MS = 1000

export const startup: Suite = {
  name: 'startup',
  description: 'how long it takes from starting a process until it has answered its first operation',
  metrics: [
    {name: 'first_operation', title: 'process start to first echo', unit: 'us', better: 'lower'},
    {name: 'first_inference', title: 'process start to first inference', unit: 'us', better: 'lower'},
  ],
  notes: [
    'Each sample is a process of its own: Node.js that imports npubridge, opens an engine and submits one operation, or Python that loads the old module and does one. Devices were probed and models compiled before, as after the first run on any machine.',
  ],
  async cases(context) {
    const {processes} = context.effort
    const model = await context.model()
    const none = 'the old module runs no models'
    return [
      {
        title: 'startup',
        metrics: ['first_operation'],
        rounds: processes,
        sides: {
          [LEGACY_AS_SHIPPED]: legacySide(context, true),
          [LEGACY_WITHOUT_SLEEP]: legacySide(context, false),
          [ACCELERATED]: acceleratedSide(context, 'first_operation', null),
        },
      },
      {
        title: 'startup with a model',
        metrics: ['first_inference'],
        rounds: processes,
        sides: {
          [LEGACY_AS_SHIPPED]: absent('not_available', none),
          [LEGACY_WITHOUT_SLEEP]: absent('not_available', none),
          [ACCELERATED]:
            model === null
              ? absent('not_available', 'there is no model here: npubridge models pull silero-vad')
              : acceleratedSide(context, 'first_inference', model),
        },
      },
    ]
  },
}

function acceleratedSide({measureStartup}: SuiteContext, metric: string, model: string | null): Side {
  const round = async () => ({values: {[metric]: (await measureStartup(model)) * US_PER_MS}})
  return {
    // Fills the caches of probes and compiled models.
    async prepare() {
      await round()
    },
    measure: round,
  }
}

function legacySide({participants}: SuiteContext, sleep: boolean): Side {
  return {
    async measure() {
      const started = performance.now()
      await using engine = await participants.open.legacy({sleep})
      await engine.submit({type: 'echo', data: [0]})
      return {values: {first_operation: (performance.now() - started) * US_PER_MS}}
    },
  }
}
