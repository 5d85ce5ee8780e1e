import {z} from 'zod'

import {amount, setting, whole} from '../section.ts'

export const breaker = z
  .strictObject({
    failures: setting(whole(1, 1_000_000), 'Consecutive failures that take a device out of service.', {default: 3}),
    pause_ms: setting(amount(1), 'How long it rests before it is tried again, in milliseconds; doubles each time.', {
      default: 1000,
    }),
    longest_pause_ms: setting(amount(1), 'The longest such pause, in milliseconds.', {default: 60_000}),
  })
  .optional()
  .meta({description: 'How a failing device is taken out of service and brought back.'})
