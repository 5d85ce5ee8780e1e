import type {Engine} from '../../engine/engine.ts'
import type {Description} from '../model-inputs.ts'

import {NpuBridgeError} from '../../errors.ts'

/**
 * Loads `model` and gives what it takes.
 *
 * @throws {NpuBridgeError} UNSUPPORTED_OPERATION when the engine does not tell, and what keeps it from being loaded
 */
export async function loadModel(engine: Engine, model: string): Promise<Description> {
  const {data} = await engine.submit({type: 'load_model', model})
  if (typeof data === 'object' && data !== null && 'inputs' in data) return data as Description
  throw new NpuBridgeError('UNSUPPORTED_OPERATION', `the ${engine.kind} engine does not tell what ${model} takes`)
}
