import type {NpuBridgeError} from '../../errors.ts'
import type {Fallback, OutputTensor} from '../engine.ts'

import {type NativeEngineHandle, parseNativeError} from '../binding.ts'
import {parseExactText} from './exact-json.ts'
import {viewTensor} from './tensors.ts'

/** Doubles of one drain. An answer takes at least ten. */
const RECORDS = 1 << 15
/** Bytes that small outputs share: what one that is kept for long keeps alive at the most. */
const SLAB = 1 << 18
/** The engine wants room for its largest small output in a slab. */
const LEAST_ROOM = 1 << 16
const HEAD = 10
const TENSOR_HEAD = 6
const NONE = -1

/** What an answer carries, by the number in its record. */
const CARRIES = {tensors: 1, bytes: 2, report: 3, tensor: 4} as const

/** One decoded answer. `data` and `outputs` are undefined when there are none. */
export interface Answer {
  token: number
  error: NpuBridgeError | undefined
  outputs: Record<string, OutputTensor> | undefined
  data: unknown
  device: string | null
  fallback: Fallback | null
  queueUs: number
  computeUs: number
  totalUs: number
}

const decoder = new TextDecoder()

/** Memory of V8's own, so that letting it go costs no call of a finalizer; all that is read of it was written before. */
function newSlab(): Uint8Array {
  return Buffer.allocUnsafeSlow(SLAB)
}

/** Drains and decodes answers. The format is that of outbox.rs. */
export class Answers {
  readonly #engine: NativeEngineHandle
  readonly #records = new Float64Array(RECORDS)
  readonly #names: string[] = []
  readonly #fallbacks: Fallback[] = []
  readonly #hows: unknown[] = []
  #at = 0
  #slab = newSlab()
  #used = 0
  #large: Uint8Array[] | undefined
  #errors: string[] | undefined
  /** One object for all: the receiver copies what it needs. */
  readonly #answer: Answer = {
    token: 0,
    error: undefined,
    outputs: undefined,
    data: undefined,
    device: null,
    fallback: null,
    queueUs: 0,
    computeUs: 0,
    totalUs: 0,
  }

  constructor(engine: NativeEngineHandle) {
    this.#engine = engine
  }

  /** Gives each answer that is there to `receive`, which must not keep the object. */
  drain(receive: (answer: Answer) => void): void {
    for (let isMore = true; isMore;) {
      if (this.#used + LEAST_ROOM > SLAB) {
        this.#slab = newSlab()
        this.#used = 0
      }

      const count = this.#engine.drain(this.#records, this.#slab, this.#used)
      // A negative number: that many, and there are more.
      isMore = count < 0
      this.#used = this.#records[0]!
      this.#at = 1
      this.#large = undefined
      this.#errors = undefined
      for (let left = Math.abs(count); left > 0; left--) receive(this.#next())
    }
  }

  #next(): Answer {
    const records = this.#records
    const at = this.#at
    const answer = this.#answer
    answer.token = records[at]!
    answer.queueUs = records[at + 2]!
    answer.computeUs = records[at + 3]!
    answer.totalUs = records[at + 4]!
    const device = records[at + 5]!
    answer.device = device === NONE ? null : this.#name(device)
    const fallback = records[at + 6]!
    answer.fallback = fallback === NONE ? null : this.#fallback(fallback)
    answer.outputs = undefined
    answer.data = undefined
    this.#at = at + HEAD
    const error = records[at + 1]!
    answer.error = error === NONE ? undefined : this.#error(error)
    this.#content(records[at + 7]!, records[at + 8]!, records[at + 9]!)
    return answer
  }

  #content(carries: number, first: number, second: number): void {
    const answer = this.#answer
    switch (carries) {
      case CARRIES.tensors: {
        const outputs: Record<string, OutputTensor> = {}
        for (let left = first; left > 0; left--) {
          const name = this.#name(this.#records[this.#at]!)
          outputs[name] = this.#tensor()
        }

        answer.outputs = outputs
        // What processed a signal stands among the names, since there are few such texts.
        if (second > 0) answer.data = this.#how(second - 1)
        break
      }

      case CARRIES.tensor: {
        answer.data = this.#tensor().data
        break
      }

      case CARRIES.bytes: {
        answer.data = parseExactText(this.#text(first, second))
        break
      }

      case CARRIES.report: {
        answer.data = JSON.parse(this.#text(first, second))
        break
      }
    }
  }

  #tensor(): OutputTensor {
    const records = this.#records
    const at = this.#at
    const rank = records[at + 2]!
    const large = records[at + 3]!
    const source = large === NONE ? this.#slab : this.#largeBytes(large)
    const shape: number[] = []
    for (let index = 0; index < rank; index++) shape.push(records[at + TENSOR_HEAD + index]!)
    this.#at = at + TENSOR_HEAD + rank
    return viewTensor(records[at + 1]!, shape, source, records[at + 4]!, records[at + 5]!)
  }

  /** Text whose length follows in the record. */
  #text(large: number, offset: number): string {
    const length = this.#records[this.#at++]!
    const source = large === NONE ? this.#slab : this.#largeBytes(large)
    return decoder.decode(source.subarray(offset, offset + length))
  }

  #largeBytes(index: number): Uint8Array {
    this.#large ??= this.#engine.takeLarge()
    return this.#large[index]!
  }

  #error(index: number): NpuBridgeError {
    this.#errors ??= this.#engine.takeErrors()
    return parseNativeError(this.#errors[index]!)
  }

  #name(id: number): string {
    return (this.#names[id] ??= this.#engine.nameOf(id))
  }

  #how(id: number): unknown {
    return (this.#hows[id] ??= JSON.parse(this.#name(id)))
  }

  #fallback(id: number): Fallback {
    return (this.#fallbacks[id] ??= JSON.parse(this.#engine.fallbackOf(id)) as Fallback)
  }
}
