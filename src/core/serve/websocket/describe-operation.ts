/** Operations as the JSON and the tensors of a frame. */
import type {Operation} from '../../engine/engine.ts'

import {fieldsOf} from '../../run/operation-fields.ts'
import {describeTensors} from './binary-frame.ts'

export interface DescribedOperation {
  /** What `fieldsOf` gives, with tensors told by datatype, shape and size. */
  readonly fields: object
  /** Of its tensors, in the order in which the fields name them. */
  readonly bytes: readonly Uint8Array[]
}

/** Null for an operation without tensors: it goes as text, as it would stand in a line. */
export function describeOperation(operation: Operation): DescribedOperation | null {
  if (operation.type === 'signal') {
    const {bytes, described} = describeTensors({...operation.inputs, data: operation.data})
    const {data, ...inputs} = described as {data: unknown}
    return {fields: {...fieldsOf(operation), data, inputs}, bytes}
  }

  if (!('inputs' in operation)) return null
  const {bytes, described} = describeTensors({...operation.inputs})
  return {fields: {...fieldsOf(operation), inputs: described}, bytes}
}
