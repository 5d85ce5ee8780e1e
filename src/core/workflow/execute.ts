/** Runs the tasks of a plan: Rust says which may start, handlers do them, and what came of each goes back. */
import {setTimeout as sleep} from 'node:timers/promises'

import type {Agent, TaskContext} from '../agents/agent.ts'
import type {AgentList} from '../agents/registry.ts'
import type {Engine} from '../engine/engine.ts'
import type {AssignedTask} from './assign.ts'
import type {Delegate} from './delegate.ts'
import type {TaskOutcome, TaskStatus, WorkflowListener} from './events.ts'
import type {Journal} from './journal.ts'

import {asNpuBridgeError, NpuBridgeError} from '../errors.ts'
import {cancelled} from '../process/run.ts'
import {evaluate, valueAt} from './expression.ts'
import {runCommand} from './handlers/command.ts'
import {runOperation} from './handlers/operation.ts'
import {startNative, type WorkflowPlan} from './plan.ts'
import {reportOf, type WorkflowReport} from './report.ts'
import {Slots} from './slots.ts'

export interface ExecuteOptions {
  readonly plan: WorkflowPlan
  /** The agents as they are now; they may change while the workflow runs. */
  readonly currentAgents?: () => AgentList
  /** Where completed tasks are written down. */
  readonly journal?: Journal | undefined
  /** Outputs of tasks that an earlier run has completed. */
  readonly done?: ReadonlyMap<string, unknown>
  readonly openEngine: () => Promise<Pick<Engine, 'submit'>>
  /** Who does the tasks of the agents that it has; the others are done here. */
  readonly openDelegate?: (() => Promise<Delegate>) | undefined
  /** Places that this workflow shares with others. */
  readonly slots?: Slots
  readonly onEvent?: WorkflowListener | undefined
  /** Stops the workflow: what runs is ended, the rest is cancelled. */
  readonly signal?: AbortSignal | undefined
  /** Microseconds of a clock that never goes back. */
  readonly nowUs?: () => number
}

const NOTHING: ReadonlyMap<string, unknown> = new Map()

/** Runs a workflow to its end. Tasks that fail are part of the report. */
export async function executeWorkflow(options: ExecuteOptions): Promise<WorkflowReport> {
  return new Execution(options).run()
}

interface Settled {
  readonly status: TaskStatus
  readonly output?: unknown
}

class Execution {
  readonly #options: ExecuteOptions
  readonly #tasks: readonly AssignedTask[]
  readonly #nowUs: () => number
  readonly #startedUs: number
  readonly #native: ReturnType<typeof startNative>['native']
  readonly #settled = new Map<string, Settled>()
  readonly #outcomes = new Map<number, TaskOutcome>()
  readonly #stop = new AbortController()
  #wake: () => void = () => {}

  constructor(options: ExecuteOptions) {
    const {done = NOTHING, nowUs = () => performance.now() * 1000, plan} = options
    this.#options = options
    this.#tasks = plan.tasks
    this.#nowUs = nowUs
    this.#startedUs = nowUs()
    for (const [task, output] of done) this.#settled.set(task, {status: 'completed', output})
    this.#native = startNative(plan, new Set(done.keys()), this.#startedUs).native
  }

