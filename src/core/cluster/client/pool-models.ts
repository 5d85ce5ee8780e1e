/** The models of a pool, for a server that has none of its own. */
import type {ClusterEngine} from './cluster-engine.ts'

import {NpuBridgeError} from '../../errors.ts'
import {type FoundModel, isModelName, type ModelSource} from '../../serve/service/model-folder.ts'

/** Workers tell which models they have loaded, not which they could load: any name may be one, and a worker says so. */
export class PoolModels implements ModelSource {
  readonly #pool: Pick<ClusterEngine, 'nodes'>

  constructor(pool: Pick<ClusterEngine, 'nodes'>) {
    this.#pool = pool
  }

  async find(name: string): Promise<FoundModel> {
    if (isModelName(name)) return found(name)
    throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(name.slice(0, 128))} is not the name of a model`)
  }

  async list(): Promise<FoundModel[]> {
    const names = new Set(this.#pool.nodes.flatMap(({models}) => models))
    return [...names].toSorted((a, b) => a.localeCompare(b, 'en')).map((name) => found(name))
  }
}

function found(name: string): FoundModel {
  return {file: name, name, reference: name, version: '1'}
}
