/** What `run` takes for a workflow. */
import {Flags} from '@oclif/core'

import {TEXT_METHODS} from '../core/routing/method.ts'
import {MODES} from '../core/workflow/mode-names.ts'

const WORKFLOW = {helpGroup: 'WORKFLOW'} as const

export const workflowFlags = {
  'dry-run': Flags.boolean({...WORKFLOW, description: 'show the levels of the workflow as a tree, and run nothing'}),
  mermaid: Flags.boolean({...WORKFLOW, description: 'show the workflow as a Mermaid graph, and run nothing'}),
  resume: Flags.boolean({...WORKFLOW, description: 'go on with an interrupted run; finished tasks are not run again'}),
  journal: Flags.string({
    ...WORKFLOW,
    description: 'where finished tasks are written down; .npubridge beside the workflow when absent',
    helpValue: 'FILE',
  }),
  agents: Flags.string({
    ...WORKFLOW,
    description: 'folder of agents, before those that the workflow names',
    helpValue: 'DIR',
  }),
  method: Flags.option({options: TEXT_METHODS})({
    ...WORKFLOW,
    description: 'how the agents of tasks that name none are chosen; auto is hybrid where the model minilm can run',
  }),
  mode: Flags.option({options: MODES})({...WORKFLOW, description: 'what holds where the workflow does not say'}),
  'max-parallel': Flags.integer({
    ...WORKFLOW,
    description: 'tasks at once; can only lower what the workflow says',
    min: 1,
  }),
  'break-cycles': Flags.boolean({
    ...WORKFLOW,
    description: 'let the most urgent task of a cycle go first instead of refusing the workflow',
  }),
}
