import type {
  BatchElement,
  Engine,
  Health,
  MetricsSnapshot,
  Operation,
  OperationResult,
  SubmitOptions,
} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'

export interface Submission {
  readonly operation: Operation
  readonly options: SubmitOptions
}

/**
 * An engine whose models take `input`, FP32 [-1, 4], and give it back as `output`. Each inference waits for `gate`; what
 * `fails` holds for its type is thrown.
 */
export class FakeEngine implements Engine {
  readonly kind = 'native'
  readonly submissions: Submission[] = []
  readonly fails = new Map<Operation['type'], Error>()
  gate: Promise<void> | undefined
  status: Health['status'] = 'ok'
  isShutDown = false
  cancelled = 0

  async submit(operation: Operation, options: SubmitOptions = {}): Promise<OperationResult> {
    this.submissions.push({operation, options})
    const error = this.fails.get(operation.type)
    if (error) throw error
    if (operation.type === 'inference' && this.gate) await this.#wait(options.signal)
    return {
      type: operation.type,
      ...answerTo(operation),
      device: operation.type === 'echo' ? null : 'CPU',
      engine: 'native',
      fallback: null,
      queueUs: 1,
      computeUs: 2,
      totalUs: 3,
    }
  }

  /** The operations of one type, in their order. */
  of<T extends Operation['type']>(type: T): Array<Extract<Operation, {type: T}>> {
    return this.submissions
      .map(({operation}) => operation)
      .filter((operation): operation is Extract<Operation, {type: T}> => operation.type === type)
  }

  async submitBatch(): Promise<BatchElement[]> {
    throw new Error('not used here')
  }

  async health(): Promise<Health> {
    return {
      status: this.status,
      engine: 'native',
      performanceMode: 'cpu',
      devices: [{name: 'CPU', fullName: null, state: 'available'}],
      queueDepth: 0,
      running: 0,
      models: [],
      fallback: null,
      runtime: null,
    }
  }

  metrics(): MetricsSnapshot {
    return {
      engine: 'native',
      uptimeMs: 1,
      submitted: this.submissions.length,
      completed: 0,
      failed: 0,
      queueDepth: 0,
      running: 0,
      failuresByCode: {},
      fallbacks: 0,
      operations: {},
    }
  }

  metricsText(): string {
    return '# HELP npubridge_uptime_seconds Time since the engine started.\n# TYPE npubridge_uptime_seconds gauge\nnpubridge_uptime_seconds 1\n'
  }

  async shutdown(): Promise<void> {
    this.isShutDown = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => {
        this.cancelled++
        reject(new NpuBridgeError('CANCELLED', 'the operation was cancelled'))
      })
    })
    await Promise.race([this.gate, aborted])
  }
}

function answerTo(operation: Operation): Pick<OperationResult, 'data' | 'outputs'> {
  switch (operation.type) {
    case 'load_model': {
      const port = {datatype: 'FP32', shape: [-1, 4]}
      return {data: {inputs: [{name: 'input', ...port}], outputs: [{name: 'output', ...port}]}}
    }

    case 'inference': {
      const {input} = operation.inputs
      return {outputs: input ? {output: {...input, datatype: 'FP32'}} : {}}
    }

    case 'echo': {
      return {data: operation.data}
    }

    default: {
      return {data: {type: operation.type}}
    }
  }
}
