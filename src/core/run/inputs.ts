/** The tensors of a line: carried by it, taken from a file, or brought beside it. */
import type {Operation, Tensor} from '../engine/engine.ts'
import type {FileReference} from './file-layout.ts'
import type {LoadedTensor, TensorFiles} from './tensor-files.ts'

import {fieldError, fieldPath, showValue} from './fields.ts'
import {nameSuggestions} from './nearest.ts'
import {checkDatatype, checkShape, decodeInlineTensor, type NonFinitePolicy} from './tensor.ts'

/** Where tensors may come from. */
export interface TensorSources {
  readonly nonFinite?: NonFinitePolicy
  /** Reads the files that lines name; without it, lines may not name any. */
  readonly files?: TensorFiles
  /** Reads a tensor whose bytes are elsewhere; undefined for one that the line carries itself. */
  readonly binary?: (tensor: object, place: string) => Tensor | undefined
}

interface InputOptions extends TensorSources {
  /** Integers beyond 2^53 have been read as bigints. */
  readonly exact: boolean
}

/** Buffers up to this size are copied by the engine in any case, so giving them away would only cost. */
const TRANSFER_FROM_BYTES = 64 * 1024

export type Inputs = Record<string, Tensor>

/**
 * Reads the tensors of `inputs` and hands them to `make`, at once where no file has to be waited for. `transfer` is
 * true where they are large and all our own. `names` are those that must be there, and no others; any are welcome when
 * it is undefined.
 */
export function withInputs(
  value: unknown,
  options: InputOptions,
  names: readonly string[] | undefined,
  make: (inputs: Inputs, transfer: boolean) => Operation,
  /** Where a tensor stands in the line, for messages. */
  placeOf = (name: string) => fieldPath(['inputs', name]),
): Operation | Promise<Operation> {
  if (value === undefined) throw fieldError('inputs', 'is missing')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fieldError('inputs', `is ${showValue(value)}, it must be an object of tensors by input name`)
  }

  if (names) checkNames(value, names)
  const loaded = Object.entries(value).map(([name, tensor]): LoadedTensor | Promise<LoadedTensor> =>
    readTensor(placeOf(name), name, tensor, options),
  )
  const finish = (tensors: readonly LoadedTensor[]) => {
    const inputs: Inputs = {}
    for (const [index, name] of Object.keys(value).entries()) inputs[name] = tensors[index]!.tensor
    const large = tensors.some(({tensor}) => tensor.data.byteLength > TRANSFER_FROM_BYTES)
    return make(inputs, large && tensors.every(({owned}) => owned))
  }

  return isReady(loaded) ? finish(loaded) : Promise.all(loaded.map(async (tensor) => tensor)).then(finish)
}

function isReady(tensors: ReadonlyArray<LoadedTensor | Promise<LoadedTensor>>): tensors is readonly LoadedTensor[] {
  return tensors.every((tensor) => !(tensor instanceof Promise))
}

function checkNames(inputs: object, names: readonly string[]): void {
  for (const name of names)
    if (!Object.hasOwn(inputs, name)) throw fieldError(fieldPath(['inputs', name]), 'is missing')
  for (const name of Object.keys(inputs)) {
    if (!names.includes(name)) {
      throw fieldError(fieldPath(['inputs', name]), 'is not an input of this operation', {
        suggestions: nameSuggestions(name, names, 'inputs'),
      })
    }
  }
}

const INLINE_FIELDS = ['data', 'shape', 'datatype']
const FILE_FIELDS = ['file', 'shape', 'datatype', 'offset', 'pad']

function readTensor(
  place: string,
  name: string,
  value: unknown,
  options: InputOptions,
): LoadedTensor | Promise<LoadedTensor> {
  // Assigning this name to an object would set its prototype.
  if (name === '__proto__') throw fieldError(place, 'is not a name that an input can have')
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fieldError(place, `is ${showValue(value)}, it must be an object`, {
      suggestions: ['{"data": [0.5, 1], "shape": [1, 2], "datatype": "FP32"}', '{"file": "x.npy"}'],
    })
  }

  const binary = options.binary?.(value, place)
  if (binary) return {owned: false, tensor: binary}
  const fromFile = 'file' in value
  checkFields(value, fromFile ? FILE_FIELDS : INLINE_FIELDS, name)
  if (fromFile) return readFile(value, place, options)
  const {exact, nonFinite = 'error'} = options
  return {owned: true, tensor: decodeInlineTensor(value, place, {exact, nonFinite})}
}

function checkFields(value: object, known: readonly string[], name: string): void {
  for (const key in value) {
    if (!known.includes(key)) {
      throw fieldError(fieldPath(['inputs', name, key]), 'is not a field of a tensor', {
        suggestions: nameSuggestions(key, known, 'fields'),
      })
    }
  }
}

function readFile(value: object, place: string, {files}: TensorSources): LoadedTensor | Promise<LoadedTensor> {
  if (!files) throw fieldError(`${place}.file`, 'names a file, which is not accepted here')
  const tensor = files.read(fileReference(value, place), place)
  // Where a later input of the line is wrong, nobody waits for this one any more.
  if (tensor instanceof Promise) tensor.catch(() => undefined)
  return tensor
}

function fileReference(value: object, place: string): FileReference {
  const {datatype, file, offset, pad, shape} = value as Record<string, unknown>
  if (typeof file !== 'string' || file === '')
    throw fieldError(`${place}.file`, `is ${showValue(file)}, it must be a path`)
  if (offset !== undefined && !Number.isSafeInteger(offset)) {
    throw fieldError(`${place}.offset`, `is ${showValue(offset)}, it must be a whole number of elements`)
  }

  if (pad !== undefined && typeof pad !== 'boolean') {
    throw fieldError(`${place}.pad`, `is ${showValue(pad)}, it must be true or false`)
  }

  return {
    file,
    ...(shape !== undefined && {shape: checkShape(shape, `${place}.shape`)}),
    ...(datatype !== undefined && {datatype: checkDatatype(datatype, `${place}.datatype`)}),
    ...(offset !== undefined && {offset: offset as number}),
    ...(pad !== undefined && {pad}),
  }
}
