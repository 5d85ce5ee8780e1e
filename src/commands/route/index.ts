import {Args, Flags} from '@oclif/core'

import type {RouteReport} from '../../core/routing/route.ts'

import {BaseCommand} from '../../base-command.ts'
import {TEXT_METHODS} from '../../core/routing/method.ts'
import {configFlag} from '../../flags/config.ts'
import {deviceFlags} from '../../flags/engine.ts'

/** Apart from `await using`: tsc does not rewrite the names of files that are imported in a function with it. */
const load = async () => ({
  ...(await import('../../core/open-bridge.ts')),
  ...(await import('../../core/routing/lazy-engine.ts')),
  ...(await import('../../core/routing/route.ts')),
  ...(await import('../../ui/route.ts')),
})

export default class Route extends BaseCommand {
  static override summary = 'Choose the agent for a text, or measure how well agents are chosen'

  static override description = `Agents are Markdown files with front matter, as in .claude/agents. They are compared with the text by shared words (lexical), by meaning (semantic, with the model minilm on the device), or by both (hybrid). That no agent fits is an answer too. With --head, the labels that "route train" has learned are chosen from.

The file of --eval is JSON: a list of [text, label], or an object of such lists: train, val, oos_train, oos_val. Measured are val and, for what is out of scope, the oos lists.`

  static override examples = [
    {
      command: '<%= config.bin %> <%= command.id %> "find out why the build fails" --agents .claude/agents',
      description: 'The agent for a task, and why',
    },
    {
      command: '<%= config.bin %> <%= command.id %> --eval intents.json --head intents.head --json',
      description: 'Accuracy, confusions, and what is out of scope',
    },
    {
      description: 'By words alone, and more candidates',
      command:
        '<%= config.bin %> <%= command.id %> "count the words of a file" --method lexical --top 5 --threshold 0.2',
    },
    {
      description: 'Texts embedded on the NPU',
      command: '<%= config.bin %> <%= command.id %> "look for typing mistakes" --method semantic --device npu',
    },
  ]

  static override args = {text: Args.string({description: 'what is to be done', ignoreStdin: true})}

  static override flags = {
    agents: Flags.string({description: 'folder of agents; .claude/agents or agents when absent', helpValue: 'DIR'}),
    method: Flags.option({options: TEXT_METHODS})({
      description: 'how agents are compared; auto, the default, is hybrid where the model minilm can run',
    }),
    head: Flags.string({description: 'what "route train" has learned', helpValue: 'FILE'}),
    eval: Flags.string({description: 'measure by the examples of this file', helpValue: 'FILE'}),
    top: Flags.integer({default: 3, description: 'how many candidates are shown', min: 1}),
    threshold: Flags.custom<number>({parse: async (text) => parseThreshold(text)})({
      description: 'score, or evidence of a head, below which no agent fits',
      helpValue: 'NUMBER',
    }),
    ...deviceFlags,
    ...configFlag,
  }

  async run(): Promise<RouteReport> {
    const {args, flags} = await this.parse(Route)
    const {configOf, openBridge, LazyEngine, routeOrEvaluate, renderEvaluation, renderRoute} = await load()
    const {agents, eval: evaluated, head, method, threshold, top} = flags
    const config = await configOf(flags)
    await using lazy = new LazyEngine(async () => openBridge(flags))
    const report = await routeOrEvaluate({
      agentsFolder: agents ?? config.agents,
      config,
      evaluate: evaluated,
      folder: process.cwd(),
      head,
      method,
      openEngine: lazy.get,
      signal: this.interrupted,
      text: args.text,
      threshold,
      topK: top,
    })
    for (const note of report.notes) this.logToStderr(`! ${note}`)
    this.log('accuracy' in report ? renderEvaluation(report) : renderRoute(report, report.method))
    return report
  }
}

function parseThreshold(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new Error(`--threshold is "${text}", it must be a number`)
  return value
}
