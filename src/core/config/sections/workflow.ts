import {z} from 'zod'

import {setting, whole} from '../section.ts'

export const workflow = z
  .strictObject({
    max_parallel: setting(
      whole(1, 10_000),
      'Tasks at once over all workflows of a process, whatever each of them and its agents allow.',
      {note: 'no limit but those of workflows and agents'},
    ),
  })
  .optional()
  .meta({description: 'How workflows are run.'})
