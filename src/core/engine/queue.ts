/**
 * Where operations wait for an engine that runs few of them at a time: most urgent first, in order of arrival within a
 * priority, bounded. What is cancelled or too late leaves at once, so it neither holds a place nor waits for its turn
 * to be told. The native engine has a queue of its own in Rust; this one serves the engines in TypeScript.
 */
import {NpuBridgeError} from '../errors.ts'
import {PRIORITIES, type Priority, type SubmitOptions} from './engine.ts'

/** Node's timers cannot wait longer (24.8 days); a later deadline is none. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface QueueOptions {
  /** How many may wait; what is running does not count. */
  readonly capacity: number
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number
}

export interface WaitOptions extends SubmitOptions {
  /** Work of one lane runs one after the other in the order of arrival, whatever its priorities. */
  readonly lane?: string | undefined
}

/** Work that waits or has been taken. */
export interface Ticket<Work> {
  readonly work: Work
  readonly priority: Priority
  /** When it came, on the clock of the queue. */
  readonly arrivedAt: number
  /** The instant after which it must not start; undefined when there is none. */
  readonly deadline: number | undefined
}

interface Place<Work> extends Ticket<Work> {
  readonly level: Level<Work>
  readonly lane: string | undefined
  readonly signal: AbortSignal | undefined
  readonly leave: (error: NpuBridgeError) => void
  readonly onAbort: () => void
  readonly sequence: number
  timer: NodeJS.Timeout | undefined
  before: Place<Work> | undefined
  behind: Place<Work> | undefined
}

/** A linked list by arrival: anything may leave it in constant time, from wherever it stands. */
class Level<Work> {
  first: Place<Work> | undefined
  #last: Place<Work> | undefined

  /** Lets `place` stand where its arrival puts it, which is the end unless it was here before. */
  add(place: Place<Work>): void {
    let before = this.#last
    while (before && before.sequence > place.sequence) before = before.before
    const behind = before ? before.behind : this.first
    this.#link(before, place)
    this.#link(place, behind)
  }

  remove(place: Place<Work>): void {
    if (!place.before && this.first !== place) return
    this.#link(place.before, place.behind)
    place.before = undefined
    place.behind = undefined
  }

  #link(before: Place<Work> | undefined, behind: Place<Work> | undefined): void {
    if (before) before.behind = behind
    else this.first = behind
    if (behind) behind.before = before
    else this.#last = before
  }
}

export class OperationQueue<Work> {
  readonly #capacity: number
  readonly #now: () => number
  readonly #levels = PRIORITIES.map(() => new Level<Work>())
  /** Per lane what waits or runs, the oldest first; only that one stands in a level. */
  readonly #lanes = new Map<string, Array<Place<Work>>>()
  readonly #waiting = new Set<Place<Work>>()
  #arrivals = 0

  constructor(options: QueueOptions) {
    this.#capacity = options.capacity
    this.#now = options.now ?? (() => performance.now())
  }

  /** How many wait. */
  get depth(): number {
    return this.#waiting.size
  }

