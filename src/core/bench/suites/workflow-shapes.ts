/** Workflows whose tasks depend on each other, or on nobody having been chosen for them yet. */
import {median} from 'simple-statistics'

import type {WorkflowOperation} from '../../engine/engine.ts'
import type {Dependencies} from '../../engine/legacy-measure.ts'

import {ACCELERATED, LEGACY_AS_SHIPPED, LEGACY_WITHOUT_SLEEP} from '../sides.ts'
import {perSecond, timesUs} from '../timing.ts'
import {agents, LEGACY_COMPARES_NO_TEXTS, TextSource} from './routed-texts.ts'
import {absent, type Case, type MetricDefinition, type Side, type SuiteContext} from './suite.ts'

/** What the old module takes seconds for at most, and what it would not end with. */
const SIZES = [1000, 100_000] as const
const LEGACY_SIZE = SIZES[0]
/** Rounds of the large ones: each takes as long as hundreds of the others. */
const LARGE_ROUNDS = 6
/** The most earlier tasks that one of a random graph depends on. */
const MOST_DEPENDENCIES = 3

interface Shape {
  readonly title: string
  readonly dependencies: (count: number) => Dependencies
}

const SHAPES: Readonly<Record<string, Shape>> = {
  chain: {title: 'a chain', dependencies: (count) => all(count, (index) => (index === 0 ? [] : [index - 1]))},
  fan_out: {
    title: 'one task, all others after it',
    dependencies: (count) => all(count, (index) => (index === 0 ? [] : [0])),
  },
  random: {title: `a random graph, up to ${MOST_DEPENDENCIES} dependencies a task`, dependencies: randomGraph},
}

function all(count: number, of: (index: number) => readonly number[]): Dependencies {
  return Array.from({length: count}, (_, index) => of(index))
}

/** The same graph each time: Knuth's MMIX generator, of which the high bits are taken. */
function randomGraph(count: number): Dependencies {
  let state = 1n
  const draw = (below: number) => {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & 0xff_ff_ff_ff_ff_ff_ff_ffn
    return Number((state >> 33n) % BigInt(below))
  }

  return all(count, (index) => {
    const wanted = index === 0 ? 0 : draw(MOST_DEPENDENCIES + 1)
    return [...new Set(Array.from({length: wanted}, () => draw(index)))]
  })
}

export const shapeMetrics: readonly MetricDefinition[] = [
  ...Object.entries(SHAPES).flatMap(([shape, {title}]) =>
    SIZES.flatMap((size): MetricDefinition[] => [
      {name: `${shape}_${size}`, title: `${title}: ${size} tasks`, unit: 'tasks/s', better: 'higher'},
      {name: `${shape}_${size}_task`, title: `${title}: a task of ${size}`, unit: 'us', better: 'lower'},
    ]),
  ),
  ...SIZES.map((size): MetricDefinition => ({
    name: `routed_${size}`,
    title: `${size} tasks without an agent, each given to one of ${agents.length} by its words`,
    unit: 'tasks/s',
    better: 'higher',
  })),
]

export const shapeNotes: readonly string[] = [
  `The graphs are the same on both sides. The old module makes the ids of tasks itself, so that dependencies cannot be named to create_workflow: optimize_workflow and execute_workflow are timed, which are what it calls. It is asked for ${LEGACY_SIZE} tasks. Time of a task is that of the workflow by its tasks: all of it is overhead, since nothing is done for them.`,
]

export function shapeCases(context: SuiteContext): Case[] {
  const graphs = Object.entries(SHAPES).flatMap(([shape, {dependencies, title}]) =>
    SIZES.map((size) => graphCase(`${shape}_${size}`, title, dependencies(size), context)),
  )
  return [...graphs, ...SIZES.map((size) => routedCase(size, context))]
}

function roundsOf(size: number, {effort}: SuiteContext): number {
  const most = size > LEGACY_SIZE ? LARGE_ROUNDS : 20
  return Math.min(effort.quick ? Math.ceil(most / 4) : most, effort.rounds)
}

function graphCase(name: string, title: string, dependencies: Dependencies, context: SuiteContext): Case {
  const size = dependencies.length
  const valuesOf = (times: readonly number[]) => ({
    values: {[name]: perSecond(size, [median([...times])]), [`${name}_task`]: median([...times]) / size},
  })
  const operation = {type: 'workflow', tasks: tasksOf(dependencies)} as const
  return {
    title: `${title}, ${size} tasks`,
    metrics: [name, `${name}_task`],
    rounds: roundsOf(size, context),
    sides: {
      [LEGACY_AS_SHIPPED]: absent('not_run', 'it sleeps 100 ms in each task'),
      [LEGACY_WITHOUT_SLEEP]:
        size > LEGACY_SIZE
          ? absent('not_run', `its time grows with the square of the tasks; it is asked for ${LEGACY_SIZE}`)
          : legacySide(dependencies, context, valuesOf),
      [ACCELERATED]: acceleratedSide(() => operation, context, valuesOf),
    },
  }
}

type Values = (times: readonly number[]) => {values: Record<string, number>}

function acceleratedSide(operation: () => WorkflowOperation, context: SuiteContext, valuesOf: Values): Side {
  const {effort, participants} = context
  const measure = async () => {
    const engine = await participants.engine()
    return valuesOf(await timesUs(async () => engine.submit(operation()), effort.roundMs))
  }

  return {
    measure,
    async prepare() {
      await measure()
    },
  }
}

function legacySide(dependencies: Dependencies, {effort, participants}: SuiteContext, valuesOf: Values): Side {
  return {
    rounds: effort.quick ? 2 : 6,
    async measure() {
      const engine = await participants.legacy({sleep: false})
      const times = await engine.measureWorkflow(dependencies.length, {dependencies})
      return valuesOf([times.createUs + times.executeUs])
    },
  }
}

function tasksOf(dependencies: Dependencies): WorkflowOperation['tasks'] {
  return dependencies.map((each, index) => ({
    id: String(index),
    agent: `agent${index % 7}`,
    description: `Task ${index}`,
    priority: 1 + (index % 100),
    dependencies: each.map(String),
  }))
}

/** Tasks that name nobody; each round has texts of its own, so that nothing comes from a cache. */
function routedCase(size: number, context: SuiteContext): Case {
  const texts = new TextSource()
  const operation = (): WorkflowOperation => ({
    type: 'workflow',
    agents,
    tasks: texts.take(size).map((description, index) => ({id: String(index), description})),
  })
  return {
    title: `${size} tasks without an agent`,
    metrics: [`routed_${size}`],
    rounds: roundsOf(size, context),
    sides: {
      [LEGACY_AS_SHIPPED]: absent('not_available', LEGACY_COMPARES_NO_TEXTS),
      [LEGACY_WITHOUT_SLEEP]: absent('not_available', LEGACY_COMPARES_NO_TEXTS),
      [ACCELERATED]: acceleratedSide(operation, context, (times) => ({
        values: {[`routed_${size}`]: perSecond(size, [median([...times])])},
      })),
    },
  }
}
