/** What was counted of one model. Times are in nanoseconds, as the protocol has them. */

export interface Duration {
  readonly count: number
  readonly ns: number
}

export interface ModelStatistics {
  readonly name: string
  readonly version: string
  /** Milliseconds since the epoch; 0 before the first. */
  readonly last_inference: number
  readonly inference_count: number
  readonly execution_count: number
  readonly inference_stats: Readonly<Record<Phase, Duration>>
  readonly batch_stats: ReadonlyArray<{
    readonly batch_size: number
    readonly compute_input: Duration
    readonly compute_infer: Duration
    readonly compute_output: Duration
  }>
}

const PHASES = ['success', 'fail', 'queue', 'compute_input', 'compute_infer', 'compute_output'] as const
type Phase = (typeof PHASES)[number]

/** Further sizes are counted with the last one, so that nobody can make this grow. */
const MOST_BATCH_SIZES = 64

class Counter {
  count = 0
  ns = 0

  add(us: number): void {
    this.count++
    this.ns += us * 1000
  }

  get duration(): Duration {
    return {count: this.count, ns: Math.round(this.ns)}
  }
}

/** The times of one request, in microseconds. */
export interface RequestTimes {
  /** Reading the request, and writing its answer. */
  readonly inputUs: number
  readonly outputUs: number
  readonly queueUs: number
  readonly computeUs: number
  readonly totalUs: number
}

export class ModelCounters {
  readonly #phases = Object.fromEntries(PHASES.map((phase) => [phase, new Counter()])) as Record<Phase, Counter>
  readonly #batches = new Map<number, {infer: Counter; input: Counter; output: Counter}>()
  #items = 0
  #last = 0

  succeeded(batchSize: number, times: RequestTimes): void {
    const {success, queue, compute_input, compute_infer, compute_output} = this.#phases
    success.add(times.totalUs)
    queue.add(times.queueUs)
    compute_input.add(times.inputUs)
    compute_infer.add(times.computeUs)
    compute_output.add(times.outputUs)
    this.#items += batchSize
    this.#last = Date.now()
    const batch = this.#batch(batchSize)
    batch.infer.add(times.computeUs)
    batch.input.add(times.inputUs)
    batch.output.add(times.outputUs)
  }

  failed(totalUs: number): void {
    this.#phases.fail.add(totalUs)
  }

  report(name: string, version: string): ModelStatistics {
    return {
      name,
      version,
      last_inference: this.#last,
      inference_count: this.#items,
      execution_count: this.#phases.compute_infer.count,
      inference_stats: Object.fromEntries(PHASES.map((phase) => [phase, this.#phases[phase].duration])) as Record<
        Phase,
        Duration
      >,
      batch_stats: [...this.#batches].map(([size, {infer, input, output}]) => ({
        batch_size: size,
        compute_input: input.duration,
        compute_infer: infer.duration,
        compute_output: output.duration,
      })),
    }
  }

  #batch(size: number) {
    const found = this.#batches.get(size)
    if (found) return found
    if (this.#batches.size >= MOST_BATCH_SIZES) return [...this.#batches.values()].at(-1)!
    const made = {infer: new Counter(), input: new Counter(), output: new Counter()}
    this.#batches.set(size, made)
    return made
  }
}
