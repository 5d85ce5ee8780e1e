import {NpuBridgeError} from '../../errors.ts'
import {PRIORITIES, type SubmitOptions} from '../engine.ts'

export interface QueueLimits {
  readonly capacity: number
  /** From low to realtime; null: only the total counts. */
  readonly perPriority?: ReadonlyArray<number | null>
}

/** What is held back, and how its wait ends without it having been let go. */
export interface HeldBack<T> {
  readonly item: T
  readonly options: SubmitOptions | undefined
  readonly refuse: (error: NpuBridgeError) => void
}

interface Entry<T> extends HeldBack<T> {
  readonly since: number
  readonly forget: () => void
}

/** The number of a priority; that of one that is not known, since it is refused elsewhere. */
export function levelOf(options: SubmitOptions | undefined): number {
  const level = PRIORITIES.indexOf(options?.priority ?? 'normal')
  return Math.max(level, 0)
}

/**
 * Holds operations back while the engine's queue is full. It counts what is not answered rather than what waits, so that
 * the engine never has to refuse one. A deadline or a signal ends the wait at once.
 */
export class Backlog<T> {
  readonly #capacity: number
  readonly #limits: readonly number[]
  readonly #outstanding = PRIORITIES.map(() => 0)
  /** By priority, oldest first. */
  readonly #waiting = PRIORITIES.map(() => new Set<Entry<T>>())
  #total = 0

  constructor({capacity, perPriority = []}: QueueLimits) {
    this.#capacity = capacity
    this.#limits = PRIORITIES.map((_, level) => perPriority[level] ?? Infinity)
  }

  /** Whether one more operation of this priority can go to the engine. Where nothing ever could, the engine refuses it. */
  hasRoom(level: number): boolean {
    const limit = this.#limits[level]!
    return this.#total < this.#capacity && (limit === 0 || this.#outstanding[level]! < limit)
  }

  /** One went to the engine. */
  entered(level: number): void {
    this.#total++
    this.#outstanding[level]!++
  }

  /** One was answered by the engine. */
  left(level: number): void {
    this.#total--
    this.#outstanding[level]!--
  }

  /** Keeps one until there is room, its time is up or its signal is aborted. */
  hold(held: HeldBack<T>, level: number): void {
    const {options} = held
    const waiting = this.#waiting[level]!
    const give = (error: NpuBridgeError) => {
      waiting.delete(entry)
      entry.forget()
      held.refuse(error)
    }

    const cancel = () => {
      give(
        new NpuBridgeError('CANCELLED', 'the operation was cancelled before it was submitted', {
          cause: options?.signal?.reason,
        }),
      )
    }

    const expire = () => {
      give(tooLate(options!.timeoutMs!))
    }

    const timer = options?.timeoutMs === undefined ? undefined : setTimeout(expire, timerMs(options))
    options?.signal?.addEventListener('abort', cancel, {once: true})
    const forget = () => {
      clearTimeout(timer)
      options?.signal?.removeEventListener('abort', cancel)
    }

    const entry: Entry<T> = {...held, since: performance.now(), forget}
    waiting.add(entry)
  }

  /** Lets those go that there is room for, most urgent first, with what is left of their time. */
  release(submit: (item: T, options: SubmitOptions | undefined) => void): void {
    for (let level = PRIORITIES.length - 1; level >= 0; level--) this.#releaseOf(level, submit)
  }

  /** Refuses all that is held back. */
  clear(error: NpuBridgeError): void {
    for (const waiting of this.#waiting) {
      for (const entry of waiting) {
        entry.forget()
        entry.refuse(error)
      }

      waiting.clear()
    }
  }

  #releaseOf(level: number, submit: (item: T, options: SubmitOptions | undefined) => void): void {
    const waiting = this.#waiting[level]!
    for (const entry of waiting) {
      if (!this.hasRoom(level)) return
      waiting.delete(entry)
      entry.forget()
      submit(entry.item, remainingTime(entry))
    }
  }
}

/** Node's timers take 31 bits of milliseconds; what is longer is not waited for here. */
function timerMs({timeoutMs}: SubmitOptions): number {
  return Math.min(timeoutMs!, 2 ** 31 - 1)
}

function remainingTime({options, since}: Entry<unknown>): SubmitOptions | undefined {
  if (options?.timeoutMs === undefined) return options
  return {...options, timeoutMs: Math.max(0, options.timeoutMs - (performance.now() - since))}
}

function tooLate(timeoutMs: number): NpuBridgeError {
  return new NpuBridgeError('DEADLINE_EXCEEDED', `the queue had no room for the operation within ${timeoutMs} ms`)
}
