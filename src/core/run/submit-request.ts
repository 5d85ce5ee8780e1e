/** Hands a request to an engine: as it is, or frame by frame. */
import type {Engine, OperationResult} from '../engine/engine.ts'
import type {Request} from './request.ts'

import {submitFramed} from '../framing/submit.ts'

export async function submitRequest(
  engine: Pick<Engine, 'submit'>,
  {frames, operation, options}: Request,
  signal: AbortSignal,
): Promise<OperationResult> {
  const asked = {...options, signal}
  if (frames === undefined || operation.type !== 'inference') return engine.submit(operation, asked)
  return submitFramed(engine, operation, frames, asked)
}
