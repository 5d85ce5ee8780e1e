/** Measurements that the process of the old module makes of itself, so that no pipe is part of them. */

/** Asks the process for one. */
export type Measure = (fields: Readonly<Record<string, unknown>>, limitMs: number) => Promise<unknown>

/** Resident memory of the process around a measurement, in bytes; null where the system does not tell. */
interface MeasuredMemory {
  readonly rssBefore: number | undefined
  readonly rssAfter: number | undefined
  /** The most there has been since the process began. */
  readonly rssPeak: number | undefined
}

/** Times of one workflow inside the Python process, in microseconds. */
export interface WorkflowMeasurement extends MeasuredMemory {
  readonly createUs: number
  readonly executeUs: number
}

/** As the process tells it. */
type MeasuredCoordination = Record<string, number> & {
  latencies_us: number[]
  rss: Array<[number, number | null]>
}

/** Times of single operations inside the Python process, in microseconds. */
export interface CoordinationMeasurement extends MeasuredMemory {
  readonly latenciesUs: readonly number[]
  /** From the first to the last. */
  readonly elapsedUs: number
  /** Operations done and the memory resident then, in bytes, every `rssEvery` operations. */
  readonly rss: ReadonlyArray<readonly [number, number | null]>
}

/** Times from when operations were due to their answers inside the Python process, in microseconds. */
export interface OpenLoopMeasurement extends MeasuredMemory {
  readonly latenciesUs: readonly number[]
  /** From the first instant to the last answer. */
  readonly elapsedUs: number
}

/** The positions of the tasks that each task depends on. */
export type Dependencies = ReadonlyArray<readonly number[]>

export interface CoordinationRequest {
  readonly durationMs?: number
  readonly elements?: number
  readonly limitMs?: number
  readonly operations?: number
  readonly rssEvery?: number
  readonly window?: number
}

export interface OpenLoopRequest {
  readonly arrivalsUs: readonly number[]
  readonly elements?: number
  readonly limitMs?: number
}

export async function measureWorkflow(
  measure: Measure,
  tasks: number,
  {dependencies, limitMs}: {dependencies?: Dependencies | undefined; limitMs: number},
): Promise<WorkflowMeasurement> {
  const measured = (await measure({kind: 'workflow', tasks, dependencies}, limitMs)) as Record<string, number>
  return {createUs: measured.create_us!, executeUs: measured.execute_us!, ...memoryOf(measured)}
}

export async function measureCoordination(
  measure: Measure,
  {durationMs, elements, limitMs, operations, rssEvery, window}: CoordinationRequest,
  patienceMs: number,
): Promise<CoordinationMeasurement> {
  const fields = {kind: 'coordination', duration_ms: durationMs, elements, operations, rss_every: rssEvery, window}
  const measured = (await measure(fields, limitMs ?? patienceMs + (durationMs ?? 0))) as MeasuredCoordination
  const {latencies_us: latenciesUs, rss, ...rest} = measured
  return {latenciesUs, rss, elapsedUs: rest.elapsed_us!, ...memoryOf(rest)}
}

export async function measureOpenLoop(
  measure: Measure,
  {arrivalsUs, elements, limitMs}: OpenLoopRequest,
  patienceMs: number,
): Promise<OpenLoopMeasurement> {
  const fields = {kind: 'open_loop', arrivals_us: arrivalsUs, elements}
  const {latencies_us: latenciesUs, ...rest} = (await measure(fields, limitMs ?? patienceMs)) as MeasuredCoordination
  return {latenciesUs, elapsedUs: rest.elapsed_us!, ...memoryOf(rest)}
}

function memoryOf(measured: Readonly<Record<string, number | undefined>>): MeasuredMemory {
  const {rss_after: rssAfter, rss_before: rssBefore, rss_peak: rssPeak} = measured
  return {rssAfter: rssAfter ?? undefined, rssBefore: rssBefore ?? undefined, rssPeak: rssPeak ?? undefined}
}
