/** Runs an operation of the engine for a task, as a line of `npubridge run` would. */
import type {OperationHandler, OperationOutput, TaskContext} from '../../agents/agent.ts'
import type {Engine, OperationResult} from '../../engine/engine.ts'

import {NpuBridgeError} from '../../errors.ts'
import {readRequest} from '../../run/request.ts'
import {submitRequest} from '../../run/submit-request.ts'
import {TensorFiles} from '../../run/tensor-files.ts'
import {fillValue} from '../placeholders.ts'

/** More numbers than this are not what a workflow hands from task to task. */
const MOST_NUMBERS = 1_000_000

/** @throws {NpuBridgeError} what is wrong with the operation, or why it failed */
export async function runOperation(
  handler: OperationHandler,
  context: TaskContext,
  engine: Pick<Engine, 'submit'>,
): Promise<OperationOutput> {
  const filled = fillValue(handler.template, context) as object
  const files = new TensorFiles({folder: handler.folder})
  const request = await readRequest(Buffer.from(JSON.stringify(filled)), 1, {
    files,
    folder: handler.folder,
    framed: true,
  })
  if ('error' in request) throw request.error
  return outputOf(await submitRequest(engine, request, context.signal))
}

function outputOf({data, device, fallback, outputs = {}}: OperationResult): OperationOutput {
  const tensors = Object.entries(outputs).map(([name, tensor]) => {
    if (tensor.data.length > MOST_NUMBERS) {
      const message = `output ${name} has ${tensor.data.length} numbers, a task's output has at most ${MOST_NUMBERS}`
      throw new NpuBridgeError('RESOURCE_EXHAUSTED', message)
    }

    return [name, {data: Array.from(tensor.data as ArrayLike<bigint | number>, Number), shape: tensor.shape}] as const
  })
  return {
    device,
    fallback,
    ...(data !== undefined && {data}),
    ...(tensors.length > 0 && {outputs: Object.fromEntries(tensors)}),
  }
}
