/** How settings are described: each has a sentence, and what holds where nobody sets it. */
import {z} from 'zod'

/** What else a setting says in the JSON schema: its default, or a phrase where that depends on the machine. */
export type Unset = {readonly default: boolean | number | string} | {readonly note: string}

/** An optional setting with its description and what holds without it. */
export function setting<T extends z.ZodType>(schema: T, description: string, unset: Unset): z.ZodOptional<T> {
  const told = 'note' in unset ? {'x-default': unset.note} : {default: unset.default}
  return schema.optional().meta({description, ...told})
}

/** A whole number from `least`. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): z.ZodInt {
  return z.int().min(least).max(most)
}

/** A number from `least`, fractions included. */
export function amount(least: number): z.ZodNumber {
  return z.number().min(least)
}

export const DEVICES = ['auto', 'npu', 'gpu', 'cpu'] as const
export const PRECISIONS = ['FP32', 'FP16', 'BF16', 'INT8'] as const
