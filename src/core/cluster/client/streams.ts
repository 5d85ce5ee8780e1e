/** Streams: their state is on one node, and their operations go there one after another. */
import type {Operation} from '../../engine/engine.ts'

interface StreamState {
  /** The node that has the state; null before the first answer. */
  node: null | string
  last: Promise<unknown>
}

export class Streams {
  readonly #streams = new Map<string, StreamState>()

  nodeOf(operation: Operation): string | undefined {
    const stream = streamOf(operation)
    return stream === undefined ? undefined : (this.#streams.get(stream)?.node ?? undefined)
  }

  /** Runs `work` after what was given before for the same stream, and remembers where it was done. */
  async inOrder<T extends {readonly node: string}>(operation: Operation, work: () => Promise<T>): Promise<T> {
    const name = streamOf(operation)!
    const stream = this.#streams.get(name) ?? {node: null, last: Promise.resolve()}
    this.#streams.set(name, stream)
    const isLast = operation.type === 'inference' && operation.endOfStream === true
    const result = stream.last.then(work)
    stream.last = result.catch(() => undefined)
    try {
      const {node} = await result
      stream.node = node
      return await result
    } catch (error) {
      stream.node = null
      throw error
    } finally {
      if (isLast && this.#streams.get(name) === stream) this.#streams.delete(name)
    }
  }
}

export function streamOf(operation: Operation): string | undefined {
  return operation.type === 'inference' ? operation.stream : undefined
}
