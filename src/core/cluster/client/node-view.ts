/** What a caller knows of the nodes, as fresh as placement needs it. */
import type {Announcement} from '../node/announcement.ts'
import type {NodeDirectory} from '../node/directory.ts'
import type {Candidate} from '../placement/place.ts'

import {candidatesOf} from '../placement/candidates.ts'

export class NodeView {
  readonly #directory: NodeDirectory
  readonly #own: () => ReadonlyMap<string, number>
  #nodes: readonly Announcement[] = []
  #candidates: Candidate[] = []
  #byName = new Map<string, Candidate>()
  /** Since when no node has been there; undefined while there is one. */
  emptySince: number | undefined

  /** @param own how many operations this caller has on each node */
  constructor(directory: NodeDirectory, own: () => ReadonlyMap<string, number>) {
    this.#directory = directory
    this.#own = own
  }

  get nodes(): readonly Announcement[] {
    return this.#nodes
  }

  get candidates(): readonly Candidate[] {
    return this.#candidates
  }

  async refresh(): Promise<void> {
    this.#nodes = await this.#directory.alive()
    this.#candidates = candidatesOf(this.#nodes, this.#own())
    this.#byName = new Map(this.#candidates.map((node) => [node.name, node]))
    if (this.#candidates.some(({isOpen}) => isOpen)) this.emptySince = undefined
    else this.emptySince ??= performance.now()
  }

  /** Until the node says so itself: it has one operation more, or one less. */
  count(name: string, change: number): void {
    const node = this.#byName.get(name)
    if (node) node.load = Math.max(0, node.load + change / node.capacity)
  }

  /** A model is there from the moment that an inference with it has succeeded. */
  learn(name: string, model: string): void {
    const models = this.#byName.get(name)?.models
    if (models && !models.has(model)) (models as Set<string>).add(model)
  }

  isAlive(name: string): boolean {
    return this.#byName.has(name)
  }
}
