import {z} from 'zod'

import {setting, whole} from '../section.ts'

export const batching = z
  .strictObject({
    max: setting(whole(1, 1024), 'The most operations in one inference; 1 turns batching off.', {default: 32}),
    delay_us: setting(whole(0, 60_000_000), 'How long the first operation may wait for others, in microseconds.', {
      default: 0,
    }),
    adaptive: setting(z.boolean(), 'Whether fewer are run together when that proves faster.', {default: true}),
    preferred: setting(
      z.array(whole(1, 1024)).max(16),
      'Sizes to run; the largest that enough operations wait for runs at once.',
      {note: 'any'},
    ),
  })
  .optional()
  .meta({description: 'How operations of one model are run together.'})
