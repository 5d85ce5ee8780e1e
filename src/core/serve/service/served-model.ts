/** A model that is ready, and what it takes and gives. */
import {z} from 'zod'

import {type Datatype, DATATYPES, type OperationResult} from '../../engine/engine.ts'
import {NpuBridgeError} from '../../errors.ts'
import {nameSuggestions} from '../../run/nearest.ts'
import {type ModelCounters} from './statistics.ts'
import {type WireDatatype} from './tensor.ts'

export interface Port {
  readonly name: string
  readonly datatype: WireDatatype
  /** -1 for a size that is free. */
  readonly shape: readonly number[]
}

/** What an operation of the engine stands for each kind of model. */
export type ModelKind = 'echo' | 'matrix_multiply' | 'openvino'

export interface ServedModel {
  readonly kind: ModelKind
  readonly name: string
  readonly version: string
  readonly platform: string
  /** What the engine knows it by. */
  readonly reference: string
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** Whether the first size of every input is the number of items. */
  readonly batches: boolean
  readonly counters: ModelCounters
}

const portSchema = z.object({
  name: z.string(),
  datatype: z.enum(DATATYPES),
  shape: z.array(z.int()),
})
const descriptionSchema = z.object({inputs: z.array(portSchema), outputs: z.array(portSchema)})

/** @throws {NpuBridgeError} UNSUPPORTED_OPERATION where the engine does not tell what a model takes */
export function portsOf({data, engine}: OperationResult): {inputs: Port[]; outputs: Port[]} {
  const parsed = descriptionSchema.safeParse(data)
  if (parsed.success) return parsed.data
  throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the ${engine} engine does not tell what a model takes`)
}

/** @throws {NpuBridgeError} INVALID_ARGUMENT for a name that the model does not have, with the nearest */
export function checkNames(
  given: readonly string[],
  ports: readonly Port[],
  what: 'inputs' | 'outputs',
  model: string,
): void {
  for (const name of given) {
    if (ports.some((port) => port.name === name)) continue
    throw new NpuBridgeError('INVALID_ARGUMENT', `${what}: the model ${model} has none named ${JSON.stringify(name)}`, {
      suggestions: nameSuggestions(
        name,
        ports.map((port) => port.name),
        what,
      ),
    })
  }
}

/** Models that need no file. Echo takes any datatype and shape; what it says of its port is the most general of them. */
export const BUILTIN: ReadonlyArray<Omit<ServedModel, 'counters'>> = [
  {
    kind: 'echo',
    name: 'echo',
    version: '1',
    platform: 'npubridge_builtin',
    reference: 'echo',
    inputs: [{name: 'data', datatype: 'BYTES', shape: [-1]}],
    outputs: [{name: 'data', datatype: 'BYTES', shape: [-1]}],
    batches: false,
  },
  {
    kind: 'matrix_multiply',
    name: 'matrix_multiply',
    version: '1',
    platform: 'npubridge_builtin',
    reference: 'matrix_multiply',
    inputs: [matrix('a'), matrix('b')],
    outputs: [matrix('product')],
    batches: false,
  },
]

function matrix(name: string): Port {
  return {name, datatype: 'FP32' satisfies Datatype, shape: [-1, -1]}
}
