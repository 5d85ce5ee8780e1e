/** The schema of workflows for editors. */
import * as z from 'zod'

import {workflowDefinition} from './schema.ts'

export function workflowJsonSchema(): object {
  return {title: 'A workflow of npubridge', ...z.toJSONSchema(workflowDefinition, {io: 'input'})}
}
