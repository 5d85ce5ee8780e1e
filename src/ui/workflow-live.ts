/** A workflow while it runs: a live tree on a terminal, an event a line elsewhere. */
import type {Writable} from 'node:stream'

import {Listr, type ListrTask, type ListrTaskWrapper} from 'listr2'

/** What is told of a workflow, as far as it is shown. */
export interface ShownEvent {
  readonly type: string
  readonly task?: string
  readonly attempt?: number
  readonly status?: string
  readonly reason?: string
  readonly text?: string
  readonly error?: {readonly message: string}
}

export interface LiveTask {
  readonly id: string
  readonly agent: string
  readonly level: number
}

/** More lines than a screen has are no tree that anybody can follow. */
const MOST_TASKS = 60

export interface WorkflowView extends AsyncDisposable {
  onEvent(event: ShownEvent): void
  /** Ends the tree; what is printed afterwards stands below it. */
  close(): Promise<void>
}

/** The view for these streams. */
export function workflowView(tasks: readonly LiveTask[], stdout: Writable & {isTTY?: boolean}): WorkflowView {
  if (!stdout.isTTY) return new EventLines(stdout)
  return tasks.length > MOST_TASKS ? new PlainLines(stdout) : new LiveTree(tasks)
}

class EventLines implements WorkflowView {
  readonly #stdout: Writable

  constructor(stdout: Writable) {
    this.#stdout = stdout
  }

  onEvent(event: ShownEvent): void {
    this.#stdout.write(`${JSON.stringify(event)}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }
}

class PlainLines implements WorkflowView {
  readonly #stdout: Writable

  constructor(stdout: Writable) {
    this.#stdout = stdout
  }

  onEvent(event: ShownEvent): void {
    if (event.type === 'note') this.#stdout.write(`! ${event.text}\n`)
    else if (event.type === 'task_settled') this.#stdout.write(`${event.status} ${event.task}${because(event)}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async close(): Promise<void> {
    await Promise.resolve()
  }
}

function because({error, reason}: ShownEvent): string {
  const why = error?.message ?? reason
  return why === undefined ? '' : `: ${why}`
}

type Wrapper = ListrTaskWrapper<unknown, never, never>

/** One line a task below one line a level. */
class LiveTree implements WorkflowView {
  readonly #ends = new Map<string, PromiseWithResolvers<ShownEvent>>()
  readonly #wrappers = new Map<string, Wrapper>()
  readonly #notes: string[] = []
  readonly #shown: Promise<unknown>

  constructor(tasks: readonly LiveTask[]) {
    for (const {id} of tasks) this.#ends.set(id, Promise.withResolvers())
    const levels = Map.groupBy(tasks, ({level}) => level)
    const list = new Listr(
      [...levels].toSorted(([a], [b]) => a - b).map(([level, own]) => this.#level(level, own)),
      {
        concurrent: true,
        exitOnError: false,
        registerSignalListeners: false,
        rendererOptions: {collapseSubtasks: false},
      },
    )
    this.#shown = list.run().catch(() => {})
  }

  onEvent(event: ShownEvent): void {
    if (event.type === 'note' && event.text !== undefined) this.#notes.push(event.text)
    if (event.task === undefined) return
    const wrapper = this.#wrappers.get(event.task)
    if (event.type === 'task_started' && wrapper)
      wrapper.output = event.attempt === 1 ? 'running' : `try ${event.attempt}`
    if (event.type === 'task_settled') this.#ends.get(event.task)?.resolve(event)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async close(): Promise<void> {
    // Tasks of an earlier run are never told.
    for (const end of this.#ends.values()) end.resolve({type: 'task_settled', status: 'done before'})
    await this.#shown
    for (const note of this.#notes) process.stderr.write(`! ${note}\n`)
  }

  #level(level: number, tasks: readonly LiveTask[]): ListrTask {
    return {
      title: `level ${level}`,
      task: (_, parent) =>
        parent.newListr(
          tasks.map((task) => this.#task(task)),
          {concurrent: true, exitOnError: false},
        ),
    }
  }

  #task({agent, id}: LiveTask): ListrTask {
    return {
      title: `${id} → ${agent}`,
      task: async (_, wrapper) => {
        this.#wrappers.set(id, wrapper as never)
        const event = await this.#ends.get(id)!.promise
        if (event.status === 'failed') throw new Error(event.error?.message ?? 'failed')
        if (event.status !== 'completed') wrapper.skip(`${id} → ${agent}: ${event.status}${because(event)}`)
      },
    }
  }
}
