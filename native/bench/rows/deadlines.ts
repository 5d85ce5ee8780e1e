/** How late an operation learns that its deadline has passed, while its device is busy with something else. */
import {median, quantile} from 'simple-statistics'

import type {Engine, Operation} from '../../../src/core/engine/engine.ts'

import {inTurns, type Measurement} from '../row.ts'

const TIMEOUT_MS = 3
const EXPIRIES = 100
/** Inferences that wait or run meanwhile, also while the bare timer is measured. */
const IN_FLIGHT = 64
const MS_TO_US = 1000

export const deadlines = (
  engine: Engine,
  inference: Operation,
  roundTrip: (pauseMs: number) => Promise<void>,
): Measurement => ({
  name: 'deadlines',
  async measure(rounds) {
    const lateness = async (wait: () => Promise<unknown>) => {
      const late: number[] = []
      for (let index = 0; index < EXPIRIES; index++) {
        const started = performance.now()
        await wait()
        late.push((performance.now() - started - TIMEOUT_MS) * MS_TO_US)
      }

      return quantile(late, 0.99)
    }

    const end = new AbortController()
    const load = Promise.all(
      Array.from({length: IN_FLIGHT}, async () => {
        while (!end.signal.aborted) await engine.submit(inference)
      }),
    )
    // Of low priority, it stays behind the load until its time is over.
    const expiring = async () => engine.submit(inference, {priority: 'low', timeoutMs: TIMEOUT_MS}).catch(() => {})
    const ours = async () => lateness(expiring)
    const theirs = async () => lateness(async () => roundTrip(TIMEOUT_MS))
    const pairs = await inTurns(rounds, ours, theirs)
    end.abort()
    await load
    return [
      {
        name: `lateness of a ${TIMEOUT_MS} ms deadline on a busy device, p99 above a bare timer thread's`,
        unit: 'us',
        peer: 'a bare timer thread',
        better: 'lower',
        bound: 2000,
        values: pairs.map((pair) => pair.ours - pair.theirs),
        behind: {
          'ours us': median(pairs.map((pair) => pair.ours)),
          'bare us': median(pairs.map((pair) => pair.theirs)),
        },
      },
    ]
  },
})
