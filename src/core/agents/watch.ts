/** Reads agents again when their files change. */
import {type FSWatcher, watch} from 'node:fs'

import {asNpuBridgeError, type NpuBridgeError} from '../errors.ts'
import {type AgentList, type AgentSources, readAgents} from './registry.ts'

/** Editors write a file in several steps; they are one change. */
const SETTLE_MS = 50

export type AgentsListener = (event: {readonly list: AgentList} | {readonly error: NpuBridgeError}) => void

/** Watches the folders of `sources` until it is disposed of. What is read is told; what fails is told too. */
export class AgentWatcher implements Disposable {
  readonly #sources: AgentSources
  readonly #listener: AgentsListener
  readonly #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(sources: AgentSources, listener: AgentsListener) {
    this.#sources = sources
    this.#listener = listener
    for (const folder of sources.folders ?? []) {
      // Changes are taken as they come; an iterator would have to be ended before the watcher can be closed.
      // eslint-disable-next-line n/prefer-promises/fs
      const watcher = watch(folder, {persistent: false}, () => {
        this.#changed()
      })
      watcher.on('error', (error) => {
        listener({error: asNpuBridgeError(error)})
      })
      this.#watchers.push(watcher)
    }
  }

  #changed(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      try {
        this.#listener({list: readAgents(this.#sources)})
      } catch (error) {
        this.#listener({error: asNpuBridgeError(error)})
      }
    }, SETTLE_MS)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers) watcher.close()
  }
}