  async run(): Promise<WorkflowReport> {
    const {done = NOTHING, onEvent, plan, signal} = this.#options
    const {name} = plan.settings
    onEvent?.({type: 'workflow_started', workflow: name, tasks: this.#tasks.length, resumed: done.size})
    const onAbort = () => {
      this.#native.cancel(this.#nowUs())
      this.#stop.abort(cancelled(signal))
      this.#wake()
    }

    signal?.addEventListener('abort', onAbort, {once: true})
    if (signal?.aborted) onAbort()
    try {
      for (;;) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        // What others gave has to be known before those that look at it start.
        this.#tellSettled(done)
        if (this.#native.isFinished()) break
        for (const position of this.#native.next(this.#nowUs())) void this.#run(position)
        await woken
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }

    const interrupted = signal?.aborted ?? false
    const ids = this.#tasks.map(({id}) => id)
    const report = reportOf(this.#native, this.#nowUs(), {workflow: name, ids, interrupted, resumed: done.size})
    if (!interrupted) this.#options.journal?.finished()
    onEvent?.({type: 'workflow_finished', report})
    return report
  }

  /** Tells what has been settled since the last time; those of an earlier run were told then. */
  #tellSettled(done: ReadonlyMap<string, unknown>): void {
    const news = JSON.parse(this.#native.takeSettled()) as Array<[number, TaskStatus, null | string]>
    for (const [position, status, reason] of news) {
      const {agent, id} = this.#tasks[position]!
      if (done.has(id)) continue
      const outcome = this.#outcomes.get(position) ?? {status, durationMs: 0}
      this.#outcomes.delete(position)
      this.#settled.set(id, {status, output: outcome.output})
      const skipped = status === 'skipped' && reason !== null ? {reason} : {}
      this.#options.onEvent?.({type: 'task_settled', task: id, agent, ...outcome, status, ...skipped})
    }
  }

  /** Does one task and reports it. Never rejects. */
  async #run(position: number): Promise<void> {
    const task = this.#tasks[position]!
    const startedUs = this.#nowUs()
    const took = () => ({durationMs: (this.#nowUs() - startedUs) / 1000})
    try {
      if (task.when && !evaluate(task.when, (path) => this.#lookUp(path))) {
        this.#native.decline(position, this.#nowUs())
        return
      }

      const {note, output} = await this.#withRetries(task)
      this.#options.journal?.completed(task.id, output)
      this.#outcomes.set(position, {status: 'completed', ...took(), output, ...(note !== null && {note})})
      this.#native.complete(position, this.#nowUs())
    } catch (error) {
      const failure = asNpuBridgeError(error)
      this.#outcomes.set(position, {status: 'failed', ...took(), error: failure.toJSON()})
      this.#native.fail(position, failure.message, this.#nowUs())
    } finally {
      this.#wake()
    }
  }

  async #withRetries(task: AssignedTask): Promise<{note: null | string; output: unknown}> {
    const {onEvent, plan} = this.#options
    const retries = task.retries ?? plan.settings.retries
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(task, attempt)
      } catch (error) {
        const failure = asNpuBridgeError(error)
        if (attempt > retries || this.#stop.signal.aborted) throw failure
        onEvent?.({type: 'task_retried', task: task.id, attempt, error: failure.toJSON()})
        await this.#pause(task.retryDelayMs * 2 ** (attempt - 1))
      }
    }
  }

  async #attempt(task: AssignedTask, attempt: number): Promise<{note: null | string; output: unknown}> {
    this.#checkDeadline(task)
    using _slot = await (this.#options.slots ?? Slots.none).take(this.#stop.signal)
    this.#options.onEvent?.({type: 'task_started', task: task.id, agent: task.agent, attempt})
    const {agent, context} = this.#prepare(task, attempt)
    const {handler} = agent
    const delegate = handler?.kind === 'callback' ? undefined : await this.#options.openDelegate?.()
    // The place is given back when this returns, so it must not return before.
    if (delegate?.hasAgent(agent.name)) return await delegate.doTask(context)
    if (handler?.kind === 'command') {
      const result = await runCommand(handler, context)
      return delegate ? {...result, note: ranHere(agent, result.note)} : result
    }

    if (handler?.kind === 'operation') {
      return {note: null, output: await runOperation(handler, context, await this.#options.openEngine())}
    }

    if (handler === null) throw new NpuBridgeError('INVALID_ARGUMENT', `agent "${agent.name}" does nothing any more`)
    const output = await withSignal(Promise.resolve(handler.run(context)), context.signal)
    return {note: null, output: output ?? null}
  }

  #prepare(task: AssignedTask, attempt: number): {agent: Agent; context: TaskContext} {
    const list = this.#options.currentAgents?.() ?? this.#options.plan.list
    const agent = list.agents.get(task.agent)
    if (!agent) {
      const problem = list.problems.find(({message}) => message.includes(`"${task.agent}"`))?.message
      throw new NpuBridgeError(
        'INVALID_ARGUMENT',
        `the agent "${task.agent}" of task "${task.id}" is gone: its file was removed or is no longer understood`,
        {suggestions: problem === undefined ? ['npubridge agents check'] : [problem, 'npubridge agents check']},
      )
    }

    const limit = task.timeoutMs === undefined ? [] : [AbortSignal.timeout(task.timeoutMs)]
    const inputs = Object.entries(task.inputs).map(([name, input]) => {
      if ('value' in input) return [name, input.value] as const
      const values = input.tasks.map((id) => valueAt(this.#settled.get(id)?.output, input.path) ?? null)
      return [name, input.isList ? values : values[0]] as const
    })
    return {
      agent,
      context: {
        agent: agent.name,
        attempt,
        description: task.description,
        inputs: Object.fromEntries(inputs),
        signal: AbortSignal.any([this.#stop.signal, ...limit]),
        taskId: task.id,
        workflowId: this.#options.plan.settings.name,
      },
    }
  }

  #checkDeadline({deadlineMs, id}: AssignedTask): void {
    const elapsedMs = (this.#nowUs() - this.#startedUs) / 1000
    if (deadlineMs === undefined || elapsedMs <= deadlineMs) return
    const message = `task "${id}" could start only ${Math.round(elapsedMs)} ms after the workflow, its deadline is ${deadlineMs} ms`
    throw new NpuBridgeError('DEADLINE_EXCEEDED', message)
  }

  /** What a condition means by `task.status` and `task.output.…`. */
  #lookUp([id, field, ...path]: readonly string[]): unknown {
    const settled = this.#settled.get(id!)
    if (field === undefined || field === 'status') return settled?.status
    return field === 'output' ? valueAt(settled?.output, path) : undefined
  }

  async #pause(milliseconds: number): Promise<void> {
    if (milliseconds === 0) return
    await withSignal(sleep(milliseconds), this.#stop.signal)
  }
}

/** `work`, unless `signal` comes first; then what it has to say counts no more. */
async function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw abortError(signal)
  const {promise: given, reject: giveUp} = Promise.withResolvers<never>()
  const onAbort = () => {
    giveUp(abortError(signal))
  }

  signal.addEventListener('abort', onAbort, {once: true})
  try {
    return await Promise.race([work, given])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** A command that was meant for a pool and ran beside its caller is told of. */
function ranHere({name}: Agent, note: null | string): string {
  const told = `ran here: no worker of the pool has the agent "${name}"`
  return note === null ? told : `${note}; ${told}`
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError'
}

function abortError(signal: AbortSignal): NpuBridgeError {
  if (isTimeout(signal.reason)) {
    return new NpuBridgeError('DEADLINE_EXCEEDED', 'the task took longer than its timeout_ms and was given up')
  }

  return cancelled(signal)
}
