import {z} from 'zod'

import {setting} from '../section.ts'

export const routing = z
  .strictObject({
    method: setting(
      z.enum(['auto', 'lexical', 'semantic', 'hybrid']),
      'How agents are compared where neither a flag nor the workflow says; auto is hybrid where the model minilm can run, else lexical.',
      {default: 'auto'},
    ),
  })
  .optional()
  .meta({description: 'How an agent is chosen for a text.'})
