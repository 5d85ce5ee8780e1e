/** What an answer from elsewhere looks like, and the result that it stands for. */
import {z} from 'zod'

import type {Operation, OperationResult, OutputTensor} from '../../engine/engine.ts'
import type {BinaryFrame} from '../websocket/binary-frame.ts'

import {ERROR_CODES} from '../../errors.ts'

/** The fields of a result, besides what tells whose it is. */
export const resultFields = {
  outputs: z.record(z.string(), z.looseObject({})).optional(),
  data: z.unknown().optional(),
  device: z.string().nullable(),
  engine: z.enum(['legacy', 'native', 'openvino-node']),
  fallback: z.object({from: z.string(), reason: z.string(), to: z.string()}).nullable(),
  queue_us: z.number(),
  compute_us: z.number(),
  total_us: z.number(),
} as const

export const errorFields = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  suggestions: z.array(z.string()),
})

export type ResultFields = z.infer<z.ZodObject<typeof resultFields>>

/**
 * The result that an answer tells of.
 *
 * @param frame the bytes of its tensors, where it came with some
 */
export function resultOf({type}: Operation, answer: ResultFields, frame: BinaryFrame | undefined): OperationResult {
  const {compute_us: computeUs, data, device, engine, fallback, queue_us: queueUs, total_us: totalUs} = answer
  const outputs = Object.entries(answer.outputs ?? {}).map(
    ([name, tensor]) => [name, frame?.read(tensor, `outputs.${name}`) as OutputTensor] as const,
  )
  return {
    type,
    ...(answer.outputs && {outputs: Object.fromEntries(outputs)}),
    ...(data !== undefined && {data}),
    device,
    engine,
    fallback,
    queueUs,
    computeUs,
    totalUs,
  }
}
