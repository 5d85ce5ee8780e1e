/** What every engine refuses at its border, before anything waits. */
import {NpuBridgeError} from '../errors.ts'
import {
  type Datatype,
  type MatrixMultiplyOperation,
  type Operation,
  type OperationType,
  PRIORITIES,
  type RouteOperation,
  ROUTING_METHODS,
  SIGNAL_FAMILIES,
  type SignalOperation,
  type SubmitOptions,
  type Tensor,
  type WorkflowOperation,
} from './engine.ts'

const OPERATION_TYPES: Record<OperationType, true> = {
  initialize: true,
  load_model: true,
  unload_model: true,
  inference: true,
  matrix_multiply: true,
  echo: true,
  health_check: true,
  benchmark: true,
  statistics: true,
  route: true,
  workflow: true,
  embed: true,
  signal: true,
}

const BENCHMARK_KINDS = ['echo', 'inference', 'matrix_multiply']

/**
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION for an unknown type, INVALID_ARGUMENT, SHAPE_MISMATCH or DTYPE_MISMATCH
 * with the field
 */
export function checkOperation(operation: Operation): void {
  if (!Object.hasOwn(OPERATION_TYPES, operation.type)) {
    throw new NpuBridgeError('UNSUPPORTED_OPERATION', `there is no operation ${show(operation.type)}`, {
      suggestions: [`The types are ${Object.keys(OPERATION_TYPES).join(', ')}.`],
    })
  }

  switch (operation.type) {
    case 'route': {
      checkRoute(operation)
      break
    }

    case 'embed': {
      needTexts('texts', operation.texts)
      if (operation.model !== undefined) needText('model', operation.model)
      break
    }

    case 'signal': {
      checkSignal(operation)
      break
    }

    case 'load_model':
    case 'unload_model': {
      needText('model', operation.model)
      break
    }

    case 'inference': {
      needText('model', operation.model)
      for (const [name, tensor] of Object.entries(operation.inputs)) checkTensor(`inputs.${name}`, tensor)
      break
    }

    case 'matrix_multiply': {
      checkMatrixMultiply(operation)
      break
    }

    case 'benchmark': {
      if (!BENCHMARK_KINDS.includes(operation.kind)) {
        throw invalid('kind', operation.kind, `one of ${BENCHMARK_KINDS.join(', ')}`)
      }

      if (Number.isNaN(operation.durationMs) || operation.durationMs <= 0)
        throw invalid('durationMs', operation.durationMs, 'more than 0 milliseconds')
      break
    }

    case 'workflow': {
      checkTasks(operation)
      break
    }

    default:
  }
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT with the field */
export function checkSubmitOptions({priority, timeoutMs}: SubmitOptions): void {
  if (priority !== undefined && !PRIORITIES.includes(priority)) {
    throw invalid('priority', priority, `one of ${PRIORITIES.join(', ')}`)
  }

  if (timeoutMs !== undefined && (Number.isNaN(timeoutMs) || timeoutMs < 0))
    throw invalid('timeoutMs', timeoutMs, '0 milliseconds or more')
}

/**
 * Whether the elements of `tensor` are as many as its shape says.
 *
 * @param place what the tensor is called in messages, e.g. `inputs.audio`
 * @throws {NpuBridgeError} SHAPE_MISMATCH
 */
export function checkTensor(place: string, tensor: Tensor): void {
  const {data, shape} = tensor
  if (!ArrayBuffer.isView(data)) throw invalid(`${place}.data`, typeof data, 'a typed array')
  if (shape.some((size) => !(Number.isSafeInteger(size) && size >= 0))) {
    throw new NpuBridgeError(
      'SHAPE_MISMATCH',
      `${place}.shape is [${shape.join(',')}], sizes are whole and not negative`,
    )
  }

  const expected = shape.reduce((product, size) => product * size, 1)
  if (data.length !== expected) {
    throw new NpuBridgeError(
      'SHAPE_MISMATCH',
      `${place}.shape is [${shape.join(',')}], which is ${expected} elements, but data has ${data.length}`,
    )
  }
}

/** The datatype of `tensor`: what it says, else what its array type implies. */
export function datatypeOf(tensor: Tensor): Datatype {
  if (tensor.datatype) return tensor.datatype
  const {data} = tensor
  if (data instanceof Float32Array) return 'FP32'
  if (data instanceof Float64Array) return 'FP64'
  if (data instanceof BigInt64Array) return 'INT64'
  if (data instanceof BigUint64Array) return 'UINT64'
  if (data instanceof Int8Array) return 'INT8'
  if (data instanceof Int16Array) return 'INT16'
  if (data instanceof Int32Array) return 'INT32'
  if (data instanceof Uint16Array) return 'UINT16'
  return data instanceof Uint32Array ? 'UINT32' : 'UINT8'
}

/**
 * The sizes of a multiplication of `a` [m,k] by `b` [k,n].
 *
 * @throws {NpuBridgeError} SHAPE_MISMATCH, DTYPE_MISMATCH
 */
export function checkMatrixMultiply({inputs}: MatrixMultiplyOperation): {k: number; m: number; n: number} {
  for (const [name, tensor] of Object.entries({a: inputs.a, b: inputs.b})) {
    checkTensor(`inputs.${name}`, tensor)
    if (tensor.shape.length !== 2) {
      throw new NpuBridgeError('SHAPE_MISMATCH', `inputs.${name}.shape is [${tensor.shape.join(',')}], a matrix has 2`)
    }

    if (datatypeOf(tensor) !== 'FP32') {
      throw new NpuBridgeError('DTYPE_MISMATCH', `inputs.${name} is ${datatypeOf(tensor)}, matrix_multiply takes FP32`)
    }
  }

  const [m, k] = inputs.a.shape as [number, number]
  const [rows, n] = inputs.b.shape as [number, number]
  if (k !== rows) {
    throw new NpuBridgeError(
      'SHAPE_MISMATCH',
      `inputs.a.shape is [${m},${k}] and inputs.b.shape [${rows},${n}]: the columns of a must be as many as the rows of b`,
    )
  }

  return {k, m, n}
}

function checkRoute({agents, description, descriptions, head, method}: RouteOperation): void {
  if (descriptions === undefined) needText('description', description)
  else needTexts('descriptions', descriptions)
  if (agents !== undefined && !Array.isArray(agents)) needText('agents', agents)
  if (head !== undefined) needText('head', head)
  if (method !== undefined && !ROUTING_METHODS.includes(method)) {
    throw invalid('method', method, `one of ${ROUTING_METHODS.join(', ')}`)
  }
}

function checkSignal({data, inputs, operation, steps}: SignalOperation): void {
  if ((operation === undefined) === (steps === undefined)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', 'either operation or steps must be there, not both')
  }

  const families = steps === undefined ? [operation] : steps.map((step) => step.operation)
  for (const [index, family] of families.entries()) {
    const place = steps === undefined ? 'operation' : `steps[${index}].operation`
    if (!SIGNAL_FAMILIES.includes(family!)) throw invalid(place, family, `one of ${SIGNAL_FAMILIES.join(', ')}`)
  }

  if (data === undefined) throw invalid('data', data, 'a tensor of samples')
  checkTensor('data', data)
  for (const [name, tensor] of Object.entries(inputs ?? {})) checkTensor(`inputs.${name}`, tensor)
}

function needTexts(field: string, value: unknown): void {
  const isList = Array.isArray(value) && value.every((text) => typeof text === 'string')
  if (!isList) throw invalid(field, value, 'a list of texts')
}

function checkTasks({tasks, maxParallel}: WorkflowOperation): void {
  if (maxParallel !== undefined && !(Number.isInteger(maxParallel) && maxParallel > 0)) {
    throw invalid('maxParallel', maxParallel, 'a whole number from 1')
  }

  const ids = new Set<string>()
  for (const [index, {id}] of tasks.entries()) {
    needText(`tasks[${index}].id`, id)
    if (ids.has(id)) throw invalid(`tasks[${index}].id`, id, 'unlike the ids before it')
    ids.add(id)
  }
}

function needText(field: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') throw invalid(field, value, 'a text')
}

function invalid(field: string, value: unknown, expected: string): NpuBridgeError {
  return new NpuBridgeError('INVALID_ARGUMENT', `${field} is ${show(value)}, it must be ${expected}`)
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
