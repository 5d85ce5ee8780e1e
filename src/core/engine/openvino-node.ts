/**
 * The engine over `openvino-node`, OpenVINO's own binding for Node: for those who have it installed and not our binary.
 * Its API has no deadlines, priorities or cancellation; these are kept before the call, in the queue that all engines
 * in TypeScript share.
 */
import {setImmediate} from 'node:timers/promises'

import type {
  BatchElement,
  BenchmarkOperation,
  DeviceHealth,
  Engine,
  Fallback,
  Health,
  InferenceOperation,
  MatrixMultiplyOperation,
  MetricsSnapshot,
  Operation,
  OperationResult,
  OperationType,
  PerformanceMode,
  SubmitOptions,
  Tensor,
} from './engine.ts'
import type {OpenVinoNodeModel} from './openvino-node-model.ts'
import type {PeerCore} from './openvino-node-types.ts'

import {NpuBridgeError} from '../errors.ts'
import {benchmarkResult} from './benchmark.ts'
import {type Answer, Dispatcher} from './dispatcher.ts'
import {metricsText} from './metrics-text.ts'
import {OpenVinoNodeModels} from './openvino-node-models.ts'
import {loadPeer, type Peer} from './openvino-node-peer.ts'
import {StreamStates} from './stream-states.ts'
import {checkMatrixMultiply} from './validate.ts'

export type Profile = 'efficiency' | 'latency' | 'throughput'

/** How many operations are under way at a time; the peer runs inferences of one process mostly one by one. */
const AT_A_TIME: Record<Profile, number> = {efficiency: 1, latency: 1, throughput: 4}
const BENCHMARK_SIZE = 128

export interface OpenVinoNodeOptions {
  /** OpenVINO devices in order of preference: where a model does not compile, the next one is tried. */
  readonly devices: readonly string[]
  readonly modelsFolder: string
  readonly cacheFolder: string
  /**
   * What is optimized for.
   *
   * @default 'latency'
   */
  readonly profile?: Profile | undefined
  /**
   * How many operations may wait.
   *
   * @default 16384
   */
  readonly capacity?: number | undefined
  /** Written into every result that has no fallback of its own. */
  readonly fallback?: Fallback | null | undefined
  /** The loaded package; loaded when absent. */
  readonly peer?: Peer
}

/**
 * @throws {NpuBridgeError} RUNTIME_NOT_FOUND when the peer cannot be used, DEVICE_UNAVAILABLE without a device
 */
export async function createOpenVinoNodeEngine(options: OpenVinoNodeOptions): Promise<Engine> {
  if (options.devices.length === 0) {
    throw new NpuBridgeError('DEVICE_UNAVAILABLE', 'openvino-node has no device to run on')
  }

  return new OpenVinoNodeEngine(options.peer ?? loadPeer(), options)
}

class OpenVinoNodeEngine implements Engine {
  readonly kind = 'openvino-node'
  readonly #peer: Peer
  readonly #core: PeerCore
  readonly #options: OpenVinoNodeOptions
  readonly #profile: Profile
  readonly #dispatcher: Dispatcher
  readonly #models: OpenVinoNodeModels
  readonly #streams = new StreamStates()

