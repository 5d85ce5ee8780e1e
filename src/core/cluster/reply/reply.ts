/** Answers, as workers put them into the stream of a caller. */
import {z} from 'zod'

import type {Operation, OperationResult} from '../../engine/engine.ts'

import {NpuBridgeError} from '../../errors.ts'
import {parseJsonExactly} from '../../run/json.ts'
import {errorFields, resultFields, resultOf} from '../../serve/client/answer.ts'
import {tensorReference} from '../job/job.ts'
import {frameOf} from '../job/operation-line.ts'

const common = {
  id: z.string(),
  /** Which worker did it. */
  node: z.string(),
  /** The how-many-eth beginning of the job it was, from 1. */
  attempt: z.int().min(0),
}

const replySchema = z.union([
  z.strictObject({...common, error: errorFields}),
  /** It was moved to this lane, as this job: its node is gone, or it is to be tried again alone. */
  z.strictObject({...common, lane: z.string(), job: z.string()}),
  /** The answer as text, and the tensors that it describes. */
  z.strictObject({...common, text: z.string(), tensors: z.array(tensorReference)}),
])
export type Reply = z.output<typeof replySchema>

/** Undefined for what no worker of this version writes. */
export function parseReply(text: string): Reply | undefined {
  try {
    return replySchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** What an agent gave, as the data of an answer. */
export const taskAnswer = z.strictObject({note: z.string().nullable(), output: z.unknown()})
export type TaskAnswer = z.output<typeof taskAnswer>

const answerSchema = z.looseObject(resultFields)
const MOST_ELEMENTS = 2 ** 31 - 1

/** @throws {NpuBridgeError} PROTOCOL_ERROR for an answer that is none */
export function resultIn(
  operation: Operation,
  {text}: Extract<Reply, {text: string}>,
  tensors: readonly Uint8Array[],
): OperationResult {
  const answer = answerSchema.safeParse(parseJsonExactly(text))
  if (!answer.success) throw new NpuBridgeError('PROTOCOL_ERROR', 'a worker gave an answer that is none')
  return resultOf(operation, answer.data, tensors.length > 0 ? frameOf({text, tensors}, MOST_ELEMENTS) : undefined)
}
