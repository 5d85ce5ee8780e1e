import {z} from 'zod'

import {setting, whole} from '../section.ts'

const model = z.strictObject({
  profile: setting(z.string().min(1), 'The profile that this model is run with.', {note: 'that of all models'}),
  shapes: setting(
    z.record(z.string(), z.array(whole(0, 2 ** 31)).max(16)),
    'Input shapes to fix before compiling, by input name.',
    {note: 'as the model says'},
  ),
})

export const models = z
  .record(z.string().min(1), model)
  .optional()
  .meta({description: 'Settings of single models, by the name or path that operations use.'})
