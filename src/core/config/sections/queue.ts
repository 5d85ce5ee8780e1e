import {z} from 'zod'

import {PRIORITIES} from '../../engine/engine.ts'
import {setting, whole} from '../section.ts'

const limit = whole(1, 2 ** 31)

/** One limit for each priority, by name; or all five in their order, null for none. */
const perPriority = z.union([
  z.strictObject(Object.fromEntries(PRIORITIES.map((name) => [name, limit.optional()]))),
  z.array(limit.nullable()).max(PRIORITIES.length),
])

export const queue = z
  .strictObject({
    capacity: setting(limit, 'How many operations may wait.', {default: 1 << 20}),
    policy: setting(
      z.enum(['reject', 'wait']),
      'What happens to operations for which there is no room: they fail with QUEUE_FULL, or are held back until there is.',
      {default: 'reject'},
    ),
    per_priority: setting(perPriority, 'How many operations of each priority may wait, e.g. {"low": 1000}.', {
      note: 'only the total counts',
    }),
  })
  .optional()
  .meta({description: 'The queue in front of the devices.'})
