/** What an engine can be asked to do, and the tensors that it takes. */

/** What the user asks for; `auto` tries npu, gpu, cpu in this order. */
export type DevicePreference = 'auto' | 'cpu' | 'gpu' | 'npu'

export const PRIORITIES = ['low', 'normal', 'high', 'critical', 'realtime'] as const
export type Priority = (typeof PRIORITIES)[number]

/** Element types by their Open Inference Protocol names. */
export const DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
] as const
export type Datatype = (typeof DATATYPES)[number]

export type TensorData =
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array

/** A dense row-major tensor. FP16 and BF16 travel as their 16-bit patterns in a Uint16Array, BOOL in a Uint8Array. */
export interface Tensor {
  readonly data: TensorData
  readonly shape: readonly number[]
  /** Needed only where the array type does not say it (FP16, BF16, BOOL). */
  readonly datatype?: Datatype
}

/** A tensor that an engine gave back; its datatype is always known. */
export interface OutputTensor extends Tensor {
  readonly datatype: Datatype
}

export type TensorMap = Readonly<Record<string, Tensor>>

/** Prepares a device (the engine's own choice when none is named) so that the first inference does not pay for it. */
export interface InitializeOperation {
  readonly type: 'initialize'
}

export interface LoadModelOperation {
  readonly type: 'load_model'
  /** A catalogue name, or the path of an .onnx or .xml file. */
  readonly model: string
  /** Input shapes to fix before compiling, by input name. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>
}

export interface UnloadModelOperation {
  readonly type: 'unload_model'
  readonly model: string
}

export interface InferenceOperation {
  readonly type: 'inference'
  readonly model: string
  readonly inputs: TensorMap
  /** The name of the ordered series this inference belongs to; the model's state is carried within it. */
  readonly stream?: string
  /** Closes the stream after this inference. */
  readonly endOfStream?: boolean
  /** Gives the input buffers to the engine: they are detached and never copied. */
  readonly transfer?: boolean
}

/** Multiplies `inputs.a` [m,k] by `inputs.b` [k,n] (FP32) on the device; the output is named `product` [m,n]. */
export interface MatrixMultiplyOperation {
  readonly type: 'matrix_multiply'
  readonly inputs: {readonly a: Tensor; readonly b: Tensor}
  readonly transfer?: boolean
}

/** Gives `data` back after a full round trip through the scheduler; measures coordination alone. */
export interface EchoOperation {
  readonly type: 'echo'
  readonly data?: unknown
}

export interface HealthCheckOperation {
  readonly type: 'health_check'
}

export interface StatisticsOperation {
  readonly type: 'statistics'
}

/** A timed loop of real work inside the engine. */
export interface BenchmarkOperation {
  readonly type: 'benchmark'
  readonly kind: 'echo' | 'inference' | 'matrix_multiply'
  readonly durationMs: number
  /** For `inference`: the model, run on zero-filled inputs. */
  readonly model?: string
}

/** How agents are compared with a text: by the old module's keywords, by words, by meaning, or by both of these. */
export const ROUTING_METHODS = ['keywords', 'lexical', 'semantic', 'hybrid'] as const
export type RoutingMethod = (typeof ROUTING_METHODS)[number]

/** What is known of an agent, for choosing it by text. */
export interface AgentProfile {
  readonly name: string
  readonly description?: string
  /** Texts that it should be chosen for. */
  readonly examples?: readonly string[]
  /** From 1 (most urgent) to 100; breaks ties. What the name tells when absent. */
  readonly priority?: number
}

/** Chooses the agent that fits `description` best, or for each of `descriptions`. */
export interface RouteOperation {
  readonly type: 'route'
  readonly description?: string
  /** Many at once; the answer then has a list, `routes`. */
  readonly descriptions?: readonly string[]
  /** A folder of agent files, or a list; the configured folder when absent. */
  readonly agents?: string | readonly AgentProfile[]
  /**
   * Semantic and hybrid need the model `minilm`.
   *
   * @default 'keywords'
   */
  readonly method?: RoutingMethod
  /** A file that `npubridge route train` made: its labels are chosen from, instead of agents. */
  readonly head?: string
  /** @default 3 */
  readonly topK?: number
  /** The score (with a head, the evidence) below which no agent fits. */
  readonly threshold?: number
}

/** An agent that a text may be for. With a head, the score is a probability. */
export interface RouteCandidate {
  readonly agent: string
  readonly score: number
}

/** The answer to one description; `agent` is null when no agent fits. */
export interface RouteAnswer {
  readonly agent: string | null
  readonly score: number
  readonly reason: string | null
  /** Absent from the answers of `keywords`. */
  readonly candidates?: readonly RouteCandidate[]
  /** With a head: how much speaks for any label at all. */
  readonly evidence?: number
  /** What score or evidence were held against. */
  readonly threshold?: number
}

