import {z} from 'zod'

import {setting, whole} from '../section.ts'

const MIB = 2 ** 20

export const cluster = z
  .strictObject({
    queue: setting(z.string().min(1), 'Where the pool meets: the URL of a Redis or Valkey server.', {note: 'none'}),
    pool: setting(z.string().min(1), 'Name of the pool; several may share one server.', {default: 'npubridge'}),
    attempts: setting(whole(1, 100), 'How often a job is begun before it is given up as failed.', {default: 3}),
    heartbeat_ms: setting(whole(50, 60_000), 'How often a worker announces itself, in milliseconds.', {default: 1000}),
    recover_ms: setting(
      whole(400, 600_000),
      'Within which time the job of a worker that died is given to another one, in milliseconds.',
      {default: 10_000},
    ),
    unreachable_ms: setting(
      whole(100, 3_600_000),
      'For how long a caller bears that Redis, or every worker, is away, in milliseconds.',
      {default: 10_000},
    ),
    inline_bytes: setting(
      whole(0, MIB),
      'Up to this size in bytes the tensors of an operation are in its job; larger ones are referred to.',
      {default: 16 * 1024},
    ),
    tensor_bytes: setting(whole(1, 512 * MIB), 'Largest tensor that is put into Redis, in bytes.', {
      default: 64 * MIB,
    }),
    tensor_expiry_ms: setting(whole(1000), 'After how long a tensor that nobody fetched is gone, in milliseconds.', {
      default: 600_000,
    }),
    shared_folder: setting(
      z.string().min(1),
      'Folder that callers and workers share; large tensors are files there instead of values in Redis.',
      {note: 'none'},
    ),
    answer_expiry_ms: setting(
      whole(1000),
      'For how long the answer to an operation with an idempotency key is kept, in milliseconds.',
      {default: 3_600_000},
    ),
  })
  .optional()
  .meta({description: 'Several hosts that share their work.'})
