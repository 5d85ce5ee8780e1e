import {z} from 'zod'

import {TEXT_METHODS} from '../../routing/method.ts'
import {setting} from '../section.ts'

export const routing = z
  .strictObject({
    method: setting(
      z.enum(TEXT_METHODS),
      'How agents are compared where neither a flag nor the workflow says; auto is hybrid where the model minilm can run, else lexical.',
      {default: 'auto'},
    ),
  })
  .optional()
  .meta({description: 'How an agent is chosen for a text.'})
