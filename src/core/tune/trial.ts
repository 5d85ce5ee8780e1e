/** One setting on an engine of its own, and what it does there. */
import {quantile} from 'simple-statistics'

import type {Config} from '../config/schema.ts'
import type {Engine, InferenceOperation} from '../engine/engine.ts'
import type {EnergyMeter} from './energy.ts'
import type {Figures} from './objective.ts'

import {type Description, inputsFor} from '../bench/model-inputs.ts'
import {createBridge} from '../bridge.ts'
import {NpuBridgeError} from '../errors.ts'
import {type Candidate, profileOf} from './candidate.ts'

/** Where a setting is tried. */
export interface TrialSubject {
  readonly model: string
  readonly config: Config
  /** The family that the model has to run on; the first choice when absent. */
  readonly device?: 'cpu' | 'gpu' | 'npu' | undefined
}

/** What `load_model` tells beside what a model takes. */
export interface LoadedModel extends Description {
  readonly device: string
  readonly maxBatch: number
  readonly requests: null | number
  readonly properties: Readonly<Record<string, string>>
  /** What the compiled model says of itself; nothing where it is compiled when it first runs. */
  readonly effective: Readonly<Record<string, string>>
  readonly dropped: ReadonlyArray<{readonly property: string; readonly reason: string; readonly value: string}>
}

/** An engine with a setting, ready to be measured. */
export interface Trial extends AsyncDisposable {
  readonly loaded: LoadedModel
  readonly health: Awaited<ReturnType<Engine['health']>>
  measure(milliseconds: number): Promise<Figures>
}

/** What it takes to measure settings in turns. */
export interface TurnOptions {
  readonly open: (candidate: Candidate) => Promise<Trial>
  readonly leftMs: number
  readonly now: () => number
  readonly signal: AbortSignal
  readonly onProgress: (doing: string, fraction: number) => void
}

/** The shortest turn that says something. */
export const SHORTEST_TURN_MS = 40

/** A setting that cannot be tried, and why. */
export class Skipped extends Error {}

const NAME = 'tune-candidate'
/** Share of a trial for operations that are awaited one by one. */
const ALONE = 0.4
const MOST_IN_FLIGHT = 256

/**
 * @throws {Skipped} when the device does not have what the candidate asks for, or does not compile it
 * @throws {NpuBridgeError} for what is no fault of the candidate
 */
export async function openTrial(
  candidate: Candidate,
  subject: TrialSubject,
  meter: EnergyMeter | null,
): Promise<Trial> {
  const {config, device, model} = subject
  const {batching: _, ...others} = config
  const engine = await createBridge({
    ...(device && {device}),
    config: {
      ...others,
      profile: NAME,
      profiles: {...config.profiles, [NAME]: profileOf(candidate)},
      ...keptBatching(config, candidate),
    },
    engine: 'native',
  })
  try {
    const loaded = await load(engine, model)
    const lacking = loaded.dropped.find(({property}) => isAskedFor(property, candidate))
    if (lacking) throw new Skipped(`${lacking.property} ${lacking.value}: ${lacking.reason}`)
    const operation: InferenceOperation = {type: 'inference', model, inputs: inputsFor(loaded)}
    await engine.submit(operation)
    return {
      loaded,
      health: await engine.health(),
      measure: async (milliseconds) => measure(engine, operation, loaded, milliseconds, meter),
      [Symbol.asyncDispose]: async () => engine.shutdown(),
    }
  } catch (error) {
    await engine.shutdown()
    throw error
  }
}

/** A candidate's own batches overrule those of the configuration; without any, those hold. */
function keptBatching({batching}: Config, {batch}: Candidate): Pick<Config, 'batching'> {
  return batch === undefined && batching !== undefined ? {batching} : {}
}

async function load(engine: Engine, model: string): Promise<LoadedModel> {
  const result = await engine.submit({type: 'load_model', model}).catch((error: unknown) => {
    if (error instanceof NpuBridgeError && DOES_NOT_COMPILE.has(error.code)) {
      throw new Skipped(error.message.split('\n', 1)[0])
    }

    throw error
  })
  if (result.fallback && result.device === null) throw new Skipped(result.fallback.reason)
  return result.data as LoadedModel
}

/** What a device says to a setting that it cannot take; a model that is not there is no fault of a setting. */
const DOES_NOT_COMPILE: ReadonlySet<string> = new Set([
  'DEVICE_LOST',
  'DEVICE_UNAVAILABLE',
  'INTERNAL',
  'RESOURCE_EXHAUSTED',
  'UNSUPPORTED_OPERATION',
])

const PROPERTIES: Readonly<Record<string, keyof Candidate>> = {
  INFERENCE_PRECISION_HINT: 'precision',
  NPU_TILES: 'tiles',
  NPU_TURBO: 'turbo',
  NUM_STREAMS: 'streams',
  PERFORMANCE_HINT: 'hint',
  PERFORMANCE_HINT_NUM_REQUESTS: 'requests',
  WORKLOAD_TYPE: 'workload',
}

function isAskedFor(property: string, candidate: Candidate): boolean {
  const name = PROPERTIES[property]
  // Requests are the engine's own business as well: it keeps to them where the device knows no such property.
  return name !== undefined && name !== 'requests' && candidate[name] !== undefined
}

async function measure(
  engine: Engine,
  operation: InferenceOperation,
  {maxBatch, requests}: LoadedModel,
  milliseconds: number,
  meter: EnergyMeter | null,
): Promise<Figures> {
  const alone = await inFlight(engine, operation, 1, milliseconds * ALONE)
  const p50Us = quantile(alone.latenciesUs, 0.5)
  const window = windowFor(requests ?? 1, maxBatch, (milliseconds * (1 - ALONE) * 1000) / p50Us)
  const [cpuBefore, energyBefore] = [process.cpuUsage(), meter?.read() ?? null]
  const loaded = await inFlight(engine, operation, window, milliseconds * (1 - ALONE))
  const cpu = process.cpuUsage(cpuBefore)
  const joules = meter?.between(energyBefore, meter.read()) ?? null
  const done = loaded.latenciesUs.length
  return {
    throughput: (done * 1e6) / loaded.elapsedUs,
    p50Us,
    p99Us: quantile(alone.latenciesUs, 0.99),
    loadedP99Us: quantile(loaded.latenciesUs, 0.99),
    cpuUs: (cpu.user + cpu.system) / done,
    joules: joules === null ? null : joules / done,
    memoryBytes: null,
  }
}

/**
 * As many as the setting can hold twice, so that it never waits for the next; of a slow model, not more than what the
 * time is enough for.
 */
function windowFor(requests: number, maxBatch: number, affordable: number): number {
  const most = Math.min(MOST_IN_FLIGHT, 2 * requests * maxBatch)
  return Math.min(most, Math.max(2 * requests, Math.ceil(affordable)))
}

/** Keeps `window` operations in flight for so long; gives how long each took, and all of them. */
async function inFlight(
  engine: Engine,
  operation: InferenceOperation,
  window: number,
  milliseconds: number,
): Promise<{elapsedUs: number; latenciesUs: number[]}> {
  const latenciesUs: number[] = []
  const start = performance.now()
  const end = start + milliseconds
  const runner = async () => {
    do {
      const submitted = performance.now()
      await engine.submit(operation)
      latenciesUs.push((performance.now() - submitted) * 1000)
    } while (performance.now() < end)
  }

  await Promise.all(Array.from({length: window}, runner))
  return {elapsedUs: (performance.now() - start) * 1000, latenciesUs}
}
