// Writes docs/schemas/workflow.schema.json from the schema that workflows are read with.
import {writeFileSync} from 'node:fs'

import {workflowJsonSchema} from '../dist/core/workflow/json-schema.js'

writeFileSync(
  new URL('../docs/schemas/workflow.schema.json', import.meta.url),
  `${JSON.stringify(workflowJsonSchema(), null, 2)}\n`,
)