  /**
   * Lets `work` wait for its turn.
   *
   * @param work what waits
   * @param options how urgent it is, and for how long
   * @param leave called at most once, when the work leaves without having been taken: CANCELLED, DEADLINE_EXCEEDED or
   * the error given to {@link clear}
   * @throws {NpuBridgeError} QUEUE_FULL; CANCELLED when the signal was aborted before
   */
  add(work: Work, options: WaitOptions, leave: (error: NpuBridgeError) => void): void {
    if (options.signal?.aborted) throw cancelled(options.signal)
    if (this.depth >= this.#capacity) throw this.#full()
    const priority = options.priority ?? 'normal'
    const arrivedAt = this.#now()
    const place: Place<Work> = {
      work,
      priority,
      arrivedAt,
      deadline: options.timeoutMs === undefined ? undefined : arrivedAt + options.timeoutMs,
      level: this.#levels[PRIORITIES.indexOf(priority)]!,
      lane: options.lane,
      signal: options.signal,
      leave,
      onAbort: () => {
        this.#drop(place, cancelled(place.signal))
      },
      sequence: this.#arrivals++,
      timer: undefined,
      before: undefined,
      behind: undefined,
    }
    this.#wait(place)
    if (this.#enterLane(place)) place.level.add(place)
  }

  /**
   * Takes the most urgent work, unless it may not start yet: nothing overtakes it then. Its lane stays closed until
   * {@link finish}. Work that is too late is dropped on the way.
   */
  take(mayStart: (work: Work) => boolean): Ticket<Work> | undefined {
    for (let place = this.#first(); place; place = this.#first()) {
      if (this.#isLate(place)) this.#drop(place, this.#late(place))
      else if (mayStart(place.work)) return this.#stopWaiting(place)
      else return undefined
    }

    return undefined
  }

  /** Lets taken work that has not started after all wait again, at its old place. */
  putBack(ticket: Ticket<Work>): void {
    const place = ticket as Place<Work>
    if (place.signal?.aborted) {
      this.#drop(place, cancelled(place.signal))
      return
    }

    if (this.#isLate(place)) {
      this.#drop(place, this.#late(place))
      return
    }

    this.#wait(place)
    place.level.add(place)
  }

  /** Opens the lane of taken work that is done. */
  finish(ticket: Ticket<Work>): void {
    this.#leaveLane(ticket as Place<Work>)
  }

  /** Sends everybody away with `error`. */
  clear(error: NpuBridgeError): void {
    for (const place of this.#waiting) this.#drop(place, error)
  }

  #first(): Place<Work> | undefined {
    for (let urgency = this.#levels.length - 1; urgency >= 0; urgency--) {
      const {first} = this.#levels[urgency]!
      if (first) return first
    }

    return undefined
  }

  #wait(place: Place<Work>): void {
    this.#waiting.add(place)
    place.signal?.addEventListener('abort', place.onAbort, {once: true})
    if (place.deadline === undefined) return
    const left = place.deadline - this.#now()
    if (left > LONGEST_TIMER_MS) return
    place.timer = setTimeout(
      () => {
        this.#drop(place, this.#late(place))
      },
      Math.max(0, left),
    )
  }

  #stopWaiting(place: Place<Work>): Place<Work> {
    this.#waiting.delete(place)
    place.level.remove(place)
    place.signal?.removeEventListener('abort', place.onAbort)
    clearTimeout(place.timer)
    return place
  }

  #drop(place: Place<Work>, error: NpuBridgeError): void {
    this.#stopWaiting(place)
    this.#leaveLane(place)
    place.leave(error)
  }

  /** Whether `place` is the first of its lane. */
  #enterLane(place: Place<Work>): boolean {
    if (place.lane === undefined) return true
    const lane = this.#lanes.get(place.lane)
    if (lane) {
      lane.push(place)
    } else {
      this.#lanes.set(place.lane, [place])
    }

    return !lane
  }

  #leaveLane(place: Place<Work>): void {
    if (place.lane === undefined) return
    const lane = this.#lanes.get(place.lane)
    const index = lane?.indexOf(place) ?? -1
    if (!lane || index === -1) return
    lane.splice(index, 1)
    if (lane.length === 0) this.#lanes.delete(place.lane)
    else if (index === 0) lane[0]!.level.add(lane[0]!)
  }

  #isLate(place: Place<Work>): boolean {
    return place.deadline !== undefined && this.#now() > place.deadline
  }

  #late(place: Place<Work>): NpuBridgeError {
    const waited = Math.round(this.#now() - place.arrivedAt)
    const limit = Math.round((place.deadline ?? place.arrivedAt) - place.arrivedAt)
    return new NpuBridgeError(
      'DEADLINE_EXCEEDED',
      `the operation had to start within ${limit} ms and was still waiting after ${waited} ms`,
      {suggestions: ['Give it a longer timeout or a higher priority, or submit less at once.']},
    )
  }

  #full(): NpuBridgeError {
    return new NpuBridgeError('QUEUE_FULL', `${this.depth} operations wait already and ${this.#capacity} may`, {
      suggestions: ['Wait for results before submitting more, or raise the capacity of the queue.'],
    })
  }
}

/** The error of work that `signal` cancelled, with the reason it was given. */
export function cancelled(signal: AbortSignal | undefined): NpuBridgeError {
  const reason: unknown = signal?.reason
  if (reason instanceof NpuBridgeError && reason.code === 'CANCELLED') return reason
  return new NpuBridgeError('CANCELLED', 'the operation was cancelled', {cause: reason})
}
