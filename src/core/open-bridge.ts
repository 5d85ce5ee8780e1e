/** The bridge of a command: what its flags do not say comes from the project's configuration. */
import type {ClusterEngine} from './cluster/client/cluster-engine.ts'
import type {Config} from './config/schema.ts'
import type {LiveNode} from './dashboard/nodes.ts'
import type {Engine} from './engine/engine.ts'
import type {ModelSource} from './serve/service/model-folder.ts'

import {type BridgeOptions, createBridge} from './bridge.ts'
import {connectCluster} from './cluster/connect.ts'
import {configuredCluster} from './cluster/options.ts'
import {resolveConfig} from './config/resolve.ts'
import {LazyEngine} from './routing/lazy-engine.ts'
import {connectTo} from './serve/client/connection.ts'

export interface BridgeFlags {
  /** The file of a configuration. */
  readonly config?: string | undefined
  readonly device?: string | undefined
  readonly engine?: string | undefined
  readonly legacy?: string | undefined
  readonly profile?: string | undefined
  readonly runtime?: string | undefined
}

/** @throws NpuBridgeError CONFIG_INVALID naming the setting and where it comes from */
export async function configOf({config: file, device, engine, legacy, profile, runtime}: BridgeFlags): Promise<Config> {
  const flags = {device, engine, legacy_module: legacy, profile, runtime}
  const {config} = await resolveConfig({file, flags})
  return config
}

/** What is of the command alone, and no setting. */
type OwnOptions = Pick<BridgeOptions, 'modelsFolder' | 'signal'>

/** @throws NpuBridgeError CONFIG_INVALID naming the setting and where it comes from; what keeps an engine from starting */
export async function openBridge(flags: BridgeFlags, own: OwnOptions = {}): Promise<Engine> {
  return createBridge({config: await configOf(flags), ...own})
}

export interface EngineFlags extends BridgeFlags {
  readonly server?: string | undefined
  /** The URL of the Redis server of a pool. */
  readonly cluster?: string | undefined
}

/** As {@link openBridge}, or a server or a pool that has the engine. */
export async function openEngine({
  cluster,
  server,
  ...flags
}: EngineFlags): Promise<AsyncDisposable & Pick<Engine, 'submit'>> {
  if (cluster !== undefined) return openCluster(cluster, flags)
  return server === undefined ? openBridge(flags) : connectTo(server, {token: process.env.NPUBRIDGE_TOKEN})
}

/**
 * A pool in place of an engine. What joins several hosts is loaded here and not before.
 *
 * @throws NpuBridgeError PROTOCOL_ERROR where there is no Redis, DEVICE_UNAVAILABLE where no worker has joined
 */
export async function openCluster(queue: string, flags: BridgeFlags): Promise<ClusterEngine> {
  const config = await configOf(flags)
  return connectCluster(configuredCluster({config, env: process.env, queue}))
}

/** What a server runs on: an engine here with the models of a folder, or a pool with those of its workers. */
export async function servedEngine(
  {cluster, ...flags}: EngineFlags,
  own: OwnOptions,
): Promise<{engine: Engine; models?: ModelSource; readNodes?: () => readonly LiveNode[]}> {
  if (cluster === undefined) return {engine: await openBridge(flags, own)}
  const {PoolModels} = await import('./cluster/client/pool-models.ts')
  const {liveNodes} = await import('./cluster/node/live-nodes.ts')
  const engine = await openCluster(cluster, flags)
  return {engine, models: new PoolModels(engine), readNodes: () => liveNodes(engine.nodes)}
}

/** What a workflow runs on, opened when a task needs it. */
export interface WorkflowEngine extends AsyncDisposable {
  readonly openEngine: () => Promise<Engine>
  /** Who does the tasks of agents elsewhere; undefined where all are done here. */
  readonly openDelegate: (() => Promise<ClusterEngine>) | undefined
}

/** The engine of a workflow: one here, or a pool. */
export function workflowEngine({cluster, ...flags}: EngineFlags): WorkflowEngine {
  if (cluster === undefined) {
    const lazy = new LazyEngine(async () => openBridge(flags))
    return {
      openDelegate: undefined,
      openEngine: lazy.get,
      [Symbol.asyncDispose]: async () => lazy[Symbol.asyncDispose](),
    }
  }

  const lazy = new LazyEngine(async () => openCluster(cluster, flags))
  return {openDelegate: lazy.get, openEngine: lazy.get, [Symbol.asyncDispose]: async () => lazy[Symbol.asyncDispose]()}
}