/** Turns texts into vectors of length 1; the output is named `embeddings` [texts, dimensions]. */
export interface EmbedOperation {
  readonly type: 'embed'
  readonly texts: readonly string[]
  /**
   * A model of the catalogue that comes with its tokenizer.
   *
   * @default 'minilm'
   */
  readonly model?: string
}

/** The families of signal processing; what each has is in docs/signal.md. */
export const SIGNAL_FAMILIES = ['fft', 'filter', 'kalman', 'wavelet', 'spectral', 'adaptive'] as const
export type SignalFamily = (typeof SIGNAL_FAMILIES)[number]

export const SIGNAL_BACKENDS = ['auto', 'native', 'openvino', 'octave', 'matlab'] as const
export const SIGNAL_DEVICES = ['auto', 'npu', 'gpu', 'cpu'] as const

/** One step: a family, its member as `parameters.kind`, and what that takes under the names of scipy or PyWavelets. */
export interface SignalStep {
  readonly operation: SignalFamily
  readonly parameters?: Readonly<Record<string, unknown>>
}

/**
 * Processes samples, channels first and time last, FP32 or FP64. Either `operation` with `parameters`, or `steps`, whose
 * first outputs are handed on without leaving the engine. Complex outputs end with a dimension of 2. `data` of the
 * result is a {@link SignalBackend}.
 */
export interface SignalOperation {
  readonly type: 'signal'
  readonly operation?: SignalFamily
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly steps?: readonly SignalStep[]
  readonly data: Tensor
  /** Further samples that a member takes by name: `y` of a cross-spectrum, `d` of an adaptive filter. */
  readonly inputs?: TensorMap
  /** Whether `data` ends with a dimension of real and imaginary part; true for the inverse transforms when absent. */
  readonly complex?: boolean
  /**
   * Where it is worked out. `auto` is `native` unless a device is asked for; what devices cannot do is then done natively,
   * and the result says so.
   * @default 'auto'
   */
  readonly backend?: (typeof SIGNAL_BACKENDS)[number]
  /** With `openvino` or `auto`: one of the engine's devices; `auto` is its first choice. */
  readonly device?: (typeof SIGNAL_DEVICES)[number]
  /**
   * How long another program may take for one step.
   * @default 60000
   */
  readonly timeLimitMs?: number
  /** Blocks of one stream follow each other: filters, short-time transforms and adaptation go on where they were. */
  readonly stream?: string
  readonly endOfStream?: boolean
  readonly transfer?: boolean
}

/** Who processed a signal, and why that one. */
export interface SignalBackend {
  readonly backend: string
  readonly reason: string
}

/** A task of a workflow: work for an agent. */
export interface WorkflowTask {
  readonly id: string
  /** @default 'director' */
  readonly agent?: string
  readonly description?: string
  /** From 1 (most urgent) to 100. @default 50 */
  readonly priority?: number
  /** Ids of tasks that must be settled before. Ids that no task has are reported and ignored. */
  readonly dependencies?: readonly string[]
}

/** Coordinates a graph of tasks in one call. Tasks without a handler are routed, not executed, and say so. */
export interface WorkflowOperation {
  readonly type: 'workflow'
  readonly tasks: readonly WorkflowTask[]
  /** A folder of agent files, or a list: tasks that name no agent go to the one whose words they share. */
  readonly agents?: string | readonly AgentProfile[]
  /** @default 10 */
  readonly maxParallel?: number
}

/** What came of a workflow; element i of `levels` and `status` belongs to task i. */
export interface WorkflowReport {
  /** Numbers of the tasks in the order in which they were settled. */
  readonly order: readonly number[]
  readonly levels: readonly number[]
  readonly status: ReadonlyArray<'cancelled' | 'completed' | 'failed' | 'routed' | 'skipped'>
  readonly total: number
  readonly completed: number
  readonly routed: number
  readonly skipped: number
  readonly successRate: number
  readonly elapsedUs: number
  readonly overheadUs: number
  /** The agent of each task. */
  readonly assigned: readonly string[]
  readonly agents: Readonly<Record<string, number>>
  /** Cycles: the task that was let go first, and the dependencies that it was let go without. */
  readonly broken: ReadonlyArray<{readonly task: string; readonly dropped: readonly string[]}>
  readonly unknown: ReadonlyArray<{readonly task: string; readonly id: string}>
}

export type Operation =
  | BenchmarkOperation
  | EchoOperation
  | EmbedOperation
  | HealthCheckOperation
  | InferenceOperation
  | InitializeOperation
  | LoadModelOperation
  | MatrixMultiplyOperation
  | RouteOperation
  | SignalOperation
  | StatisticsOperation
  | UnloadModelOperation
  | WorkflowOperation

export type OperationType = Operation['type']

export interface SubmitOptions {
  /** @default 'normal' */
  readonly priority?: Priority | undefined
  /** The operation must start within this many milliseconds, or it fails with DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number | undefined
  /** Aborting cancels the operation at any stage; it then fails with CANCELLED. */
  readonly signal?: AbortSignal | undefined
}
