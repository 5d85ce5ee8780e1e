import type {Engine, InferenceOperation, OperationResult} from '../engine/engine.ts'

import {releaseOutputs} from '../engine/release.ts'

/** One inference whose outputs are given back, as by a program that has done with them. */
export async function infer(engine: Engine, operation: InferenceOperation): Promise<OperationResult> {
  const result = await engine.submit(operation)
  releaseOutputs(result)
  return result
}
