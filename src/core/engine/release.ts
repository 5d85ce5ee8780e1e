/** Memory of outputs, given back before the garbage collector comes to it. */
import type {OperationResult} from './result.ts'

/** Arrays up to this many bytes share memory with others. */
const SHARED_BYTES = 64 * 1024

/**
 * Gives the memory of large outputs back at once: their arrays are empty afterwards. Whoever has read many of them should,
 * because V8 knows such memory by its size only and collects everything, several times a second, for what fills up.
 * Outputs up to 64 KiB, which share memory with others, stay as they are.
 */
export function releaseOutputs({outputs}: Pick<OperationResult, 'outputs'>): void {
  for (const name in outputs) releaseArray(outputs[name]!.data)
}

/** The same for one array, where nothing else is in its memory. */
export function releaseArray({buffer, byteLength}: ArrayBufferView): void {
  if (byteLength <= SHARED_BYTES || byteLength < buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
