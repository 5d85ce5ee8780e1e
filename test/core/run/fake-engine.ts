import type {
  BatchElement,
  Engine,
  Health,
  MetricsSnapshot,
  Operation,
  OperationResult,
  OutputTensor,
  SubmitOptions,
} from '../../../src/core/engine/engine.ts'

import {NpuBridgeError} from '../../../src/core/errors.ts'

export interface Submission {
  readonly operation: Operation
  readonly options: SubmitOptions
}

/** What an operation comes to: outputs or data, a delay, an error, or never an end. */
export interface Behaviour {
  readonly outputs?: Readonly<Record<string, OutputTensor>>
  readonly data?: unknown
  readonly delayMs?: number
  readonly error?: Error
  readonly hangs?: boolean
  readonly ignoresCancellation?: boolean
  readonly fallback?: OperationResult['fallback']
  readonly device?: string
  readonly totalUs?: number
}

export const tensor = (
  data: OutputTensor['data'],
  datatype: OutputTensor['datatype'],
  shape?: number[],
): OutputTensor => ({
  data,
  datatype,
  shape: shape ?? [data.length],
})

/** An engine that records what it is asked and does what the test says; echo gives its data back. */
export class FakeEngine implements Engine {
  readonly kind = 'native'
  readonly submissions: Submission[] = []
  running = 0
  mostRunning = 0
  disposed = false
  readonly #behave: (operation: Operation, index: number) => Behaviour

  constructor(behave: (operation: Operation, index: number) => Behaviour = () => ({})) {
    this.#behave = behave
  }

  async submit(operation: Operation, options: SubmitOptions = {}): Promise<OperationResult> {
    const behaviour = this.#behave(operation, this.submissions.length)
    this.submissions.push({operation, options})
    this.running++
    this.mostRunning = Math.max(this.mostRunning, this.running)
    try {
      if (behaviour.hangs || behaviour.delayMs !== undefined) await pause(behaviour, options.signal)
      if (behaviour.error) throw behaviour.error
      return resultOf(operation, behaviour)
    } finally {
      this.running--
    }
  }

  async submitBatch(): Promise<BatchElement[]> {
    throw new Error('not used here')
  }

  async health(): Promise<Health> {
    throw new Error('not used here')
  }

  metrics(): MetricsSnapshot {
    throw new Error('not used here')
  }

  metricsText(): string {
    throw new Error('not used here')
  }

  async shutdown(): Promise<void> {
    this.disposed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown()
  }
}

async function pause({delayMs, hangs, ignoresCancellation}: Behaviour, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = hangs ? undefined : setTimeout(resolve, delayMs)
    if (ignoresCancellation) return
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(new NpuBridgeError('CANCELLED', 'cancelled'))
    })
  })
}

function resultOf(
  operation: Operation,
  {data, device = 'CPU', fallback = null, outputs, totalUs}: Behaviour,
): OperationResult {
  const answer = data === undefined && operation.type === 'echo' ? operation.data : data
  return {
    computeUs: 95,
    data: answer,
    device,
    engine: 'native',
    fallback,
    queueUs: 3,
    totalUs: totalUs ?? 101,
    type: operation.type,
    ...(outputs && {outputs}),
  }
}
