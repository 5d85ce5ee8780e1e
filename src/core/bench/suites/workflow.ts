import {median} from 'simple-statistics'

import type {WorkflowTask} from '../../engine/engine.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {perSecond, timesUs} from '../timing.ts'
import {absent, type Case, type Side, type Suite, type SuiteContext} from './suite.ts'

const SIZES = [200, 2000] as const
/** The old module runs ten tasks at once, and sleeps 100 ms in each. */
const SLEEP_MS_PER_TASK = 10
/** What a workflow of this many tasks sleeps is worth waiting for several times. */
const SMALL = 500

export const workflow: Suite = {
  name: 'workflow',
  description: 'a workflow of tasks without dependencies and with all priorities: creating and coordinating it',
  metrics: SIZES.map((tasks) => ({
    name: `tasks_${tasks}`,
    unit: 'tasks/s',
    better: 'higher',
    target: {kind: 'ratio', bound: 50},
  })),
  notes: [
    'The tasks have no handlers on either side: what is timed is planning them and going through them. Accelerated is one workflow operation, timed around submit(); legacy is create_workflow and execute_workflow, timed inside the Python process. A sample is the median of the workflows of one round.',
  ],
  cases: async (context) => SIZES.map((tasks) => workflowCase(tasks, context)),
}

function workflowCase(tasks: number, context: SuiteContext): Case {
  return {
    title: `workflow of ${tasks} tasks`,
    metrics: [`tasks_${tasks}`],
    rounds: context.effort.rounds,
    sides: {
      [LEGACY_AS_SHIPPED]: shippedSide(tasks, context),
      [LEGACY_WITHOUT_SLEEP]: legacySide(tasks, context, false),
      [ACCELERATED]: acceleratedSide(tasks, context),
    },
  }
}

function acceleratedSide(tasks: number, {effort, participants}: SuiteContext): Side {
  const operation = {type: 'workflow', tasks: tasksOf(tasks)} as const
  const round = async () => {
    const engine = await participants.engine()
    const times = await timesUs(async () => engine.submit(operation), effort.roundMs)
    return {[`tasks_${tasks}`]: perSecond(tasks, [median(times)])}
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
  const {quick} = context.effort
  const seconds = (tasks * SLEEP_MS_PER_TASK) / 1000
  if (quick && tasks > SMALL)
    return absent('not_run', `its sleep alone takes ${seconds} s; without --quick it is run once`)
  return {...legacySide(tasks, context, true), rounds: quick || tasks > SMALL ? 1 : 3}
}

function legacySide(tasks: number, {effort, participants}: SuiteContext, sleep: boolean): Side {
  const limitMs = effort.patienceMs + (sleep ? 1.5 * tasks * SLEEP_MS_PER_TASK : 0)
  const workflowUs = async () => {
    const engine = await participants.legacy({sleep})
    const times = await engine.measureWorkflow(tasks, {limitMs})
    return times.createUs + times.executeUs
  }

  return {
    async prepare() {
      // A warm-up that sleeps would take as long as what is measured, and warm nothing up.
      if (!sleep) await workflowUs()
    },
    async measure() {
      const times: number[] = []
      do times.push(await workflowUs())
      while (times.reduce((sum, time) => sum + time, 0) < effort.roundMs * 1000)
      return {[`tasks_${tasks}`]: perSecond(tasks, [median(times)])}
    },
  }
}
