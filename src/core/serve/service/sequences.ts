import type {SequenceStep} from './inference.ts'

/** More are forgotten, the one that was used longest ago first; the engine ends idle streams by itself. */
const MOST_SEQUENCES = 16_384

/** Names the engine's streams for sequences of clients, so that one that is started anew begins with fresh state. */
export class Sequences {
  readonly #generations = new Map<string, number>()
  #started = 0

  streamOf(model: string, {end, id, start}: SequenceStep): string {
    const key = `${model}/${id}`
    const known = this.#generations.get(key)
    const generation = known === undefined || start ? ++this.#started : known
    this.#generations.delete(key)
    if (!end) this.#keep(key, generation)
    return `${id}#${generation}`
  }

  #keep(key: string, generation: number): void {
    this.#generations.set(key, generation)
    if (this.#generations.size <= MOST_SEQUENCES) return
    const [oldest] = this.#generations.keys()
    this.#generations.delete(oldest!)
  }
}
