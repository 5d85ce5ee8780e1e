import {median} from 'simple-statistics'

import type {WorkflowTask} from '../../engine/engine.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {perSecond, timesUs} from '../timing.ts'
import {absent, type Case, type MetricDefinition, type Side, type Suite, type SuiteContext} from './suite.ts'
import {shapeCases, shapeMetrics, shapeNotes} from './workflow-shapes.ts'

/** With how often each side does them at most: what takes long is done less often. */
const SIZES = [
  {tasks: 10, rounds: 100},
  {tasks: 200, rounds: 100, target: 50},
  {tasks: 2000, rounds: 10, target: 50},
  {tasks: 5000, rounds: 10},
  {tasks: 100_000, rounds: 6},
] as const
/** The old module runs ten tasks at once, and sleeps 100 ms in each. */
const SLEEP_MS_PER_TASK = 10
/** More than it needs for what it does, up to the largest workflow that it is asked for. */
const WORK_MS_PER_TASK = 3
/** What a workflow of this many tasks sleeps is worth waiting for; larger ones do as many tasks a second. */
const SMALL = 500
/** Up to this many, one without its sleep is done in a moment. */
const MEDIUM = 2000
/** The old module takes a time that grows with the square of the tasks: here, longer than anybody would wait. */
const LARGEST_LEGACY = 5000

/** The way to the old module's process and back takes several times what it does for a small one. */
const MOST_A_ROUND = 100

export const workflow: Suite = {
  name: 'workflow',
  description: 'workflows of all priorities: independent tasks, chains, fans, random graphs, tasks that need an agent',
  metrics: [
    ...SIZES.map((size): MetricDefinition => ({
      name: `tasks_${size.tasks}`,
      title: `${formatCount(size.tasks)} tasks`,
      unit: 'tasks/s',
      point: {axis: 'tasks of a workflow', x: size.tasks},
      better: 'higher',
      ...('target' in size && {target: {kind: 'ratio', bound: size.target}}),
    })),
    ...shapeMetrics,
  ],
  notes: [
    'The tasks have no handlers on either side: what is timed is planning them and going through them. Accelerated is one workflow operation, timed around submit(); legacy is create_workflow and execute_workflow, timed inside the Python process. A sample is the median of the workflows of one round.',
    ...shapeNotes,
  ],
  cases: async (context) => [...SIZES.map((size) => workflowCase(size, context)), ...shapeCases(context)],
}

/** 100000 as `100 000`. */
function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ' ')
}

function workflowCase({rounds, tasks}: (typeof SIZES)[number], context: SuiteContext): Case {
  return {
    title: `workflow of ${tasks} tasks`,
    metrics: [`tasks_${tasks}`],
    rounds: Math.min(context.effort.quick ? Math.ceil(rounds / 4) : rounds, context.effort.rounds),
    sides: {
      [LEGACY_AS_SHIPPED]: shippedSide(tasks, context),
      [LEGACY_WITHOUT_SLEEP]: unsleepingSide(tasks, context),
      [ACCELERATED]: acceleratedSide(tasks, context),
    },
  }
}

function acceleratedSide(tasks: number, {effort, participants}: SuiteContext): Side {
  const operation = {type: 'workflow', tasks: tasksOf(tasks)} as const
  const round = async () => {
    const engine = await participants.engine()
    const times = await timesUs(async () => engine.submit(operation), effort.roundMs)
    return {values: {[`tasks_${tasks}`]: perSecond(tasks, [median(times)])}}
  }

  return {
    async prepare() {
      await round()
    },
    measure: round,
  }
}

/** The tasks that the legacy process makes for itself. */
function tasksOf(count: number): WorkflowTask[] {
  return Array.from({length: count}, (_, index) => ({
    id: `task_${index}`,
    agent: `agent${index % 7}`,
    description: `Task ${index}`,
    priority: 1 + (index % 100),
  }))
}

function shippedSide(tasks: number, context: SuiteContext): Side {
  if (tasks > SMALL) return absent('not_run', `its sleep alone takes ${(tasks * SLEEP_MS_PER_TASK) / 1000} s`)
  return {...legacySide(tasks, context, true), rounds: context.effort.quick ? 1 : 3}
}

function unsleepingSide(tasks: number, context: SuiteContext): Side {
  const side = legacySide(tasks, context, false)
  if (tasks <= MEDIUM) return side
  if (tasks <= LARGEST_LEGACY && context.effort.quick) return absent('not_run', 'left out by --quick: it takes seconds')
  if (tasks <= LARGEST_LEGACY) return {...side, rounds: 4}
  return absent(
    'not_run',
    `its time grows with the square of the tasks; the largest that it is asked for is ${LARGEST_LEGACY}`,
  )
}

function legacySide(tasks: number, {effort, participants}: SuiteContext, sleep: boolean): Side {
  const limitMs = effort.patienceMs + tasks * (sleep ? 1.5 * SLEEP_MS_PER_TASK : WORK_MS_PER_TASK)
  const workflowUs = async () => {
    const engine = await participants.legacy({sleep})
    const times = await engine.measureWorkflow(tasks, {limitMs})
    return times.createUs + times.executeUs
  }

  return {
    async prepare() {
      // Where one takes long, a warm-up would take as long as what is measured.
      if (!sleep && tasks <= MEDIUM) await workflowUs()
    },
    async measure() {
      const times: number[] = []
      let left = effort.roundMs * 1000
      while (left > 0 && times.length < MOST_A_ROUND) {
        const us = await workflowUs()
        times.push(us)
        left -= us
      }

      return {values: {[`tasks_${tasks}`]: perSecond(tasks, [median(times)])}}
    },
  }
}
