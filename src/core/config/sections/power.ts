import {z} from 'zod'

import {setting} from '../section.ts'

export const power = z
  .strictObject({
    adapt: setting(
      z.boolean(),
      'Whether fewer inferences are on an NPU at once, and wait longer for others to join them, while it is throttled.',
      {default: true},
    ),
    budget_watts: setting(
      z.number().positive(),
      'Power that an NPU may take on average, in watts. Needs telemetry that only root can read.',
      {note: 'none'},
    ),
    sysfs_root: setting(z.string().min(1), 'Where /sys is found, e.g. /host in a container.', {default: '/'}),
  })
  .optional()
  .meta({description: 'What happens when an NPU gets hot or takes too much power.'})
