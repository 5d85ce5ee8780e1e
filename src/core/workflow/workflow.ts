/** Workflows from their files: prepared, shown, run, and gone on with. */
import path from 'node:path'

import type {AgentProblem, TaskCallback} from '../agents/agent.ts'
import type {Config} from '../config/schema.ts'
import type {Engine} from '../engine/engine.ts'
import type {TextMethod} from '../routing/router.ts'
import type {Delegate} from './delegate.ts'
import type {WorkflowListener} from './events.ts'
import type {Mode} from './mode-names.ts'
import type {ModeDefaults} from './modes.ts'
import type {WorkflowReport} from './report.ts'

import {type AgentSources, readAgents, usualAgentsFolder} from '../agents/registry.ts'
import {AgentWatcher} from '../agents/watch.ts'
import {NpuBridgeError} from '../errors.ts'
import {chooseMethod} from '../routing/method.ts'
import {assignAgents} from './assign.ts'
import {executeWorkflow} from './execute.ts'
import {expandWorkflow} from './expand.ts'
import {isUnfinished, Journal, journalFile, readJournal} from './journal.ts'
import {type Order, settingsOf, startNative, type WorkflowPlan} from './plan.ts'
import {readWorkflow, type WorkflowFile} from './read.ts'
import {Slots} from './slots.ts'

export interface PrepareOptions {
  readonly file: string
  /** A folder of agents, besides what the workflow names. */
  readonly agents?: string | undefined
  /** Functions that do the tasks of agents. */
  readonly callbacks?: Readonly<Record<string, TaskCallback>>
  /**
   * Whether agents may run programs. What comes over a network must not.
   *
   * @default true
   */
  readonly allowCommands?: boolean
  readonly breakCycles?: boolean
  readonly maxParallel?: number | undefined
  readonly method?: 'auto' | TextMethod | undefined
  readonly mode?: Mode | undefined
  /** What the configuration says of workflows and routing. */
  readonly config?: Pick<Config, 'routing' | 'workflow'>
  readonly openEngine: () => Promise<Pick<Engine, 'kind' | 'submit'>>
  readonly signal?: AbortSignal | undefined
}

/** A workflow that could be run. */
export interface Prepared {
  readonly source: WorkflowFile
  readonly plan: WorkflowPlan
  readonly order: Order
  readonly sources: AgentSources
  /** Places that it shares with the other workflows of this process. */
  readonly slots: Slots
  /** Files that describe no agent. */
  readonly problems: readonly AgentProblem[]
  /** What should be known besides, in sentences. */
  readonly notes: readonly string[]
}

/**
 * Reads a workflow and its agents, finds the agent of every task, and plans it. Nothing is run.
 *
 * @throws {NpuBridgeError} CONFIG_INVALID for what is wrong with the file, INVALID_ARGUMENT for agents, cycles, and tasks
 *   that no agent fits
 */
export async function prepareWorkflow(options: PrepareOptions): Promise<Prepared> {
  const source = await readWorkflow(options.file)
  const {definition} = source
  const sources = sourcesOf(source, options)
  const list = readAgents(sources)
  const settings = settingsOf(source, options)
  const expanded = expandWorkflow(definition)
  const asked = options.method ?? definition.routing?.method ?? configuredMethod(settings, options)
  // Nobody waits for an engine where every task names its agent.
  const isOpen = expanded.some(({agent}) => agent === undefined) || settings.routeUnknown
  const choice = isOpen ? await chooseMethod(asked, options.openEngine) : ({method: 'lexical', reason: null} as const)
  const head = definition.routing?.head
  const tasks = await assignAgents(expanded, {
    head: head === undefined ? undefined : path.resolve(source.folder, head),
    list,
    method: choice.method,
    openEngine: options.openEngine,
    routeUnknown: settings.routeUnknown,
    signal: options.signal,
    threshold: definition.routing?.threshold,
  })
  const plan = {list, settings, tasks}
  const {order} = startNative(plan, new Set(), 0)
  const notes = [
    ...(choice.reason === null ? [] : [choice.reason]),
    ...order.broken.map(({dropped, task}) => {
      const names = dropped.map((each) => tasks[each]!.id).join(', ')
      return `a cycle is broken: ${tasks[task]!.id} does not wait for ${names}`
    }),
  ]
  const slots = Slots.ofProcess(options.config?.workflow?.max_parallel)
  return {notes, order, plan, problems: list.problems, slots, source, sources}
}

