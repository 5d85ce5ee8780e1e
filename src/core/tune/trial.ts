/** One setting on an engine of its own, and what it does there. */
import {quantile} from 'simple-statistics'

import type {Config} from '../config/schema.ts'
import type {Engine, InferenceOperation} from '../engine/engine.ts'
import type {EnergyMeter} from './energy.ts'
import type {Figures, Objective} from './objective.ts'

import {infer} from '../bench/infer.ts'
import {type Description, inputsFor} from '../bench/model-inputs.ts'
import {type InFlight, keepInFlight} from '../bench/timing.ts'
import {createBridge} from '../bridge.ts'
import {NpuBridgeError} from '../errors.ts'
import {type Candidate, leavesThreads, profileOf} from './candidate.ts'

/** Where a setting is tried. */
export interface TrialSubject {
  readonly model: string
  readonly config: Config
  /** The family that the model has to run on; the first choice when absent. */
  readonly device?: 'cpu' | 'gpu' | 'npu' | undefined
  /** What the trials are to tell, and so what they spend their time on. */
  readonly objective?: Objective | undefined
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
/** Share of a trial for operations that are awaited one by one, by what is wanted. */
const ALONE: Readonly<Record<Objective, number>> = {efficiency: 0.2, latency: 0.7, throughput: 0.2}
const MOST_IN_FLIGHT = 256
/** Share of the operations that there is time for which may be in flight: what is, is still to be done at the end. */
const IN_FLIGHT = 0.25
/**
 * A model that takes batches is compiled once more, and tried, when it is first under load, and then for each size; a short
 * one is, for the engine's own threads. Until that is over, figures are of the compiler, so it is under load for so many
 * times what loading took, within bounds: to find out which way is quicker takes as long where loading took no time.
 */
const WARM_UP = 8
const SHORTEST_SETTLING_MS = 500
const LONGEST_SETTLING_MS = 2500
/** What is longer does not run on the engine's own threads (engine/direct.rs), with room for a disturbed first one. */
const SHORT_US = 2000
/** For what is not compiled again. */
const SHORT_WARM_UP_MS = 50

/**
 * @throws {Skipped} when the device does not have what the candidate asks for, or does not compile it
 * @throws {NpuBridgeError} for what is no fault of the candidate
 */
export async function openTrial(
  candidate: Candidate,
  subject: TrialSubject,
  meter: EnergyMeter | null,
): Promise<Trial> {
  const {config, device, model, objective = 'throughput'} = subject
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
    const started = performance.now()
    const loaded = await load(engine, model)
    const loadMs = performance.now() - started
    const lacking = loaded.dropped.find(({property}) => isAskedFor(property, candidate))
    if (lacking) throw new Skipped(`${lacking.property} ${lacking.value}: ${lacking.reason}`)
    const operation: InferenceOperation = {type: 'inference', model, inputs: inputsFor(loaded)}
    await engine.submit(operation)
    let isWarm = false
    return {
      loaded,
      health: await engine.health(),
      async measure(milliseconds) {
        if (!isWarm) await warmUp(engine, operation, {candidate, loaded, loadMs})
        isWarm = true
        return measure(engine, operation, loaded, {meter, milliseconds, share: ALONE[objective]})
      },
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

async function warmUp(
  engine: Engine,
  operation: InferenceOperation,
  {candidate, loaded, loadMs}: {readonly candidate: Candidate; readonly loaded: LoadedModel; readonly loadMs: number},
): Promise<void> {
  const started = performance.now()
  await engine.submit(operation)
  const oneUs = (performance.now() - started) * 1000
  const isCompiledAgain = loaded.maxBatch > 1 || (leavesThreads(candidate) && oneUs <= SHORT_US)
  const settlingMs = Math.min(LONGEST_SETTLING_MS, Math.max(SHORTEST_SETTLING_MS, WARM_UP * loadMs))
  const milliseconds = isCompiledAgain ? settlingMs : SHORT_WARM_UP_MS
  await inFlight(engine, operation, windowFor(loaded, (milliseconds * 1000) / oneUs), milliseconds)
}

interface Turn {
  readonly milliseconds: number
  /** The part of it for operations that are awaited one by one. */
  readonly share: number
  readonly meter: EnergyMeter | null
}

async function measure(
  engine: Engine,
  operation: InferenceOperation,
  model: LoadedModel,
  {meter, milliseconds, share}: Turn,
): Promise<Figures> {
  const alone = await inFlight(engine, operation, 1, milliseconds * share)
  const p50Us = quantile(alone.latenciesUs, 0.5)
  const window = windowFor(model, (milliseconds * (1 - share) * 1000) / p50Us)
  const [cpuBefore, energyBefore] = [process.cpuUsage(), meter?.read() ?? null]
  const loaded = await inFlight(engine, operation, window, milliseconds * (1 - share))
  const cpu = process.cpuUsage(cpuBefore)
  const joules = meter?.between(energyBefore, meter.read()) ?? null
  const done = loaded.latenciesUs.length
  return {
    throughput: loaded.perSecond,
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
function windowFor({maxBatch, requests}: LoadedModel, affordable: number): number {
  const atOnce = requests ?? 1
  const most = Math.min(MOST_IN_FLIGHT, 2 * atOnce * maxBatch)
  return Math.min(most, Math.max(2 * atOnce, Math.ceil(IN_FLIGHT * affordable)))
}

async function inFlight(
  engine: Engine,
  operation: InferenceOperation,
  window: number,
  durationMs: number,
): Promise<InFlight> {
  return keepInFlight(window, {durationMs}, async () => infer(engine, operation))
}
