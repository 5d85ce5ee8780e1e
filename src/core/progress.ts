/**
 * Progress of work that has named steps. The work says what happens; whoever listens decides how it looks, so the
 * same code serves a terminal, a log and a test.
 */
import {asNpuBridgeError} from './errors.ts'

export type StepEvent<Step extends string = string> =
  | {readonly type: 'advanced'; readonly step: Step; readonly doneBytes: number; readonly totalBytes: number}
  | {readonly type: 'failed'; readonly step: Step; readonly message: string}
  | {readonly type: 'finished'; readonly step: Step; readonly detail: string}
  | {readonly type: 'noted'; readonly step: Step; readonly text: string}
  | {readonly type: 'started'; readonly step: Step}

export type StepListener<Step extends string = string> = (event: StepEvent<Step>) => void

/** What the work of one step can tell while it runs. */
export interface StepReport {
  readonly advance: (doneBytes: number, totalBytes: number) => void
  readonly note: (text: string) => void
}

const ignore = () => {
  // Nobody wants to know.
}

/** Steps that are started, and then finished or failed, one after the other. */
export class Steps<Step extends string> {
  readonly #listener: StepListener<Step>

  constructor(listener: StepListener<Step> = ignore) {
    this.#listener = listener
  }

  /** Runs the work of `step`; `detail` tells in a few words what came of it. */
  async run<T>(step: Step, work: (report: StepReport) => Promise<{detail: string; value: T}>): Promise<T> {
    this.start(step)
    try {
      const {detail, value} = await work({
        advance: (doneBytes, totalBytes) => {
          this.#listener({type: 'advanced', step, doneBytes, totalBytes})
        },
        note: (text) => {
          this.#listener({type: 'noted', step, text})
        },
      })
      this.finish(step, detail)
      return value
    } catch (error) {
      this.#listener({type: 'failed', step, message: asNpuBridgeError(error).message})
      throw error
    }
  }

  start(step: Step): void {
    this.#listener({type: 'started', step})
  }

  finish(step: Step, detail: string): void {
    this.#listener({type: 'finished', step, detail})
  }
}
