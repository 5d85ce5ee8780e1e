import {median, quantile} from 'simple-statistics'

import type {LegacyEngine} from '../../engine/legacy.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {perSecond} from '../timing.ts'
import {absent, type Case, type Round, type Side, type Suite, type SuiteContext} from './suite.ts'

const WINDOW = 64
const ELEMENTS = 1
const WORKFLOWS = [200, 2000] as const
/** What the pauses of a workflow of this many tasks take, 2 s, is worth waiting for a few times. */
const LARGEST_WITH_SLEEP = 200
const MS_PER_TASK = 15
const WARM_UP_MS = 100

export const python: Suite = {
  name: 'python',
  description: 'the old interface from Python itself: npubridge.compat in place of the old module',
  metrics: [
    {name: 'throughput_64', title: `throughput, ${WINDOW} in flight`, unit: 'ops/s', better: 'higher'},
    {name: 'throughput_1', title: 'throughput, one by one', unit: 'ops/s', better: 'higher'},
    {name: 'latency_p50', title: 'latency p50', unit: 'us', better: 'lower'},
    {name: 'latency_p99', title: 'latency p99', unit: 'us', better: 'lower'},
    ...WORKFLOWS.map(
      (tasks) =>
        ({
          name: `tasks_${tasks}`,
          title: `${tasks} tasks`,
          unit: 'tasks/s',
          better: 'higher',
          point: {axis: 'tasks of a workflow', x: tasks},
        }) as const,
    ),
  ],
  notes: [
    'The same Python program runs the old module and npubridge.compat, each in a process of its own: submit_operation and get_result for operations, create_workflow and execute_workflow for workflows, as a script does that was written for the old module.',
  ],
  cases: async (context) => [operationsCase(context), ...WORKFLOWS.map((tasks) => workflowCase(tasks, context))],
}

type Open = () => Promise<LegacyEngine>

function openersOf({participants}: SuiteContext): Readonly<Record<string, Open>> {
  return {
    [LEGACY_AS_SHIPPED]: async () => participants.legacy({sleep: true}),
    [LEGACY_WITHOUT_SLEEP]: async () => participants.legacy({sleep: false}),
    [ACCELERATED]: async () => participants.compat(),
  }
}

/** Fewer than of what is quick: these figures are steady. */
function roundsOf({effort}: SuiteContext): number {
  return Math.ceil(0.4 * effort.rounds)
}

function operationsCase(context: SuiteContext): Case {
  const sides = Object.entries(openersOf(context)).map(([name, open]) => [name, operationsSide(open, context)])
  return {
    title: 'operations from Python',
    metrics: ['throughput_64', 'throughput_1', 'latency_p50', 'latency_p99'],
    rounds: roundsOf(context),
    sides: Object.fromEntries(sides) as Case['sides'],
  }
}

function operationsSide(open: Open, {effort}: SuiteContext): Side {
  const measureWith = async (window: number, durationMs: number) => {
    const limitMs = durationMs + effort.patienceMs
    return (await open()).measureCoordination({durationMs, elements: ELEMENTS, limitMs, window})
  }

  const round = async (durationMs: number): Promise<Round> => {
    const {latenciesUs} = await measureWith(1, durationMs)
    const many = await measureWith(WINDOW, durationMs)
    return {
      values: {
        throughput_64: perSecond(many.latenciesUs.length, [many.elapsedUs]),
        throughput_1: perSecond(latenciesUs.length, latenciesUs),
        latency_p50: quantile([...latenciesUs], 0.5),
        latency_p99: quantile([...latenciesUs], 0.99),
      },
      latenciesUs: {latency: latenciesUs},
    }
  }

  return {
    async prepare() {
      await round(WARM_UP_MS)
    },
    measure: async () => round(effort.roundMs),
  }
}

function workflowCase(tasks: number, context: SuiteContext): Case {
  const {[LEGACY_AS_SHIPPED]: shipped, ...others} = openersOf(context)
  const shippedSide =
    tasks > LARGEST_WITH_SLEEP
      ? absent('not_run', `its sleep alone takes ${(tasks * 10) / 1000} s`)
      : {...workflowSide(tasks, shipped!, context), rounds: 1}
  const sides = Object.entries(others).map(([name, open]) => [name, workflowSide(tasks, open, context)])
  return {
    title: `workflow of ${tasks} tasks from Python`,
    metrics: [`tasks_${tasks}`],
    rounds: roundsOf(context),
    sides: {[LEGACY_AS_SHIPPED]: shippedSide, ...(Object.fromEntries(sides) as Case['sides'])},
  }
}

function workflowSide(tasks: number, open: Open, {effort}: SuiteContext): Side {
  const limitMs = effort.patienceMs + tasks * MS_PER_TASK
  return {
    async measure() {
      const engine = await open()
      const times: number[] = []
      do {
        const measured = await engine.measureWorkflow(tasks, {limitMs})
        times.push(measured.createUs + measured.executeUs)
      } while (times.reduce((sum, time) => sum + time, 0) < effort.roundMs * 1000)

      return {values: {[`tasks_${tasks}`]: perSecond(tasks, [median(times)])}}
    },
  }
}
