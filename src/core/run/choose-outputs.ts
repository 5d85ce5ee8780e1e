import type {OperationResult} from '../engine/engine.ts'

import {NpuBridgeError} from '../errors.ts'
import {nameSuggestions} from './nearest.ts'

/** Only the outputs that were asked for, in their order. @throws {NpuBridgeError} INVALID_ARGUMENT for one that is not there */
export function chooseOutputs(result: OperationResult, names: readonly string[]): OperationResult {
  const outputs = result.outputs ?? {}
  const known = Object.keys(outputs)
  const chosen = names.map((name, index) => {
    if (Object.hasOwn(outputs, name)) return [name, outputs[name]!] as const
    throw new NpuBridgeError('INVALID_ARGUMENT', `outputs[${index}] is "${name}", which the result does not have`, {
      suggestions: nameSuggestions(name, known, 'outputs'),
    })
  })
  return {...result, outputs: Object.fromEntries(chosen)}
}
