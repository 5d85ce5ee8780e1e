/** Shows the phases of a migration on stderr, each as a task: animated on a terminal, plain lines elsewhere. */
import {Listr, ListrLogger, type ListrTaskWrapper, ProcessOutput} from 'listr2'
import {styleText} from 'node:util'

export type PhaseEvent =
  | {readonly type: 'phase'; readonly phase: string; readonly state: 'done' | 'started'; readonly detail?: string}
  | {readonly type: 'progress'; readonly phase: string; readonly done: number; readonly total: number | null}
  | {readonly type: 'step'; readonly step: string; readonly state: string}
  | {readonly type: 'warning'; readonly message: string}

const TITLES: Readonly<Record<string, string>> = {
  scan: 'Scan the tree',
  plan: 'Plan, and check that it may be done',
  baseline: 'Check how things work now',
  stage: 'Copy what will change, and write the journal',
  apply: 'Apply',
  verify: 'Verify',
  rollback: 'Take everything back',
  recover: 'End what an earlier run left unfinished',
}

/** Phases that only frame others. */
const FRAMES = new Set(['recover'])

class Phase {
  readonly #title: string
  readonly #ended = Promise.withResolvers<void>()
  #wrapper: ListrTaskWrapper<unknown, never, never> | undefined

  constructor(title: string) {
    this.#title = title
    // Whoever shows the task sees the failure; without a listener until then it would count as unhandled.
    this.#ended.promise.catch(() => this.#title)
  }

  succeed(): void {
    this.#ended.resolve()
  }

  fail(): void {
    // The reason is told in full by whoever reports the error of the command.
    this.#ended.reject(new Error('see below'))
  }

  say(text: string): void {
    if (this.#wrapper) this.#wrapper.output = text
  }

  async show(): Promise<void> {
    const work = async (_: unknown, wrapper: ListrTaskWrapper<unknown, never, never>) => {
      this.#wrapper = wrapper
      await this.#ended.promise
    }

    await new Listr([{title: this.#title, task: work as never}], rendering()).run().catch(() => this.#title)
  }
}

/** One task list; give it the events, and close it before anything else is printed. */
export class MigrateTasks {
  readonly #silent: boolean
  readonly #warnings: string[] = []
  #current: Phase | null = null
  #shown: Promise<void> = Promise.resolve()

  constructor(options: {readonly silent: boolean}) {
    this.#silent = options.silent
  }

  readonly onEvent = (event: PhaseEvent): void => {
    if (event.type === 'warning') this.#warnings.push(event.message)
    if (this.#silent) return
    if (event.type === 'phase' && !FRAMES.has(event.phase)) this.#onPhase(event.phase, event.state)
    else if (event.type === 'step' && isAnimated()) this.#current?.say(event.step)
    else if (event.type === 'progress' && isAnimated()) this.#current?.say(`${event.done} files`)
  }

  /** Ends what is still running, as failed, and waits until everything is on the screen; warnings come last. */
  async close(): Promise<void> {
    this.#current?.fail()
    this.#current = null
    await this.#shown
    for (const message of this.#warnings.splice(0))
      process.stderr.write(`${styleText('yellow', '!', {stream: process.stderr})} ${message}\n`)
  }

  #onPhase(phase: string, state: 'done' | 'started'): void {
    if (state === 'done') {
      this.#current?.succeed()
      this.#current = null
      return
    }

    // A phase that begins while another runs: what ran before has failed.
    this.#current?.fail()
    const next = new Phase(TITLES[phase] ?? phase)
    this.#current = next
    this.#shown = this.#shown.then(async () => next.show())
  }
}

/** Tasks are talk, so it is stderr that must be a terminal; the library asks for stdout too. */
function isAnimated(): boolean {
  return process.stderr.isTTY && process.stdout.isTTY
}

function onStderr(): ListrLogger {
  const processOutput = new ProcessOutput(process.stderr, process.stderr)
  return new ListrLogger({useIcons: true, toStderr: [], processOutput})
}

function rendering() {
  return {
    concurrent: false,
    // Signals are the command's affair: undoing takes longer than this library would wait.
    registerSignalListeners: false,
    renderer: 'default',
    rendererOptions: {collapseErrors: false, showErrorMessage: false, formatOutput: 'truncate', logger: onStderr()},
    fallbackRenderer: 'simple',
    fallbackRendererCondition: () => !isAnimated(),
    fallbackRendererOptions: {logger: onStderr()},
  } as const
}
