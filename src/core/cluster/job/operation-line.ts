/** Operations and results as text with the bytes of their tensors beside it, the way frames of a WebSocket have them. */
import type {Operation, OperationResult} from '../../engine/engine.ts'

import {exactText} from '../../engine/native/exact-json.ts'
import {NpuBridgeError} from '../../errors.ts'
import {fieldsOf} from '../../run/operation-fields.ts'
import {readRequest} from '../../run/request.ts'
import {BinaryFrame, describeTensors} from '../../serve/websocket/binary-frame.ts'
import {describeOperation} from '../../serve/websocket/describe-operation.ts'

export interface Parcel {
  readonly text: string
  readonly tensors: readonly Uint8Array[]
}

const LENGTH_BYTES = 4

export function parcelOfOperation(operation: Operation): Parcel {
  const {type} = operation
  const described = describeOperation(operation)
  if (described === null) return {text: exactText({type, ...fieldsOf(operation)}), tensors: []}
  return {text: exactText({type, ...described.fields}), tensors: described.bytes}
}

/**
 * @param mostElements that a tensor may have
 * @throws {NpuBridgeError} what is wrong with the operation
 */
export async function operationOf({tensors, text}: Parcel, mostElements: number): Promise<Operation> {
  // Where a line gives a path, which it may not, it is said of the path as it stands there.
  const folder = '/'
  if (tensors.length === 0) return operationIn(await readRequest(Buffer.from(text), 1, {folder}))
  const frame = frameOf({tensors, text}, mostElements)
  const translate = (value: unknown) => {
    frame.rewind()
    return value
  }

  const reading = await readRequest(frame.json, 1, {binary: frame.read, folder, translate})
  if (frame.rest > 0) throw new NpuBridgeError('PROTOCOL_ERROR', `${frame.rest} bytes of tensors belong to no input`)
  return operationIn(reading)
}

function operationIn(reading: Awaited<ReturnType<typeof readRequest>>): Operation {
  if ('error' in reading) throw reading.error
  return reading.operation
}

/** What a result says besides whose it is. */
export function parcelOfResult(result: OperationResult): Parcel {
  const {computeUs, data, device, engine, fallback, queueUs, totalUs} = result
  const outputs = result.outputs && describeTensors(result.outputs)
  const text = exactText({
    ...(outputs && {outputs: outputs.described}),
    ...(data !== undefined && {data}),
    device,
    engine,
    fallback,
    queue_us: Math.round(queueUs),
    compute_us: Math.round(computeUs),
    total_us: Math.round(totalUs),
  })
  return {text, tensors: outputs?.bytes ?? []}
}

export function frameOf({tensors, text}: Parcel, mostElements: number): BinaryFrame {
  const json = Buffer.from(text)
  const head = Buffer.alloc(LENGTH_BYTES)
  head.writeUInt32LE(json.length)
  return new BinaryFrame(Buffer.concat([head, json, ...tensors]), mostElements)
}
