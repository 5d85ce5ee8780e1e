import {z} from 'zod'

/** A device as the runtime describes it. */
export const deviceSchema = z.object({
  name: z.string(),
  /** Null when the runtime does not say. */
  fullName: z.string().nullable(),
  properties: z.record(z.string(), z.string()),
  /** Properties that could not be read, with the reason. */
  unreadable: z.record(z.string(), z.string()),
})

/** What came of compiling and running a tiny model on one device. */
export const deviceTestSchema = z.object({
  device: z.string(),
  ok: z.boolean(),
  computeUs: z.number().optional(),
  error: z.object({code: z.string(), message: z.string()}).optional(),
})

export const runtimeReportSchema = z.object({
  version: z.string(),
  folder: z.string(),
  devices: z.array(deviceSchema),
  tests: z.array(deviceTestSchema).optional(),
})

const tensorInfoSchema = z.object({
  name: z.string(),
  datatype: z.string(),
  /** -1 for a dimension that is free. */
  shape: z.array(z.number().int()),
})

export const modelInterfaceSchema = z.object({
  inputs: z.array(tensorInfoSchema),
  outputs: z.array(tensorInfoSchema),
})

export type RuntimeReport = z.infer<typeof runtimeReportSchema>
export type RuntimeDevice = z.infer<typeof deviceSchema>
export type DeviceTest = z.infer<typeof deviceTestSchema>
/** The inputs and outputs of a model, as the runtime reads them. */
export type ModelInterface = z.infer<typeof modelInterfaceSchema>
export type TensorInfo = z.infer<typeof tensorInfoSchema>