  constructor(peer: Peer, options: OpenVinoNodeOptions) {
    this.#peer = peer
    this.#core = new peer.addon.Core()
    this.#options = options
    this.#profile = options.profile ?? 'latency'
    this.#models = new OpenVinoNodeModels(peer.addon, this.#core, {...options, profile: this.#profile})
    this.#dispatcher = new Dispatcher({
      engine: this.kind,
      fallback: options.fallback,
      capacity: options.capacity,
      executor: {
        check(operation) {
          if (isCoordination(operation.type)) throw cannotCoordinate(operation.type)
        },
        hasRoom: () => this.#dispatcher.running < AT_A_TIME[this.#profile],
        run: async (operation) => this.#run(operation),
        laneOf: (operation) => (operation.type === 'inference' ? keyOf(operation) : undefined),
      },
    })
  }

  async submit(operation: Operation, options?: SubmitOptions): Promise<OperationResult> {
    return this.#dispatcher.submit(operation, options)
  }

  async submitBatch(operations: readonly Operation[], options?: SubmitOptions): Promise<BatchElement[]> {
    return this.#dispatcher.submitBatch(operations, options)
  }

  async health(): Promise<Health> {
    return {
      status: 'ok',
      engine: this.kind,
      performanceMode: modeOf(this.#options.devices[0]!),
      devices: this.#options.devices.map((device) => this.#describe(device)),
      queueDepth: this.#dispatcher.queueDepth,
      running: this.#dispatcher.running,
      models: this.#models.names,
      fallback: this.#options.fallback ?? null,
      runtime: {folder: this.#peer.folder, version: this.#peer.version},
    }
  }

  metrics(): MetricsSnapshot {
    return this.#dispatcher.metrics()
  }

  metricsText(): string {
    return metricsText(this.metrics())
  }

  async shutdown({drainMs = 0}: {drainMs?: number} = {}): Promise<void> {
    await this.#dispatcher.drain(drainMs)
    this.#models.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  async #run(operation: Operation): Promise<Answer> {
    const startedAt = performance.now()
    const done = (data?: unknown): Answer => ({computeUs: (performance.now() - startedAt) * 1000, data})
    switch (operation.type) {
      case 'echo': {
        return done(operation.data)
      }

      case 'health_check': {
        return done(await this.health())
      }

      case 'statistics': {
        return done(this.metrics())
      }

      case 'initialize': {
        return done({devices: this.#options.devices})
      }

      case 'load_model': {
        const {device, fallback, model} = await this.#models.load(operation.model, operation.shapes)
        return {...done({device, inputs: model.inputs, outputs: model.outputs}), device, fallback}
      }

      case 'unload_model': {
        this.#models.unload(operation.model)
        this.#streams.closeAll(`${operation.model}\n`)
        return done()
      }

      case 'inference': {
        return this.#infer(operation)
      }

      case 'matrix_multiply': {
        return this.#multiply(operation)
      }

      case 'benchmark': {
        return this.#benchmark(operation)
      }

      case 'embed':
      case 'route':
      case 'signal':
      case 'workflow': {
        throw cannotCoordinate(operation.type)
      }
    }
  }

  async #infer(operation: InferenceOperation): Promise<Answer> {
    const {device, fallback, model} = await this.#models.load(operation.model)
    const key = keyOf(operation)
    const state = key === undefined ? undefined : (this.#streams.recall(key) ?? model.initialState())
    const inputs = {...state, ...operation.inputs}
    const inferred = await model.infer(inputs, operation.transfer ?? false)
    if (key !== undefined) this.#remember(key, model, inferred.outputs, operation.endOfStream ?? false)
    return {...inferred, device, fallback}
  }

  #remember(key: string, model: OpenVinoNodeModel, outputs: Record<string, Tensor>, isLast: boolean): void {
    if (isLast) this.#streams.close(key)
    else
      this.#streams.remember(key, Object.fromEntries(model.state.map(({input, output}) => [input, outputs[output]!])))
  }

  async #multiply(operation: MatrixMultiplyOperation): Promise<Answer> {
    const sizes = checkMatrixMultiply(operation)
    const {device, fallback, model} = await this.#models.product(sizes)
    return {...(await model.infer(operation.inputs, operation.transfer ?? false)), device, fallback}
  }

  async #benchmark({durationMs, kind, model}: BenchmarkOperation): Promise<Answer> {
    const startedAt = performance.now()
    const round = await this.#roundOf(kind, model)
    const latenciesUs: number[] = []
    for (const end = performance.now() + durationMs; performance.now() < end;) {
      const begunAt = performance.now()
      await round()
      latenciesUs.push((performance.now() - begunAt) * 1000)
    }

    return {computeUs: (performance.now() - startedAt) * 1000, data: benchmarkResult(kind, latenciesUs)}
  }

  /** One round of a benchmark: an inference on zeros, a product of zeros, or a turn of the event loop. */
  async #roundOf(kind: BenchmarkOperation['kind'], name: string | undefined): Promise<() => Promise<unknown>> {
    if (kind === 'echo') return setImmediate
    if (kind === 'inference' && name === undefined) {
      throw new NpuBridgeError('INVALID_ARGUMENT', 'model is missing: a benchmark of inference needs one')
    }

    const size = BENCHMARK_SIZE
    const {model} = await (kind === 'inference'
      ? this.#models.load(name!)
      : this.#models.product({k: size, m: size, n: size}))
    const inputs = model.zeros()
    return async () => model.infer(inputs, false)
  }

  #describe(name: string): DeviceHealth {
    return {name, fullName: fullNameOf(this.#core, name), state: 'available'}
  }
}

/** What `device` calls itself; null when the runtime does not say. */
export function fullNameOf(core: PeerCore, device: string): string | null {
  try {
    return String(core.getProperty(device, 'FULL_DEVICE_NAME'))
  } catch {
    return null
  }
}

/** The stream of `operation` among those of all models. */
function keyOf({model, stream}: InferenceOperation): string | undefined {
  return stream === undefined ? undefined : `${model}\n${stream}`
}

function modeOf(device: string): PerformanceMode {
  const family = device.split('.', 1)[0]!.toLowerCase()
  return family === 'npu' || family === 'gpu' ? family : 'cpu'
}

function isCoordination(type: OperationType): boolean {
  return ['embed', 'route', 'signal', 'workflow'].includes(type)
}

function cannotCoordinate(type: OperationType): NpuBridgeError {
  return new NpuBridgeError('UNSUPPORTED_OPERATION', `the openvino-node engine has no ${type}: it only runs models`, {
    suggestions: ['Take another engine for it: --engine native or --engine legacy'],
  })
}