/** A mode that wants one method has its reason; the others leave it to the configuration. */
function configuredMethod({method}: ModeDefaults, {config}: PrepareOptions): 'auto' | TextMethod {
  return method === 'auto' ? (config?.routing?.method ?? 'auto') : method
}

function sourcesOf({definition, folder}: WorkflowFile, options: PrepareOptions): AgentSources {
  const {agents_from: from} = definition
  const named = (from === undefined ? [] : typeof from === 'string' ? [from] : from).map((each) =>
    path.resolve(folder, each),
  )
  const own = options.agents === undefined ? [] : [path.resolve(options.agents)]
  const usual = usualAgentsFolder(folder)
  const folders = [...own, ...named]
  return {
    allowCommands: options.allowCommands ?? true,
    callbacks: options.callbacks ?? {},
    defined: definition.agents ?? {},
    definedIn: folder,
    // A workflow that brings its own agents is not mixed with others.
    folders: folders.length === 0 && definition.agents === undefined && usual !== undefined ? [usual] : folders,
  }
}

/** Everything that should be known of a prepared workflow, in sentences. */
export function notesOf({notes, problems}: Prepared): string[] {
  return [...notes, ...problems.map(({file, message}) => (message.startsWith(file) ? message : `${file}: ${message}`))]
}

export interface RunWorkflowOptions {
  readonly prepared: Prepared
  /** Where completed tasks are written down; beside the workflow's file when absent, nowhere when null. */
  readonly journal?: null | string | undefined
  /** Goes on with an interrupted run. */
  readonly resume?: boolean
  readonly openEngine: () => Promise<Pick<Engine, 'submit'>>
  /** Who does the tasks of the agents that it has: a pool. */
  readonly openDelegate?: (() => Promise<Delegate>) | undefined
  /** @default those of the process, see `workflow.max_parallel` */
  readonly slots?: Slots
  readonly onEvent?: WorkflowListener | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs a workflow. Tasks that fail are part of the report.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT where there is nothing to resume, or the file has changed since
 */
export async function runWorkflow(options: RunWorkflowOptions): Promise<WorkflowReport> {
  const {onEvent, openDelegate, openEngine, prepared, signal, slots = prepared.slots} = options
  const {plan, source, sources} = prepared
  for (const text of notesOf(prepared)) onEvent?.({type: 'note', text})
  const {done, journal} = openJournal(options)
  let current = plan.list
  using _watcher = new AgentWatcher(sources, (event) => {
    if ('list' in event) current = event.list
    else onEvent?.({type: 'note', text: event.error.message})
  })
  // The files are watched until it has ended.
  return await executeWorkflow({
    plan: {...plan, settings: {...plan.settings, name: plan.settings.name || source.file}},
    currentAgents: () => current,
    done,
    journal,
    onEvent,
    openDelegate,
    openEngine,
    signal,
    slots,
  })
}

function openJournal({journal, onEvent, prepared, resume = false}: RunWorkflowOptions) {
  const {plan, source} = prepared
  if (journal === null) return {done: new Map<string, unknown>(), journal: undefined}
  const file = journal ?? journalFile(source.file)
  if (!resume) {
    if (isUnfinished(file))
      onEvent?.({type: 'note', text: 'an interrupted run is begun anew; --resume goes on with it'})
    return {done: new Map<string, unknown>(), journal: Journal.begin(file, plan.settings.name, source.text)}
  }

  const state = readJournal(file, source.file, source.text)
  const known = new Set(plan.tasks.map(({id}) => id))
  for (const foreign of state.done.keys()) {
    if (known.has(foreign)) continue
    throw new NpuBridgeError('INVALID_ARGUMENT', `the journal ${file} has the task "${foreign}", the workflow has not`)
  }

  return {done: state.done, journal: Journal.continue(file)}
}
