/** What callers and workers of a pool have in common, from the section `cluster` of the configuration. */
import type {Config} from '../config/schema.ts'

import {NpuBridgeError} from '../errors.ts'

export interface ClusterOptions {
  /** The URL of the Redis or Valkey server. */
  readonly queue: string
  readonly pool: string
  /** How often a job is begun before it is given up. */
  readonly attempts: number
  readonly heartbeatMs: number
  readonly recoverMs: number
  readonly unreachableMs: number
  readonly inlineBytes: number
  readonly tensorBytes: number
  readonly tensorExpiryMs: number
  readonly sharedFolder: string | null
  readonly answerExpiryMs: number
  /** The key that jobs are signed with; null: they are not. */
  readonly key: string | null
}

/** What a caller of the API may set; the rest has its default. */
export type ClusterSettings = Partial<ClusterOptions> & Pick<ClusterOptions, 'queue'>

const DEFAULTS: Omit<ClusterOptions, 'queue'> = {
  pool: 'npubridge',
  attempts: 3,
  heartbeatMs: 1000,
  recoverMs: 10_000,
  unreachableMs: 10_000,
  inlineBytes: 16 * 1024,
  tensorBytes: 64 * 2 ** 20,
  tensorExpiryMs: 600_000,
  sharedFolder: null,
  answerExpiryMs: 3_600_000,
  key: null,
}

const SHORTEST_KEY = 16
/** It is a part of keys in Redis. */
const POOL = /^[\w-]{1,64}$/

/** @throws {NpuBridgeError} INVALID_ARGUMENT for a key that is too short, and what cannot be the name of a pool */
export function clusterOptions(settings: ClusterSettings): ClusterOptions {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  const options: ClusterOptions = {...DEFAULTS, ...(given as ClusterSettings)}
  if (options.key !== null && options.key.length < SHORTEST_KEY) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `the key of the pool has ${options.key.length} characters`, {
      suggestions: [`it has ${SHORTEST_KEY} or more that nobody can guess: openssl rand -base64 32`],
    })
  }

  if (!POOL.test(options.pool)) {
    throw new NpuBridgeError('INVALID_ARGUMENT', `${JSON.stringify(options.pool)} is no name for a pool`, {
      suggestions: ['letters, digits, hyphens and underscores, at most 64'],
    })
  }

  return options
}

export interface ClusterSources {
  /** What a flag says. */
  readonly queue?: string | undefined
  readonly config: Pick<Config, 'cluster'>
  readonly env: NodeJS.ProcessEnv
}

/**
 * The options of a command.
 *
 * @throws {NpuBridgeError} INVALID_ARGUMENT where nobody says which pool is meant
 */
export function configuredCluster({config: {cluster = {}}, env, queue}: ClusterSources): ClusterOptions {
  const url = queue ?? cluster.queue
  if (url === undefined) {
    throw new NpuBridgeError('INVALID_ARGUMENT', 'no pool is named', {
      suggestions: ['--queue redis://HOST:6379', 'or set cluster.queue in npubridge.config.json'],
    })
  }

  return clusterOptions({
    queue: url,
    pool: cluster.pool,
    attempts: cluster.attempts,
    heartbeatMs: cluster.heartbeat_ms,
    recoverMs: cluster.recover_ms,
    unreachableMs: cluster.unreachable_ms,
    inlineBytes: cluster.inline_bytes,
    tensorBytes: cluster.tensor_bytes,
    tensorExpiryMs: cluster.tensor_expiry_ms,
    sharedFolder: cluster.shared_folder,
    answerExpiryMs: cluster.answer_expiry_ms,
    key: env.NPUBRIDGE_CLUSTER_KEY || undefined,
  } as ClusterSettings)
}
