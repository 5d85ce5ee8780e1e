/**
 * Shows steps of work as a list of tasks on stderr: animated on a terminal, plain lines elsewhere. What happens is
 * told by events, so that the work itself knows nothing of terminals.
 */
import {Listr, ListrLogger, type ListrTaskWrapper, PRESET_TIMER, ProcessOutput} from 'listr2'

import {renderTransfer} from './transfer.ts'

export type TaskEvent =
  | {readonly type: 'advanced'; readonly step: string; readonly doneBytes: number; readonly totalBytes: number}
  | {readonly type: 'failed'; readonly step: string}
  | {readonly type: 'finished'; readonly step: string; readonly detail: string}
  | {readonly type: 'noted'; readonly step: string; readonly text: string}
  | {readonly type: 'started'; readonly step: string}

export interface TaskListOptions {
  /** Shows nothing at all. */
  readonly silent: boolean
  /** What a step is called on the screen. */
  readonly titleOf: (step: string) => string
}

/** A step that took longer than this shows its time. */
const SHOW_TIME_FROM_MS = 1000

/** One task list; give it the events, and close it before anything else is printed. */
export class TaskList {
  readonly #options: TaskListOptions
  readonly #tasks = new Map<string, Task>()
  /** Each task is shown once the one before it has been shown to its end. */
  #shown: Promise<void> = Promise.resolve()

  constructor(options: TaskListOptions) {
    this.#options = options
  }

  readonly onEvent = (event: TaskEvent): void => {
    if (this.#options.silent) return
    if (event.type === 'started') this.#start(event.step)
    else this.#tasks.get(event.step)?.onEvent(event)
  }

  /** Ends what is still running and waits until everything is on the screen. */
  async close(): Promise<void> {
    for (const task of this.#tasks.values()) task.onEvent({type: 'failed'})
    await this.#shown
  }

  #start(step: string): void {
    const task = new Task(this.#options.titleOf(step))
    this.#tasks.set(step, task)
    this.#shown = this.#shown.then(async () => task.show())
  }
}

type EventOf<T extends TaskEvent['type']> = Omit<Extract<TaskEvent, {type: T}>, 'step'>

class Task {
  readonly #title: string
  readonly #ended = Promise.withResolvers<string>()
  readonly #startedAt = performance.now()
  #wrapper: ListrTaskWrapper<unknown, never, never> | undefined

  constructor(title: string) {
    this.#title = title
    // Whoever shows the task sees the failure; without a listener until then it would count as unhandled.
    this.#ended.promise.catch(() => this.#title)
  }

  onEvent(event: EventOf<'advanced'> | EventOf<'failed'> | EventOf<'finished'> | EventOf<'noted'>): void {
    switch (event.type) {
      case 'advanced': {
        const seconds = (performance.now() - this.#startedAt) / 1000
        if (isAnimated()) this.#say(renderTransfer(event.doneBytes, event.totalBytes, seconds))
        break
      }

      case 'failed': {
        // The reason is told in full by whoever reports the error of the command.
        this.#ended.reject(new Error('see below'))
        break
      }

      case 'finished': {
        this.#ended.resolve(event.detail)
        break
      }

      case 'noted': {
        this.#say(event.text.trim())
        break
      }
    }
  }

  /** Shows the task until it has ended, however it ends. */
  async show(): Promise<void> {
    const work = async (_: unknown, wrapper: ListrTaskWrapper<unknown, never, never>) => {
      this.#wrapper = wrapper
      const detail = await this.#ended.promise
      if (detail) wrapper.title = `${this.#title} — ${detail}`
    }

    const list = new Listr([{title: this.#title, task: work as never}], rendering())
    await list.run().catch(() => this.#title)
  }

  #say(text: string): void {
    if (this.#wrapper) this.#wrapper.output = text
  }
}

/** Tasks are talk, so it is stderr that must be a terminal; the library asks for stdout too. */
function isAnimated(): boolean {
  return process.stderr.isTTY && process.stdout.isTTY
}

function rendering() {
  const timer = {...PRESET_TIMER, condition: (duration: number) => duration >= SHOW_TIME_FROM_MS}
  const onStderr = () =>
    new ListrLogger({useIcons: true, toStderr: [], processOutput: new ProcessOutput(process.stderr, process.stderr)})
  return {
    concurrent: false,
    registerSignalListeners: false,
    renderer: 'default',
    rendererOptions: {
      collapseErrors: false,
      showErrorMessage: false,
      formatOutput: 'truncate',
      logger: onStderr(),
      timer,
    },
    fallbackRenderer: 'simple',
    fallbackRendererCondition: () => !isAnimated(),
    fallbackRendererOptions: {logger: onStderr(), timer},
  } as const
}
